"""Source rows -> interactions: parse the types, keep one row a (user, item), apply the threshold on the rating.

Of several rows of a (user, item) the one with the latest timestamp stays; of equal timestamps the one with the higher
rating. The threshold is applied after that; a null rating fails it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Columns
from walkgram.errors import InputError
from walkgram.stages.ports import select_schema
from walkgram.stages.source.columns import (
    ValueRules,
    check_rows,
    count_faults,
    describe_value,
    first_row,
    no_fault,
    read_id,
    read_id_as,
    read_number,
    read_present,
    unparsed_line_fault,
)
from walkgram.stages.source.ids import IdColumn, find_id_columns

__all__ = [
    "above_threshold",
    "below_threshold",
    "deduplicate",
    "drop_invalid",
    "find_ids",
    "parse",
    "profile",
    "required_columns",
    "row_report",
    "validate",
]

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}
DATE = r"^\s*[+-]?\d{4,6}-\d"  # Spark's cast also accepts "12:30", as a time of today
YEAR_10000 = 253_402_300_800  # seconds; a later time is in another unit than input.timestamp_unit says


def required_columns(columns: Columns) -> dict[str, str]:
    """Map each configuration key to the column that the source must have."""
    return {f"input.columns.{key}": name for key, name in columns.model_dump().items() if name}


def find_ids(frame: DataFrame, columns: Columns, untyped: bool, rules: ValueRules) -> list[IdColumn]:
    """Choose the types of user_id and item_id. One pass over an `untyped` source (CSV), whose columns are all text.

    A row that cannot be used has no say, such as the second header in the middle of joined files.
    """
    faults = [read_fault for _, read_fault in read_values(frame, columns, rules)]
    usable = F.coalesce(unparsed_line_fault(frame), *faults).isNull()
    return find_id_columns(frame, [columns.user_id, columns.item_id], usable, untyped, rules)


def parse(frame: DataFrame, columns: Columns, rules: ValueRules, ids: Sequence[IdColumn] | T.StructType) -> DataFrame:
    """Parse user_id, item_id, rating float and timestamp; the column `bad` has the row's fault, or null.

    ids: the types of `find_ids`; or a schema that fixes the types of user_id and item_id, then values that are no such ids
    are bad. Raises `InputError` if the type of a column fits no id, rating or time.
    """
    names = {"user_id": columns.user_id, "item_id": columns.item_id}
    if isinstance(ids, T.StructType):
        readers = [read_id_as(frame, name, ids[column].dataType, rules) for column, name in names.items()]
    else:
        readers = [read_id(frame, name, column.kind, rules) for name, column in zip(names.values(), ids, strict=True)]
    (user, user_fault), (item, item_fault) = readers
    (rating, rating_fault), (time, time_fault) = read_values(frame, columns, rules)
    fault = F.coalesce(unparsed_line_fault(frame), user_fault, item_fault, rating_fault, time_fault)
    values = {"user_id": user, "item_id": item, "rating": rating, "timestamp": time, "bad": fault}
    return frame.select(*[value.alias(name) for name, value in values.items()])


def read_values(frame: DataFrame, columns: Columns, rules: ValueRules) -> list[tuple[Column, Column]]:
    """Read the columns of ratings and of times; returns (value, fault) of each."""
    return [read_rating(frame, columns.rating, rules), read_time(frame, columns.timestamp, rules)]


def read_rating(frame: DataFrame, name: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read the column of ratings; returns (rating, fault)."""
    if not name:
        return F.lit(None).cast("float"), no_fault()
    return read_number(frame, name, "float", "ratings", "input.columns.rating", rules)


