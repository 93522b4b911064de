"""Interactions: types, one row a (user, item), the threshold, and the counts of dropped rows."""

from datetime import datetime
from typing import Any

import pytest

from support.source_rows import COLUMNS, SCHEMA, parse, profile, read_faults, select_rows, utc
from walkgram.config.source import Columns
from walkgram.errors import InputError
from walkgram.stages.source import interactions


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
