"""Columns of a source -> ids and numbers, with the fault of each value that cannot be read.

A reader returns two columns: the value, null where there is none, and the fault, null where the value is valid.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Input
from walkgram.errors import InputError

__all__ = [
    "WHOLE_NUMBER",
    "ValueRules",
    "check_rows",
    "count_faults",
    "describe_value",
    "first_row",
    "is_long_text",
    "no_fault",
    "quote_name",
    "read_id",
    "read_id_as",
    "read_number",
    "read_present",
    "text_fault",
    "unparsed_line_fault",
]

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"  # Spark's cast also accepts "5d"
MAX_EXACT_DOUBLE = 2**53  # above it, a double no longer determines one whole number
WHOLE_NUMBER = r"^\s*[+-]?\d+(\.0*)?\s*$"  # also "7.0" and "007", which are read as a long only if input.id_type says so
CORRUPT = "_corrupt_record"  # the column in which every format gives the fault of a row that it cannot read


class ValueRules(NamedTuple):
    """How values are read: the keys input.null_values, .id_type, .timestamp_unit and .timestamp_format."""

    null_values: tuple[str, ...] = ()
    id_type: str = "auto"
    timestamp_unit: str = "s"
    timestamp_format: str = ""

    @classmethod
    def from_config(cls, config: Input) -> "ValueRules":
        """Return the rules of a source."""
        return cls(tuple(config.null_values), config.id_type, config.timestamp_unit, config.timestamp_format)


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
    """Return the fault of rows that the format could not read."""
    return quote_name(CORRUPT) if CORRUPT in frame.columns else no_fault()


def read_present(frame: DataFrame, name: str, rules: ValueRules) -> Column:
    """Return a column in which text that stands for null (input.null_values) is null."""
    raw = quote_name(name)
    if not isinstance(frame.schema[name].dataType, T.StringType) or not rules.null_values:
        return raw
    return F.when(~F.trim(raw).isin(*rules.null_values), raw)


def text_fault(name: str, raw: Column) -> Column:
    """Return the fault of text with bytes that are not in the encoding, or with NUL bytes."""
    garbled = describe_value(name, raw, ", which is not in the encoding of the file: set input.encoding")
    nul = describe_value(name, F.replace(raw, F.lit("\0"), F.lit("\\0")), ", which has a NUL byte")
    return F.when(raw.contains("\ufffd"), garbled).when(raw.contains("\0"), nul)


def is_long_text(text: Column) -> Column:
    """Return whether text stays the same when it is read as a long, unlike "007" and "1.0"; null for null."""
    return F.coalesce(text.try_cast("long").cast("string") == text, F.when(text.isNotNull(), F.lit(False)))


def read_id(frame: DataFrame, name: str, kind: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read a column of ids as the type `kind`, "long" or "string"; returns (id, fault). A null has no fault.

    Whole numbers that are stored as doubles, as pandas does, are whole numbers. Raises `InputError` if the column has
    another type than numbers or text.
    """
    source, raw = frame.schema[name].dataType, read_present(frame, name, rules)
    if isinstance(source, T.StringType):
        if kind == "string":
            return raw, text_fault(name, raw)
        value = F.when(raw.rlike(WHOLE_NUMBER), F.trim(raw).try_cast("decimal(38,6)").try_cast("long"))
        hint = ": ids are whole numbers (input.id_type)"
        return value, F.when(raw.isNotNull() & value.isNull(), describe_value(name, raw, hint))
    if isinstance(source, T.ByteType | T.ShortType | T.IntegerType | T.LongType | T.NullType):
        return raw.cast(kind), no_fault()
    if isinstance(source, T.FloatType | T.DoubleType | T.DecimalType):
        is_decimal = isinstance(source, T.DecimalType)
        is_present = raw.isNotNull() if is_decimal else raw.isNotNull() & ~F.isnan(raw)
        is_exact = F.lit(True) if is_decimal else F.abs(raw) <= MAX_EXACT_DOUBLE
        value = F.when(is_present & is_exact & (F.floor(raw) == raw), raw.try_cast("long"))
        fault = F.when(is_present & value.isNull(), describe_value(name, raw, ": ids must be whole numbers or text"))
        return value.cast(kind), fault
    raise InputError(f"column {name!r} is {source.simpleString()}: ids must be whole numbers or text; cast it in the source")


def read_id_as(frame: DataFrame, name: str, kind: T.DataType, rules: ValueRules) -> tuple[Column, Column]:
    """Read a column of ids as the type that the lake's ids have, long or string; returns (id, fault)."""
    if isinstance(kind, T.StringType) or not isinstance(frame.schema[name].dataType, T.StringType):
        return read_id(frame, name, kind.typeName(), rules)
    raw = read_present(frame, name, rules)
    return raw.try_cast("long"), F.when(~is_long_text(raw), describe_value(name, raw, ": ids are whole numbers in this lake"))


def read_number(frame: DataFrame, name: str, into: str, plural: str, key: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read a column of numbers as the type `into`; returns (number, fault). A null has no fault.

    Text that is no number, NaN and infinity are faults. Raises `InputError` if the column has another type; its message says
    which values (`plural`) the column should have and which `key` names it.
    """
    kind = frame.schema[name].dataType
    if not isinstance(kind, T.NumericType | T.StringType | T.NullType):
        raise InputError(
            f'column {name!r} is {kind.simpleString()}: {plural} must be numbers; set {key} to another column, or to ""'
        )
    raw = read_present(frame, name, rules)
    text = F.when(raw.rlike(NUMBER), raw.try_cast(into))
    value = text if isinstance(kind, T.StringType) else raw.cast(into)
    fault = F.when(
        raw.isNotNull() & (value.isNull() | F.isnan(value) | (F.abs(value) == float("inf"))), describe_value(name, raw)
    )
    return value, fault


def first_row(rows: DataFrame, is_valid: Column) -> Column:
    """Return the aggregate `first_row`: the first valid row without `bad`, times as text.

    A limit instead would stop the Python worker that splits the file, which then prints a stack trace.
    """
    times = [field.name for field in rows.schema.fields if isinstance(field.dataType, T.TimestampType)]
    values = [
        F.col(name).cast("string").alias(name) if name in times else F.col(name) for name in rows.columns if name != "bad"
    ]
    return F.first(F.when(is_valid, F.struct(*values)), ignorenulls=True).alias("first_row")


def count_faults(rows: DataFrame, aggregates: Sequence[Column], names: Sequence[str]) -> dict[str, Any]:
    """Aggregate parsed rows in one pass; returns the aggregates by name, and `faults`: (bad rows, example) by column.

    names: the columns whose values may be bad; without entry where none is.
    """
    columns = list(aggregates)
    for i, name in enumerate(names):
        matches = F.col("bad").startswith(f"column {name!r}")
        columns += [F.count_if(matches).alias(f"faults{i}"), F.max(F.when(matches, F.col("bad"))).alias(f"fault{i}")]
    row = rows.agg(*columns).first()
    counts = {} if row is None else row.asDict()
    faults = {name: (counts.pop(f"faults{i}"), counts.pop(f"fault{i}")) for i, name in enumerate(names)}
    return counts | {"faults": {name: found for name, found in faults.items() if found[0]}}


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
