"""Columns of a source -> ids and numbers, read with checks that can name the bad value.

A reader gives two columns: the value, null where there is none, and what is wrong with it, null where nothing is.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.errors import InputError

__all__ = [
    "check_rows",
    "describe_value",
    "is_not_long_text",
    "no_fault",
    "quote_name",
    "read_id",
    "read_id_as",
    "read_number",
    "unparsed_line_fault",
]

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"  # Spark would also take "5d"
EXACT = 2**53  # a double above is no longer a certain whole number
CORRUPT = "_corrupt_record"  # Spark's column for lines that are not JSON; lake/edge_list.py names its own so


def no_fault() -> Column:
    """No fault."""
    return F.lit(None).cast("string")


def quote_name(name: str) -> Column:
    """A column by its literal name, dots and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def describe_value(name: str, raw: Column, hint: str = "") -> Column:
    """The fault of a value, for the error's line."""
    return F.concat(F.lit(f"column {name!r} holds "), F.substring(raw.cast("string"), 1, 60), F.lit(hint))


def unparsed_line_fault(frame: DataFrame, what: str) -> Column:
    """The fault of lines that could not be cut into columns; `what` such a line is."""
    return F.concat(F.lit(f"{what}: "), F.substring(quote_name(CORRUPT), 1, 100)) if CORRUPT in frame.columns else no_fault()


def is_not_long_text(text: Column) -> Column:
    """Whether text is no whole number as a long is written; false for null. "007" and "1.0" are odd: both would change."""
    return F.coalesce(text.try_cast("long").cast("string") != text, text.isNotNull())


def read_id(frame: DataFrame, name: str, as_long: bool) -> tuple[Column, Column]:
    """(id as long or string, its fault). Whole numbers stored as doubles (as pandas does) are longs.

    Raises `InputError` for a column whose type can be no id.
    """
    kind, raw = frame.schema[name].dataType, quote_name(name)
    if isinstance(kind, T.StringType):
        garbled = F.when(raw.contains("\ufffd"), describe_value(name, raw, ", which is not UTF-8: set input.encoding"))
        return raw.cast("long") if as_long else raw, no_fault() if as_long else garbled
    if isinstance(kind, T.ByteType | T.ShortType | T.IntegerType | T.LongType | T.NullType):
        return raw.cast("long"), no_fault()
    if isinstance(kind, T.FloatType | T.DoubleType | T.DecimalType):
        exact = isinstance(kind, T.DecimalType)
        known = raw.isNotNull() if exact else raw.isNotNull() & ~F.isnan(raw)
        sure = F.lit(True) if exact else F.abs(raw) <= EXACT
        whole = F.when(known & sure & (F.floor(raw) == raw), raw.try_cast("long"))
        return whole, F.when(known & whole.isNull(), describe_value(name, raw, ": ids must be whole numbers or text"))
    raise InputError(f"column {name!r} is {kind.simpleString()}: ids must be whole numbers or text; cast it in the source")


def read_id_as(frame: DataFrame, name: str, kind: T.DataType) -> tuple[Column, Column]:
    """(id of a type that is set, its fault): text is read as a long where ids are longs, longs as text where they are text."""
    raw = quote_name(name)
    if isinstance(kind, T.StringType):
        value, fault = read_id(frame, name, False)
        return value.cast("string"), fault
    if isinstance(frame.schema[name].dataType, T.StringType):
        return raw.try_cast("long"), F.when(
            is_not_long_text(raw), describe_value(name, raw, ": ids are whole numbers in this lake")
        )
    return read_id(frame, name, False)


def read_number(frame: DataFrame, name: str, into: str, plural: str, key: str) -> tuple[Column, Column]:
    """(number as `into`, its fault: text that is no number, NaN, infinite); a null is null and no fault.

    Raises `InputError` for a column whose type can be no number: `plural` and `key` say what it was to hold.
    """
    kind = frame.schema[name].dataType
    if not isinstance(kind, T.NumericType | T.StringType | T.NullType):
        raise InputError(
            f'column {name!r} is {kind.simpleString()}: {plural} must be numbers; set {key} to another column, or to ""'
        )
    raw = quote_name(name)
    text = F.when(raw.rlike(NUMBER), raw.try_cast(into))
    value = text if isinstance(kind, T.StringType) else raw.cast(into)
    fault = F.when(
        raw.isNotNull() & (value.isNull() | F.isnan(value) | (F.abs(value) == float("inf"))), describe_value(name, raw)
    )
    return value, fault


def check_rows(found: Mapping[str, Any], place: str, bad_rows: str) -> None:
    """Raise `InputError` where a census found no rows, or bad ones that are not to be dropped.

    found: `rows`, `bad`, and the `example` of a bad one.
    """
    if found["rows"] == 0:
        raise InputError(f"{place}: the table has no rows")
    if found["bad"] and bad_rows == "fail":
        raise InputError(
            f"{place}: {found['example']}, and {found['bad']:,} of {found['rows']:,} rows cannot be used: "
            'mend the source, or set input.bad_rows = "drop" to leave such rows out'
        )
