"""interactions: types, one row a (user, item), the threshold, the census of what was left out."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame

from walkgram.config.schema import Columns
from walkgram.errors import InputError
from walkgram.stages.source import interactions

COLUMNS = Columns()
SCHEMA = "user_id long, item_id long, rating double, timestamp long"


def kept(frame: DataFrame, threshold: float | None = None, unit: str = "s", untyped: bool = False) -> set[tuple[Any, ...]]:
    rows = interactions.drop_invalid(interactions.parse(frame, COLUMNS, unit, untyped))
    table = interactions.above_threshold(interactions.deduplicate(rows), threshold)
    return {tuple(row) for row in table.collect()}


def bad(frame: DataFrame, unit: str = "s", untyped: bool = False) -> list[str | None]:
    return [row["bad"] for row in interactions.parse(frame, COLUMNS, unit, untyped).collect()]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def test_the_latest_timestamp_stays_then_the_higher_rating(spark: Any) -> None:
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
    assert kept(spark.createDataFrame(rows, SCHEMA)) == {
        (1, 1, 3.0, at(20)), (1, 2, 4.0, at(10)), (2, 1, 4.0, at(5)), (3, 1, 2.0, None),
    }  # fmt: skip


def test_the_threshold_comes_after_the_choice_of_the_row(spark: Any) -> None:
    rows = [(1, 1, 5.0, 10), (1, 1, 3.0, 20), (1, 2, 4.0, 1)]
    assert kept(spark.createDataFrame(rows, SCHEMA), 4.0) == {(1, 2, 4.0, at(1))}


def test_a_null_rating_fails_the_threshold_and_stays_without_one(spark: Any) -> None:
    frame = spark.createDataFrame([(1, 1, None, 10)], SCHEMA)
    assert kept(frame, 0.0) == set()
    assert kept(frame) == {(1, 1, None, at(10))}


def test_rows_with_a_null_id_are_dropped_and_counted(spark: Any) -> None:
    frame = spark.createDataFrame([(None, 1, 1.0, 1), (1, None, 1.0, 1), (None, None, 1.0, 1), (1, 1, 1.0, 1)], SCHEMA)
    found = interactions.profile(interactions.parse(frame, COLUMNS, "s", False))
    assert (found["rows"], found["null_users"], found["null_items"], found["null_ids"], found["bad"]) == (4, 2, 2, 3, 0)
    assert len(kept(frame)) == 1


@pytest.mark.parametrize("rating", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_ratings_that_are_not_finite_are_bad(spark: Any, rating: float) -> None:
    frame = spark.createDataFrame([(1, 1, rating, 1), (1, 2, 3.0, 1)], SCHEMA)
    assert [b is not None for b in bad(frame)] == [True, False]
    found = interactions.profile(interactions.parse(frame, COLUMNS, "s", False))
    with pytest.raises(InputError, match=r"column 'rating' holds .*1 of 2 rows.*bad_rows"):
        interactions.validate(found, "place", COLUMNS, "fail")
    interactions.validate(found, "place", COLUMNS, "drop")
    assert len(kept(frame)) == 1


def test_text_ratings_and_times_are_read_or_bad(spark: Any) -> None:
    text = "user_id string, item_id string, rating string, timestamp string"
    frame = spark.createDataFrame(
        [
            ("1", "1", "4.5", "10"), ("1", "2", "good", "10"), ("1", "3", None, "yesterday"),
            ("1", "4", "", None), ("1", "5", "NaN", "1"), ("1", "6", "3", "2001-02-03 04:05:06"),
        ],
        text,
    )  # fmt: skip
    assert [b is not None for b in bad(frame, untyped=True)] == [False, True, True, True, True, False]
    assert kept(frame, untyped=True) == {(1, 1, 4.5, at(10)), (1, 6, 3.0, datetime(2001, 2, 3, 4, 5, 6))}


def test_milliseconds_read_as_seconds_are_bad_and_the_line_names_the_unit(spark: Any) -> None:
    frame = spark.createDataFrame([(1, 1, 1.0, 1_500_000_000_000)], SCHEMA)
    assert "input.timestamp_unit" in str(bad(frame)[0])
    assert kept(frame, unit="ms") == {(1, 1, 1.0, at(1_500_000_000))}


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
    typed = interactions.parse(frame, COLUMNS, "s", True)
    assert dict(typed.dtypes)["item_id"] == expected
    assert dict(typed.dtypes)["user_id"] == "string"
    assert {str(r["item_id"]) for r in typed.collect()} == {str(i) for i in ids}


@pytest.mark.parametrize("kind", ["boolean", "array<long>", "date"])
def test_an_id_column_of_another_type_is_named(spark: Any, kind: str) -> None:
    frame = spark.createDataFrame([], f"user_id {kind}, item_id long, rating double, timestamp long")
    with pytest.raises(InputError, match="'user_id' is"):
        interactions.parse(frame, COLUMNS, "s", False)


def test_columns_may_be_absent_by_choice_and_have_dots_in_their_names(spark: Any) -> None:
    columns = Columns(user_id="u.id", item_id="i d", rating="", timestamp="")
    frame = spark.createDataFrame([(1, 2), (1, 2)], "`u.id` int, `i d` int")
    rows = interactions.deduplicate(interactions.drop_invalid(interactions.parse(frame, columns, "s", False)))
    assert [tuple(r) for r in interactions.above_threshold(rows, None).collect()] == [(1, 2, None, None)]


@pytest.mark.parametrize(
    "rows, said",
    [
        ([], "no rows"),
        ([(None, 1, 1.0, 1)], "'user_id' is null in every row"),
        ([(1, None, 1.0, 1)], "'item_id' is null in every row"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(spark: Any, rows: list[Any], said: str) -> None:
    found = interactions.profile(interactions.parse(spark.createDataFrame(rows, SCHEMA), COLUMNS, "s", False))
    with pytest.raises(InputError, match=said):
        interactions.validate(found, "place", COLUMNS, "drop")


@pytest.mark.parametrize("kind", ["double", "float", "decimal(12,2)"])
def test_whole_numbers_stored_as_another_number_are_longs_and_others_are_bad(spark: Any, kind: str) -> None:
    rows = spark.createDataFrame([(1.0, 1), (2.5, 2), (None, 3)], "user_id double, item_id long").selectExpr(
        f"cast(user_id as {kind}) user_id", "item_id", "1.0D rating", "1L timestamp"
    )
    typed = interactions.parse(rows, COLUMNS, "s", False).collect()
    assert [(r["user_id"], r["bad"] is not None) for r in typed] == [(1, False), (None, True), (None, False)]


def test_doubles_beyond_their_precision_and_nan_are_no_ids(spark: Any) -> None:
    rows = [(2.0**53, 1, 1.0, 1), (2.0**60, 1, 1.0, 1), (float("nan"), 1, 1.0, 1), (float("inf"), 1, 1.0, 1)]
    typed = interactions.parse(
        spark.createDataFrame(rows, "user_id double, item_id long, rating double, timestamp long"), COLUMNS, "s", False
    )
    assert [(r["user_id"], r["bad"] is not None) for r in typed.collect()] == [
        (2**53, False),
        (None, True),
        (None, False),
        (None, True),
    ]


def test_a_rating_equal_to_the_threshold_is_kept_whatever_its_binary_form(spark: Any) -> None:
    assert len(kept(spark.createDataFrame([(1, 1, 4.1, 1), (1, 2, 4.0, 1)], SCHEMA), 4.1)) == 1


@pytest.mark.parametrize("rating, time", [("5d", "1"), ("0x5", "1"), ("1", "12:30"), ("1", "now"), ("1", "2001")])
def test_text_that_spark_would_take_for_a_number_or_a_date_is_not(spark: Any, rating: str, time: str) -> None:
    frame = spark.createDataFrame([("1", "1", rating, time)], "user_id string, item_id string, rating string, timestamp string")
    assert (bad(frame, untyped=True)[0] is None) == (time == "2001")  # a plain number is seconds
