"""Values of a source: text that stands for null, types of ids, patterns of times, faults, and what a load says of them."""

from datetime import datetime
from typing import Any

import pytest

from support.source_rows import COLUMNS, SCHEMA, parse, read_faults, select_rows, utc
from walkgram.config.source import Columns
from walkgram.errors import InputError
from walkgram.stages.source import ids, interactions, load_report
from walkgram.stages.source.columns import ValueRules


def test_text_that_stands_for_null_is_null_in_ids_ratings_and_times(spark: Any) -> None:
    rows = [("\\N", "1", "1", "1"), ("1", " NA ", "1", "1"), ("2", "3", "\\N", ""), ("4", "5", "1", "1")]
    frame = spark.createDataFrame(rows, "user_id string, item_id string, rating string, timestamp string")
    counts = interactions.profile(parse(frame, untyped=True), COLUMNS)
    assert (counts["null_ids"], counts["bad"]) == (2, 0)
    assert select_rows(frame, untyped=True) == {(2, 3, None, None), (4, 5, 1.0, utc(1))}
    assert (
        dict(
            interactions.parse(frame, COLUMNS, ValueRules(), interactions.find_ids(frame, COLUMNS, True, ValueRules())).dtypes
        )["user_id"]
        == "string"
    )


def test_bytes_outside_the_encoding_and_nul_bytes_are_bad_ids(spark: Any) -> None:
    frame = spark.createDataFrame(
        [("caf\ufffd", 1, 1.0, 1), ("a\0b", 1, 1.0, 1), ("café", 1, 1.0, 1)],
        "user_id string, item_id long, rating double, timestamp long",
    )
    faults = read_faults(frame)
    assert "set input.encoding" in str(faults[0])
    assert "a\\0b, which has a NUL byte" in str(faults[1])
    assert faults[2] is None


def test_only_rows_that_can_be_used_decide_the_type_of_ids(spark: Any) -> None:
    rows = [("1", "10", "1", "1"), ("user_id", "item_id", "rating", "timestamp"), ("2", "20", "1", "1")]
    frame = spark.createDataFrame(rows, "user_id string, item_id string, rating string, timestamp string")
    assert {column.kind for column in interactions.find_ids(frame, COLUMNS, True, ValueRules())} == {"long"}
    assert select_rows(frame, untyped=True) == {(1, 10, 1.0, utc(1)), (2, 20, 1.0, utc(1))}


@pytest.mark.parametrize("kind, expected", [("long", [7, 7, 8, None]), ("string", ["007", "7.0", "8", "x"])])
def test_the_configuration_may_set_the_type_of_ids(spark: Any, kind: str, expected: list[Any]) -> None:
    frame = spark.createDataFrame([("007", 1), ("7.0", 1), ("8", 1), ("x", 1)], "user_id string, item_id long")
    columns = Columns(rating="", timestamp="")
    rows = parse(frame, untyped=True, columns=columns, id_type=kind).collect()
    assert [row["user_id"] for row in rows] == expected
    assert [row["bad"] is None for row in rows] == [value is not None for value in expected]
    assert {row["item_id"] for row in rows} == ({1} if kind == "long" else {"1"})


def test_the_load_says_why_a_column_of_ids_is_text(spark: Any) -> None:
    columns = Columns(rating="", timestamp="")
    texts = [str(i) for i in range(99)] + ["x7"]
    frame = spark.createDataFrame([(text, f"{i}.0") for i, text in enumerate(texts)], "user_id string, item_id string")
    few, decimals = (column.notice for column in interactions.find_ids(frame, columns, True, ValueRules()))
    assert "1 of 100 values (for example x7): input.id_type = long" in few
    assert "100 of 100 values" in decimals
    assert ".0 (for example 99.0)" in decimals


@pytest.mark.parametrize("value", ["20190412", 20190412, 20190412.0])
def test_times_are_read_by_their_pattern(spark: Any, value: Any) -> None:
    frame = spark.createDataFrame([(1, 1, 1.0, value)])
    frame = frame.toDF("user_id", "item_id", "rating", "timestamp")
    assert "numbers are read as s" not in str(read_faults(frame))
    rows = parse(frame, timestamp_format="yyyyMMdd").collect()
    assert [row["timestamp"] for row in rows] == [datetime(2019, 4, 12)]
    bad = parse(frame, timestamp_format="dd.MM.yyyy").collect()
    assert "input.timestamp_format = dd.MM.yyyy" in bad[0]["bad"]


@pytest.mark.parametrize(
    "times, unit, expected",
    [
        ([20190412, 20200101], "s", "input.timestamp_format = yyyyMMdd"),
        ([1_500_000_000, 1_600_000_000], "ms", "input.timestamp_unit"),
        ([1_500_000_000, 32_503_680_000], "s", "1 times of column 'timestamp'"),
        ([1_500_000_000, 1_600_000_000], "s", ""),
    ],
)
def test_times_outside_the_usual_range_are_warned_of(spark: Any, times: list[int], unit: str, expected: str) -> None:
    frame = spark.createDataFrame([(1, i, 1.0, time) for i, time in enumerate(times)], SCHEMA)
    counts = interactions.profile(parse(frame, unit), COLUMNS)
    warning = load_report.warn_of_times(counts, "timestamp", unit)
    assert expected in warning
    assert bool(warning) == bool(expected)


def test_the_profile_has_the_faults_by_column_with_an_example(spark: Any) -> None:
    rows = [("1", "1", "good", "1"), ("1", "2", "bad", "1"), ("1", "3", "1", "soon"), ("1", "4", "2.5", "1")]
    frame = spark.createDataFrame(rows, "user_id string, item_id string, rating string, timestamp string")
    counts = interactions.profile(parse(frame, untyped=True), COLUMNS)
    assert {name: count for name, (count, _) in counts["faults"].items()} == {"rating": 2, "timestamp": 1}
    assert counts["faults"]["rating"][1] == "column 'rating' holds good"
    assert (counts["lowest"], counts["highest"]) == (2.5, 2.5)


def test_numbers_of_a_day_are_refused_where_the_ids_of_the_lake_are_text(spark: Any) -> None:
    stored = spark.createDataFrame([("007",)], "user_id string")
    with pytest.raises(
        InputError, match=r"day: the ids of column 'u' are whole .*example 7\), .*'user_id of the lake' text .*007"
    ):
        ids.check_day_ids(spark.createDataFrame([(7,)], "u long"), "u", stored, "user_id", "day")
    ids.check_day_ids(spark.createDataFrame([("7",)], "u string"), "u", stored, "user_id", "day")
    ids.check_day_ids(spark.createDataFrame([(7,)], "u long"), "u", stored.selectExpr("1L user_id"), "user_id", "day")
