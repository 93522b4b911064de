"""Source rows -> interactions: parse the types, keep one row a (user, item), apply the threshold on the rating.

Of several rows of a (user, item) the one with the latest timestamp stays; of equal timestamps the one with the higher
rating. The threshold is applied after that; a null rating fails it.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Columns
from walkgram.errors import InputError
from walkgram.stages.ports import select_schema
from walkgram.stages.source.columns import (
    check_rows,
    describe_value,
    is_not_long_text,
    no_fault,
    quote_name,
    read_id,
    read_id_as,
    read_number,
    unparsed_line_fault,
)

__all__ = [
    "above_threshold",
    "below_threshold",
    "deduplicate",
    "drop_invalid",
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


def find_text_ids(frame: DataFrame, columns: Columns) -> list[str]:
    """List the id columns of text with a value that would change if it were read as a long, such as "007" or "1.0".

    One pass over the source.
    """
    names = [name for name in (columns.user_id, columns.item_id) if isinstance(frame.schema[name].dataType, T.StringType)]
    if not names:
        return []
    flags = frame.agg(*[F.max(is_not_long_text(quote_name(name))) for name in names]).first()
    return [name for name, is_text in zip(names, flags or [], strict=True) if is_text]


def parse(frame: DataFrame, columns: Columns, timestamp_unit: str, untyped: bool, ids: T.StructType | None = None) -> DataFrame:
    """Parse user_id, item_id, rating float and timestamp; the column `bad` has the row's fault, or null.

    All columns of an `untyped` source (CSV) are text: an id column becomes long if all its values are whole numbers. ids: a
    schema that fixes the types of user_id and item_id; values that cannot be cast to them are bad. Raises `InputError` if the
    type of a column fits no id, rating or time.
    """
    names = {"user_id": columns.user_id, "item_id": columns.item_id}
    if ids is None:
        text_names = find_text_ids(frame, columns) if untyped else []
        readers = [read_id(frame, name, untyped and name not in text_names) for name in names.values()]
    else:
        readers = [read_id_as(frame, name, ids[column].dataType) for column, name in names.items()]
    (user, user_fault), (item, item_fault) = readers
    rating, rating_fault = read_rating(frame, columns.rating)
    time, time_fault = read_time(frame, columns.timestamp, timestamp_unit)
    line_fault = unparsed_line_fault(frame)
    fault = F.coalesce(line_fault, user_fault, item_fault, rating_fault, time_fault)
    values = {"user_id": user, "item_id": item, "rating": rating, "timestamp": time, "bad": fault}
    return frame.select(*[value.alias(name) for name, value in values.items()])


def read_rating(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """Read the column of ratings; returns (rating, fault)."""
    if not name:
        return F.lit(None).cast("float"), no_fault()
    return read_number(frame, name, "float", "ratings", "input.columns.rating")


def read_time(frame: DataFrame, name: str, unit: str) -> tuple[Column, Column]:
    """Read the column of times; returns (timestamp, fault). Numbers count `unit`s since 1970; text is a number or a date."""
    if not name:
        return F.lit(None).cast("timestamp"), no_fault()
    kind = frame.schema[name].dataType
    raw = quote_name(name)
    if isinstance(kind, T.TimestampType | T.TimestampNTZType | T.DateType):
        return raw.cast("timestamp"), no_fault()
    if not isinstance(kind, T.NumericType | T.StringType | T.NullType):
        raise InputError(
            f"column {name!r} is {kind.simpleString()}: times must be timestamps, numbers or text; "
            'set input.columns.timestamp to another column, or to ""'
        )
    number = raw.try_cast("decimal(38,6)") / F.lit(UNITS[unit])
    seconds = F.when(F.abs(number) < YEAR_10000, number.cast("decimal(20,6)"))
    value = seconds.cast("timestamp")
    if isinstance(kind, T.StringType):
        value = F.when(number.isNull() & raw.rlike(DATE), raw.try_cast("timestamp")).otherwise(value)
    hint = "" if unit == "us" else f" (numbers are read as {unit}: input.timestamp_unit)"
    return value, F.when(raw.isNotNull() & value.isNull(), describe_value(name, raw, hint))


def profile(rows: DataFrame) -> dict[str, Any]:
    """Count parsed rows in one pass: rows, null ids by column, bad rows with an `example`, and the highest rating."""
    has_ids = F.col("user_id").isNotNull() & F.col("item_id").isNotNull()
    is_bad = F.col("bad").isNotNull()
    counts = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col("user_id").isNull()).alias("null_users"),
        F.count_if(F.col("item_id").isNull()).alias("null_items"),
        F.count_if(~has_ids & ~is_bad).alias("null_ids"),
        F.count_if(is_bad).alias("bad"),
        F.max(F.when(is_bad, F.col("bad"))).alias("example"),
        F.max(F.when(has_ids & ~is_bad, F.col("rating"))).alias("highest"),
    ).first()
    return {} if counts is None else counts.asDict()


def validate(counts: Mapping[str, Any], path: str, columns: Columns, bad_rows: str) -> None:
    """Raise `InputError` if no row can be used, or if there are bad rows and `bad_rows` is "fail". counts: of `profile`."""
    check_rows(counts, path, bad_rows)
    for nulls, name in ((counts["null_users"], columns.user_id), (counts["null_items"], columns.item_id)):
        if nulls == counts["rows"]:
            raise InputError(f"{path}: column {name!r} is null in every row: name the column of ids in input.columns")
    if counts["null_ids"] + counts["bad"] == counts["rows"]:
        raise InputError(f"{path}: no row can be used: {counts['null_ids']:,} have a null id, {counts['bad']:,} cannot be read")


def row_report(counts: Mapping[str, Any], num_distinct: int, num_interactions: int) -> dict[str, int]:
    """Report the rows read, the rows dropped by reason, and the rows written.

    counts: of `profile`; num_distinct: rows after `deduplicate`; num_interactions: rows after the threshold.
    """
    num_valid = counts["rows"] - counts["null_ids"] - counts["bad"]
    dropped = {"null ids": counts["null_ids"], "bad rows": counts["bad"], "duplicates": num_valid - num_distinct}
    rejected = num_distinct - num_interactions
    return {"rows read": counts["rows"], **dropped, "below the threshold": rejected, "kept": num_interactions}


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
