"""The type of the ids of a source: long or string, the same for every column that names the same things.

CSV and edge lists have text alone. Under input.id_type = auto a column of text becomes long if that changes none of its usable
values; the others, and the types that a source declares, stay as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.errors import InputError
from walkgram.stages.source.columns import WHOLE_NUMBER, ValueRules, is_long_text, quote_name, read_present

__all__ = ["IdColumn", "check_day_ids", "find_id_columns", "unify_types"]

FEW = 0.05  # a share of odd values up to which the column was probably meant to be numbers


class IdColumn(NamedTuple):
    """A column of ids: its type, "long" or "string", and what its usable values are.

    odd: values that are no whole numbers as a long is written; of these, `numeric` would be whole numbers if they were read as
    such ("007", "7.0"), and `decimals` end in ".0", as pandas writes whole numbers beside nulls. An example of each. Where the
    source declares the type, or the configuration sets it, the counts are 0 (`is_counted`).
    """

    name: str
    kind: str
    values: int = 0
    odd: int = 0
    numeric: int = 0
    decimals: int = 0
    odd_example: str | None = None
    numeric_example: str | None = None
    long_example: str | None = None
    is_counted: bool = False

    @property
    def notice(self) -> str:
        """What a user should know about the type, or ""."""
        if self.decimals and self.decimals == self.odd:
            return (
                f"{self.decimals:,} of {self.values:,} values of column {self.name!r} end in .0 (for example "
                f"{self.odd_example}), so all are text: input.id_type = long reads whole numbers"
            )
        if 0 < self.odd <= FEW * self.values:
            return (
                f"column {self.name!r} is text because of {self.odd:,} of {self.values:,} values (for example "
                f"{self.odd_example}): input.id_type = long makes these bad rows, string confirms the type"
            )
        return ""


def find_id_columns(frame: DataFrame, names: Sequence[str], usable: Column, untyped: bool, rules: ValueRules) -> list[IdColumn]:
    """Choose the type of each column of ids; one pass over the source where text decides it.

    usable: whether the other columns of a row can be read. untyped: every column of the source is text.
    """
    texts = [name for name in dict.fromkeys(names) if isinstance(frame.schema[name].dataType, T.StringType)]
    counts: Mapping[str, Mapping[str, Any]] = {}
    if texts and untyped and rules.id_type == "auto":
        counts = count_values(frame, texts, usable, rules)
    return [choose_type(frame, name, counts, rules) for name in names]


def count_values(frame: DataFrame, names: Sequence[str], usable: Column, rules: ValueRules) -> dict[str, dict[str, Any]]:
    """Count the usable values of columns of text, with examples; by column, the fields of `IdColumn`."""
    aggregates: dict[str, Column] = {}
    for i, name in enumerate(names):
        raw = read_present(frame, name, rules)
        value, is_long = F.when(usable, raw), is_long_text(raw)
        is_numeric, short = ~is_long & raw.rlike(WHOLE_NUMBER), F.substring(value, 1, 60)
        aggregates |= {
            f"values{i}": F.count(value),
            f"odd{i}": F.count_if(usable & ~is_long),
            f"numeric{i}": F.count_if(usable & is_numeric),
            f"decimals{i}": F.count_if(usable & raw.rlike(r"^[+-]?\d+\.0$")),
            f"odd_example{i}": F.max(F.when(~is_long, short)),
            f"numeric_example{i}": F.max(F.when(is_numeric, short)),
            f"long_example{i}": F.max(F.when(is_long, short)),
        }
    row = frame.agg(*[value.alias(name) for name, value in aggregates.items()]).first()
    found = {} if row is None else row.asDict()
    fields = ("values", "odd", "numeric", "decimals", "odd_example", "numeric_example", "long_example")
    return {name: {field: found[f"{field}{i}"] for field in fields} for i, name in enumerate(names)}


def choose_type(frame: DataFrame, name: str, counts: Mapping[str, Mapping[str, Any]], rules: ValueRules) -> IdColumn:
    """Return the type of one column: as input.id_type says, else as its values or the source's type allow."""
    is_text = isinstance(frame.schema[name].dataType, T.StringType)
    if name in counts:
        kind = "string" if counts[name]["odd"] or not counts[name]["values"] else "long"
        return IdColumn(name, kind, **counts[name], is_counted=True)
    if rules.id_type != "auto":
        return IdColumn(name, rules.id_type)
    example = first_value(frame, name)
    return IdColumn(name, "string" if is_text else "long", odd_example=example, long_example=example)


def first_value(frame: DataFrame, name: str) -> str | None:
    """Return a value of a column that is not null, as text."""
    row = frame.select(quote_name(name).cast("string").alias("v")).where("v IS NOT NULL").first()
    return None if row is None else str(row["v"])[:60]


def unify_types(left: IdColumn, right: IdColumn, source: str) -> str:
    """Return the one type of two columns that name the same things: long if both are, else string.

    Raises `InputError`, with a value of each, where that would make two ids of one: whole numbers here, "1.0" or "007" there,
    or numbers in one declared type and text in the other.
    """
    if left.kind == right.kind:
        return left.kind
    long, text = (left, right) if left.kind == "long" else (right, left)
    if text.is_counted and not text.numeric:
        return "string"
    example = text.numeric_example or text.odd_example
    raise InputError(
        f"{source}: the ids of column {long.name!r} are whole numbers (for example {long.long_example}), those of column "
        f"{text.name!r} text (for example {example}): correct the source, or set input.id_type to string (all as they "
        "stand) or long (1.0 and 01 are 1, other text is a bad value)"
    )


def check_day_ids(day: DataFrame, name: str, stored: DataFrame, column: str, source: str) -> None:
    """Raise `InputError` where a day's column declares numbers and the lake's ids are text: 7 might be "007" there."""
    is_text = [isinstance(kind, T.StringType) for kind in (day.schema[name].dataType, stored.schema[column].dataType)]
    if is_text == [False, True]:
        long = IdColumn(name, "long", long_example=first_value(day, name))
        unify_types(long, IdColumn(f"{column} of the lake", "string", odd_example=first_value(stored, column)), source)
