"""Interactions: types, one row a (user, item), the threshold, and the counts of dropped rows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame

from walkgram.config.source import Columns
from walkgram.errors import InputError
from walkgram.stages.source import interactions, load_report
from walkgram.stages.source.columns import ValueRules

COLUMNS = Columns()
SCHEMA = "user_id long, item_id long, rating double, timestamp long"


NULLS = ("", "\\N", "NA")


def parse(frame: DataFrame, unit: str = "s", untyped: bool = False, columns: Columns = COLUMNS, **rules: Any) -> DataFrame:
    values = ValueRules(NULLS, timestamp_unit=unit, **rules)
    return interactions.parse(frame, columns, values, interactions.find_ids(frame, columns, untyped, values))


def profile(frame: DataFrame) -> dict[str, Any]:
    return interactions.profile(parse(frame), COLUMNS)


def select_rows(
    frame: DataFrame, threshold: float | None = None, unit: str = "s", untyped: bool = False
) -> set[tuple[Any, ...]]:
    rows = interactions.drop_invalid(parse(frame, unit, untyped))
    table = interactions.above_threshold(interactions.deduplicate(rows), threshold)
    return {tuple(row) for row in table.collect()}


def read_faults(frame: DataFrame, unit: str = "s", untyped: bool = False) -> list[str | None]:
    return [row["bad"] for row in parse(frame, unit, untyped).collect()]


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def test_the_latest_timestamp_wins_then_the_higher_rating(spark: Any) -> None:
    rows = [
        (1, 1, 5.0, 10),
        (1, 1, 3.0, 20),
        (1, 2, 2.0, 10),
        (1, 2, 4.0, 10),
        (2, 1, 1.0, None),
        (2, 1, 4.0, 5),
        (3, 1, 1.0, None),
        (3, 1, 2.0, None),
    ]
    assert select_rows(spark.createDataFrame(rows, SCHEMA)) == {
        (1, 1, 3.0, utc(20)), (1, 2, 4.0, utc(10)), (2, 1, 4.0, utc(5)), (3, 1, 2.0, None),
    }  # fmt: skip


def test_the_threshold_is_applied_after_deduplication(spark: Any) -> None:
    rows = [(1, 1, 5.0, 10), (1, 1, 3.0, 20), (1, 2, 4.0, 1)]
    assert select_rows(spark.createDataFrame(rows, SCHEMA), 4.0) == {(1, 2, 4.0, utc(1))}


def test_a_null_rating_fails_the_threshold_and_is_kept_without_one(spark: Any) -> None:
    frame = spark.createDataFrame([(1, 1, None, 10)], SCHEMA)
    assert select_rows(frame, 0.0) == set()
    assert select_rows(frame) == {(1, 1, None, utc(10))}


def test_rows_with_a_null_id_are_dropped_and_counted(spark: Any) -> None:
    frame = spark.createDataFrame([(None, 1, 1.0, 1), (1, None, 1.0, 1), (None, None, 1.0, 1), (1, 1, 1.0, 1)], SCHEMA)
    counts = profile(frame)
    assert (counts["rows"], counts["null_users"], counts["null_items"], counts["null_ids"], counts["bad"]) == (4, 2, 2, 3, 0)
    assert len(select_rows(frame)) == 1


@pytest.mark.parametrize("rating", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_ratings_that_are_not_finite_are_bad(spark: Any, rating: float) -> None:
    frame = spark.createDataFrame([(1, 1, rating, 1), (1, 2, 3.0, 1)], SCHEMA)
    assert [fault is not None for fault in read_faults(frame)] == [True, False]
    counts = profile(frame)
    with pytest.raises(InputError, match=r"column 'rating' holds .*1 of 2 rows.*bad_rows"):
        interactions.validate(counts, "path", COLUMNS, "fail")
    interactions.validate(counts, "path", COLUMNS, "drop")
    assert len(select_rows(frame)) == 1


def test_text_ratings_and_times_are_read_or_bad(spark: Any) -> None:
    text = "user_id string, item_id string, rating string, timestamp string"
    frame = spark.createDataFrame(
        [
            ("1", "1", "4.5", "10"), ("1", "2", "good", "10"), ("1", "3", None, "yesterday"),
            ("1", "4", "", None), ("1", "5", "NaN", "1"), ("1", "6", "3", "2001-02-03 04:05:06"),
        ],
        text,
    )  # fmt: skip
    assert [fault is not None for fault in read_faults(frame, untyped=True)] == [False, True, True, False, True, False]
    assert select_rows(frame, untyped=True) == {
        (1, 1, 4.5, utc(10)),
        (1, 4, None, None),
        (1, 6, 3.0, datetime(2001, 2, 3, 4, 5, 6)),
    }


def test_milliseconds_read_as_seconds_are_bad_and_the_fault_names_the_unit(spark: Any) -> None:
    frame = spark.createDataFrame([(1, 1, 1.0, 1_500_000_000_000)], SCHEMA)
    assert "input.timestamp_unit" in str(read_faults(frame)[0])
    assert select_rows(frame, unit="ms") == {(1, 1, 1.0, utc(1_500_000_000))}


@pytest.mark.parametrize(
    "ids, expected",
    [
        (["1", "20", "-3"], "bigint"),
        (["1", "007"], "string"),
        (["1", "1.0"], "string"),
        (["1", "9223372036854775808"], "string"),
        (["9007199254740993", "9223372036854775807"], "bigint"),
        (["1", "a"], "string"),
        (["1", None], "bigint"),
        (["1", " 2"], "string"),
    ],
)
def test_text_ids_become_longs_only_where_none_of_them_changes(spark: Any, ids: list[str | None], expected: str) -> None:
    frame = spark.createDataFrame(
        [("u", i, "1", "1") for i in ids], "user_id string, item_id string, rating string, timestamp string"
    )
    rows = parse(frame, untyped=True)
    assert dict(rows.dtypes)["item_id"] == expected
    assert dict(rows.dtypes)["user_id"] == "string"
    assert {str(r["item_id"]) for r in rows.collect()} == {str(i) for i in ids}


@pytest.mark.parametrize("kind", ["boolean", "array<long>", "date"])
def test_the_error_names_an_id_column_of_another_type(spark: Any, kind: str) -> None:
    frame = spark.createDataFrame([], f"user_id {kind}, item_id long, rating double, timestamp long")
    with pytest.raises(InputError, match="'user_id' is"):
        parse(frame)


def test_columns_may_be_absent_and_have_dots_in_their_names(spark: Any) -> None:
    columns = Columns(user_id="u.id", item_id="i d", rating="", timestamp="")
    frame = spark.createDataFrame([(1, 2), (1, 2)], "`u.id` int, `i d` int")
    rows = interactions.deduplicate(interactions.drop_invalid(parse(frame, columns=columns)))
    assert [tuple(r) for r in interactions.above_threshold(rows, None).collect()] == [(1, 2, None, None)]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "no rows"),
        ([(None, 1, 1.0, 1)], "'user_id' is null in every row"),
        ([(1, None, 1.0, 1)], "'item_id' is null in every row"),
    ],
)
def test_the_error_says_why_a_table_cannot_be_used(spark: Any, rows: list[Any], message: str) -> None:
    counts = profile(spark.createDataFrame(rows, SCHEMA))
    with pytest.raises(InputError, match=message):
        interactions.validate(counts, "path", COLUMNS, "drop")


@pytest.mark.parametrize("kind", ["double", "float", "decimal(12,2)"])
def test_whole_numbers_stored_as_doubles_become_longs_and_fractions_are_bad(spark: Any, kind: str) -> None:
    frame = spark.createDataFrame([(1.0, 1), (2.5, 2), (None, 3)], "user_id double, item_id long").selectExpr(
        f"cast(user_id as {kind}) user_id", "item_id", "1.0D rating", "1L timestamp"
    )
    rows = parse(frame).collect()
    assert [(r["user_id"], r["bad"] is not None) for r in rows] == [(1, False), (None, True), (None, False)]


def test_inexact_doubles_and_nan_are_no_ids(spark: Any) -> None:
    values = [(2.0**53, 1, 1.0, 1), (2.0**60, 1, 1.0, 1), (float("nan"), 1, 1.0, 1), (float("inf"), 1, 1.0, 1)]
    rows = parse(spark.createDataFrame(values, "user_id double, item_id long, rating double, timestamp long"))
    assert [(r["user_id"], r["bad"] is not None) for r in rows.collect()] == [
        (2**53, False),
        (None, True),
        (None, False),
        (None, True),
    ]


def test_a_rating_equal_to_the_threshold_passes_although_it_is_inexact(spark: Any) -> None:
    assert len(select_rows(spark.createDataFrame([(1, 1, 4.1, 1), (1, 2, 4.0, 1)], SCHEMA), 4.1)) == 1


@pytest.mark.parametrize("rating, time", [("5d", "1"), ("0x5", "1"), ("1", "12:30"), ("1", "now"), ("1", "2001")])
def test_text_that_only_spark_reads_as_a_number_or_a_date_is_bad(spark: Any, rating: str, time: str) -> None:
    frame = spark.createDataFrame([("1", "1", rating, time)], "user_id string, item_id string, rating string, timestamp string")
    assert (read_faults(frame, untyped=True)[0] is None) == (time == "2001")  # a plain number is seconds


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