def read_time(frame: DataFrame, name: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read the column of times; returns (timestamp, fault).

    With input.timestamp_format text and numbers are parsed by that pattern. Without it, numbers count units since 1970, and
    text is a number or a date.
    """
    if not name:
        return F.lit(None).cast("timestamp"), no_fault()
    kind = frame.schema[name].dataType
    raw, unit = read_present(frame, name, rules), rules.timestamp_unit
    if isinstance(kind, T.TimestampType | T.TimestampNTZType | T.DateType):
        return raw.cast("timestamp"), no_fault()
    if not isinstance(kind, T.NumericType | T.StringType | T.NullType):
        raise InputError(
            f"column {name!r} is {kind.simpleString()}: times must be timestamps, numbers or text; "
            'set input.columns.timestamp to another column, or to ""'
        )
    if rules.timestamp_format:
        value = F.try_to_timestamp(format_whole(raw, kind), F.lit(rules.timestamp_format))
        hint = f", which is not as input.timestamp_format = {rules.timestamp_format} says"
        return value, F.when(raw.isNotNull() & value.isNull(), describe_value(name, raw, hint))
    number = raw.try_cast("decimal(38,6)") / F.lit(UNITS[unit])
    seconds = F.when(F.abs(number) < YEAR_10000, number.cast("decimal(20,6)"))
    value = seconds.cast("timestamp")
    if isinstance(kind, T.StringType):
        value = F.when(number.isNull() & raw.rlike(DATE), raw.try_cast("timestamp")).otherwise(value)
    hint = "" if unit == "us" else f" (numbers are read as {unit}: input.timestamp_unit, or input.timestamp_format for text)"
    return value, F.when(raw.isNotNull() & value.isNull(), describe_value(name, raw, hint))


def format_whole(raw: Column, kind: T.DataType) -> Column:
    """Return numbers as the text of whole numbers, as 20190412 for the double 20190412.0, and text as it is."""
    return raw if isinstance(kind, T.StringType) else raw.try_cast("long").cast("string")


def profile(rows: DataFrame, columns: Columns) -> dict[str, Any]:
    """Count parsed rows in one pass.

    rows, null ids by column, bad rows with an `example`, and among the valid rows the range of ratings and times, and the
    times before 1990 or after tomorrow (`odd_times`); whether all times, as seconds since 1970, are numbers such as 20190412
    (`numbers_are_dates`). `faults` has (bad rows, example) by column, where there are any.
    """
    has_ids = F.col("user_id").isNotNull() & F.col("item_id").isNotNull()
    is_bad = F.col("bad").isNotNull()
    is_valid = has_ids & ~is_bad
    rating, time = F.when(is_valid, F.col("rating")), F.when(is_valid, F.col("timestamp"))
    is_odd = (time < F.lit("1990-01-01").cast("timestamp")) | (time > F.now() + F.expr("INTERVAL 1 DAY"))
    names = list(dict.fromkeys(name for name in columns.model_dump().values() if name))
    aggregates = [
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col("user_id").isNull()).alias("null_users"),
        F.count_if(F.col("item_id").isNull()).alias("null_items"),
        F.count_if(~has_ids & ~is_bad).alias("null_ids"),
        F.count_if(is_bad).alias("bad"),
        F.max("bad").alias("example"),
        F.max(rating).alias("highest"),
        F.min(rating).alias("lowest"),
        F.min(time).cast("string").alias("first_time"),
        F.max(time).cast("string").alias("last_time"),
        F.count_if(is_odd).alias("odd_times"),
        first_row(rows, is_valid),
        F.coalesce(F.min(F.unix_seconds(time).between(19_000_101, 21_001_231)), F.lit(False)).alias("numbers_are_dates"),
    ]
    return count_faults(rows, aggregates, names)


def validate(counts: Mapping[str, Any], path: str, columns: Columns, bad_rows: str) -> None:
    """Raise `InputError` if no row can be used, or if there are bad rows and `bad_rows` is "fail". counts: of `profile`."""
    check_rows(counts, path, bad_rows)
    for nulls, name in ((counts["null_users"], columns.user_id), (counts["null_items"], columns.item_id)):
        if nulls == counts["rows"]:
            raise InputError(f"{path}: column {name!r} is null in every row: name the column of ids in input.columns")
    if counts["null_ids"] + counts["bad"] == counts["rows"]:
        raise InputError(f"{path}: no row can be used: {counts['null_ids']:,} have a null id, {counts['bad']:,} cannot be read")


def row_report(
    counts: Mapping[str, Any],
    num_distinct: int,
    num_interactions: int,
    left_out: Mapping[str, int],
    filtered: Mapping[str, int],
) -> dict[str, int]:  # fmt: skip
    """Report the rows read, the rows dropped by reason, and the rows written.

    counts: of `profile`; num_distinct: rows after `deduplicate`; num_interactions: rows after the threshold; left_out: by
    input.where, before the profile; filtered: by the filters of users and items.
    """
    num_valid = counts["rows"] - counts["null_ids"] - counts["bad"]
    dropped = {"null ids": counts["null_ids"], "bad rows": counts["bad"], "duplicates": num_valid - num_distinct}
    rejected = num_distinct - sum(filtered.values()) - num_interactions
    dropped = {**left_out, **dropped, **filtered, "below the threshold": rejected}
    return {"rows read": counts["rows"] + sum(left_out.values()), **dropped, "kept": num_interactions}


def drop_invalid(rows: DataFrame) -> DataFrame:
    """Drop parsed rows with a null id or a fault."""
    is_valid = F.col("user_id").isNotNull() & F.col("item_id").isNotNull() & F.col("bad").isNull()
    return rows.where(is_valid).drop("bad")


def deduplicate(rows: DataFrame) -> DataFrame:
    """Keep one row a (user, item): the latest timestamp, then the higher rating; null sorts below every value."""
    best = F.max(F.struct("timestamp", "rating")).alias("best")
    return rows.groupBy("user_id", "item_id").agg(best).select("user_id", "item_id", "best.rating", "best.timestamp")


def below_threshold(rows: DataFrame, min_rating: float | None) -> DataFrame:
    """Select the rows that fail the threshold, as the table `interactions_rejected`."""
    if min_rating is None:
        return select_schema(rows.limit(0), "interactions_rejected")
    passes = F.coalesce(F.col("rating") >= F.lit(min_rating).cast("float"), F.lit(False))
    return select_schema(rows.where(~passes), "interactions_rejected")


def above_threshold(rows: DataFrame, min_rating: float | None) -> DataFrame:
    """Select the rows that pass the threshold, as the table `interactions`; a null rating fails it; None: all rows."""
    if min_rating is not None:
        rows = rows.where(F.col("rating") >= F.lit(min_rating).cast("float"))
    return select_schema(rows, "interactions")
