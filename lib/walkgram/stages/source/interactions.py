"""Source rows -> interactions: types read with checks, one row a (user, item), the threshold on the rating.

DESIGN, section 3: of several rows of a (user, item) the one with the latest timestamp stays, then the higher rating; then
the threshold is applied, which a null rating fails.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.schema import Columns
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
DATE = r"^\s*[+-]?\d{4,6}-\d"  # Spark would also take "12:30", as of today
YEAR_10000 = 253_402_300_800  # seconds; later times are another unit read as this one


def required_columns(columns: Columns) -> dict[str, str]:
    """Configuration key -> column that the source must have."""
    return {f"input.columns.{key}": name for key, name in columns.model_dump().items() if name}


def find_text_ids(frame: DataFrame, columns: Columns) -> list[str]:
    """Those of the id columns that are text and hold a value which is no whole number as a long would be written.

    Costs one pass over a text source; ids such as "007" or "1.0" stay text, so that none of them changes.
    """
    text = [c for c in (columns.user_id, columns.item_id) if isinstance(frame.schema[c].dataType, T.StringType)]
    if not text:
        return []
    found = frame.agg(*[F.max(is_not_long_text(quote_name(c))) for c in text]).first()
    return [c for c, is_odd in zip(text, found or [], strict=True) if is_odd]


def parse(frame: DataFrame, columns: Columns, timestamp_unit: str, untyped: bool, ids: T.StructType | None = None) -> DataFrame:
    """user_id, item_id, rating float, timestamp, and `bad`: null, or what cannot be read in this row.

    An `untyped` source (CSV) has only text: an id column whose values are all whole numbers becomes long. Raises
    `InputError` for a column whose type can be no id, rating or time. ids: a schema whose user_id and item_id set their
    types; values that cannot be of these are bad.
    """
    names = (columns.user_id, columns.item_id)
    if ids is None:
        text = find_text_ids(frame, columns) if untyped else []
        read = [read_id(frame, name, untyped and name not in text) for name in names]
    else:
        read = [read_id_as(frame, name, ids[own].dataType) for name, own in zip(names, ("user_id", "item_id"), strict=True)]
    (user, bad_user), (item, bad_item) = read
    rating, bad_rating = read_rating(frame, columns.rating)
    time, bad_time = read_time(frame, columns.timestamp, timestamp_unit)
    bad = F.coalesce(unparsed_line_fault(frame, "a line is not JSON"), bad_user, bad_item, bad_rating, bad_time)
    values = {"user_id": user, "item_id": item, "rating": rating, "timestamp": time, "bad": bad}
    return frame.select(*[value.alias(name) for name, value in values.items()])


def read_rating(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """(rating, what is wrong with it or null)."""
    if not name:
        return F.lit(None).cast("float"), no_fault()
    return read_number(frame, name, "float", "ratings", "input.columns.rating")


def read_time(frame: DataFrame, name: str, unit: str) -> tuple[Column, Column]:
    """(timestamp, what is wrong with it or null); numbers are in `unit` since 1970, text may be a number or a date."""
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
    whole = raw.try_cast("decimal(38,6)") / F.lit(UNITS[unit])
    seconds = F.when(F.abs(whole) < YEAR_10000, whole.cast("decimal(20,6)"))
    value = seconds.cast("timestamp")
    if isinstance(kind, T.StringType):
        value = F.when(whole.isNull() & raw.rlike(DATE), raw.try_cast("timestamp")).otherwise(value)
    hint = "" if unit == "us" else f" (numbers are read as {unit}: input.timestamp_unit)"
    return value, F.when(raw.isNotNull() & value.isNull(), describe_value(name, raw, hint))


def profile(rows: DataFrame) -> dict[str, Any]:
    """What `typed` rows hold: rows, null ids by column, bad rows and one example, the highest rating. One pass."""
    present = F.col("user_id").isNotNull() & F.col("item_id").isNotNull()
    bad = F.col("bad").isNotNull()
    found = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col("user_id").isNull()).alias("null_users"),
        F.count_if(F.col("item_id").isNull()).alias("null_items"),
        F.count_if(~present & ~bad).alias("null_ids"),
        F.count_if(bad).alias("bad"),
        F.max(F.when(bad, F.col("bad"))).alias("example"),
        F.max(F.when(present & ~bad, F.col("rating"))).alias("highest"),
    ).first()
    return {} if found is None else found.asDict()


def validate(found: Mapping[str, Any], place: str, columns: Columns, bad_rows: str) -> None:
    """Raise `InputError` for a table that cannot be used: empty, ids null throughout, bad rows where they are not dropped."""
    check_rows(found, place, bad_rows)
    for count, name in ((found["null_users"], columns.user_id), (found["null_items"], columns.item_id)):
        if count == found["rows"]:
            raise InputError(f"{place}: column {name!r} is null in every row: name the column of ids in input.columns")
    if found["null_ids"] + found["bad"] == found["rows"]:
        raise InputError(f"{place}: no row can be used: {found['null_ids']:,} have a null id, {found['bad']:,} cannot be read")


def row_report(found: Mapping[str, Any], once: int, kept: int) -> dict[str, int]:
    """What became of the rows of a census; `once`: rows after one a (user, item) was chosen."""
    usable_rows = found["rows"] - found["null_ids"] - found["bad"]
    left_out = {"null ids": found["null_ids"], "bad rows": found["bad"], "duplicates": usable_rows - once}
    return {"rows read": found["rows"], **left_out, "below the threshold": once - kept, "kept": kept}


def drop_invalid(rows: DataFrame) -> DataFrame:
    """Typed rows without null ids and without bad values."""
    whole = F.col("user_id").isNotNull() & F.col("item_id").isNotNull() & F.col("bad").isNull()
    return rows.where(whole).drop("bad")


def deduplicate(rows: DataFrame) -> DataFrame:
    """One row a (user, item): the latest timestamp, then the higher rating; null is the least of both."""
    best = F.max(F.struct("timestamp", "rating")).alias("best")
    return rows.groupBy("user_id", "item_id").agg(best).select("user_id", "item_id", "best.rating", "best.timestamp")


def below_threshold(rows: DataFrame, min_rating: float | None) -> DataFrame:
    """The rows that `kept` leaves out, as the table `below`."""
    if min_rating is None:
        return select_schema(rows.limit(0), "interactions_rejected")
    reached = F.coalesce(F.col("rating") >= F.lit(min_rating).cast("float"), F.lit(False))
    return select_schema(rows.where(~reached), "interactions_rejected")


def above_threshold(rows: DataFrame, min_rating: float | None) -> DataFrame:
    """Rows that reach the threshold, as the table `interactions`; a null rating fails it. None keeps every row."""
    if min_rating is not None:
        rows = rows.where(F.col("rating") >= F.lit(min_rating).cast("float"))
    return select_schema(rows, "interactions")
