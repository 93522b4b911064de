"""Columns of a source -> ids and numbers, with the fault of each value that cannot be read.

A reader returns two columns: the value, null where there is none, and the fault, null where the value is valid.
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

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"  # Spark's cast also accepts "5d"
MAX_EXACT_DOUBLE = 2**53  # above it, a double no longer determines one whole number
CORRUPT = "_corrupt_record"  # the complete fault of a line, null for a good one (lake/formats/base.py)


def no_fault() -> Column:
    """Return the fault of valid values: null."""
    return F.lit(None).cast("string")


def quote_name(name: str) -> Column:
    """Return the column of this literal name, which may contain dots."""
    return F.col("`" + name.replace("`", "``") + "`")


def describe_value(name: str, raw: Column, hint: str = "") -> Column:
    """Describe an invalid value, for the error message."""
    return F.concat(F.lit(f"column {name!r} holds "), F.substring(raw.cast("string"), 1, 60), F.lit(hint))


def unparsed_line_fault(frame: DataFrame) -> Column:
    """Return the fault of lines that could not be split into columns, as the reader of the format describes it."""
    return quote_name(CORRUPT) if CORRUPT in frame.columns else no_fault()


def is_not_long_text(text: Column) -> Column:
    """Return whether text would change if it were read as a long, such as "007" and "1.0"; false for null."""
    return F.coalesce(text.try_cast("long").cast("string") != text, text.isNotNull())


def read_id(frame: DataFrame, name: str, as_long: bool) -> tuple[Column, Column]:
    """Read a column of ids; returns (long or string, fault). Whole numbers stored as doubles, as pandas does, become longs.

    Raises `InputError` if the column has another type.
    """
    kind, raw = frame.schema[name].dataType, quote_name(name)
    if isinstance(kind, T.StringType):
        garbled = F.when(raw.contains("\ufffd"), describe_value(name, raw, ", which is not UTF-8: set input.encoding"))
        return raw.cast("long") if as_long else raw, no_fault() if as_long else garbled
    if isinstance(kind, T.ByteType | T.ShortType | T.IntegerType | T.LongType | T.NullType):
        return raw.cast("long"), no_fault()
    if isinstance(kind, T.FloatType | T.DoubleType | T.DecimalType):
        is_decimal = isinstance(kind, T.DecimalType)
        is_present = raw.isNotNull() if is_decimal else raw.isNotNull() & ~F.isnan(raw)
        is_exact = F.lit(True) if is_decimal else F.abs(raw) <= MAX_EXACT_DOUBLE
        value = F.when(is_present & is_exact & (F.floor(raw) == raw), raw.try_cast("long"))
        return value, F.when(is_present & value.isNull(), describe_value(name, raw, ": ids must be whole numbers or text"))
    raise InputError(f"column {name!r} is {kind.simpleString()}: ids must be whole numbers or text; cast it in the source")


def read_id_as(frame: DataFrame, name: str, kind: T.DataType) -> tuple[Column, Column]:
    """Read a column of ids as the type `kind`, long or string; returns (id, fault)."""
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
    """Read a column of numbers as the type `into`; returns (number, fault). A null has no fault.

    Text that is no number, NaN and infinity are faults. Raises `InputError` if the column has another type; its message says
    which values (`plural`) the column should have and which `key` names it.
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


def check_rows(counts: Mapping[str, Any], path: str, bad_rows: str) -> None:
    """Raise `InputError` if there are no rows, or if there are bad rows and `bad_rows` is "fail".

    counts: `rows`, `bad` (their number), and the fault of one of them, `example`.
    """
    if counts["rows"] == 0:
        raise InputError(f"{path}: the table has no rows")
    if counts["bad"] and bad_rows == "fail":
        raise InputError(
            f"{path}: {counts['example']}, and {counts['bad']:,} of {counts['rows']:,} rows cannot be used: "
            'correct the source, or set input.bad_rows = "drop" to drop such rows'
        )
