"""Values inside structs by dotted names (event.user.id), and lists of items as rows (input.explode)."""

from collections.abc import Iterable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD

__all__ = ["flatten"]

EXPLODED_TABLES = ("input.columns.", "input.edge_columns.")


def flatten(frame: DataFrame, uri: str, config: Input, columns: Mapping[str, str]) -> DataFrame:
    """Return the table with one row an entry of the list input.explode, and with a column for each dotted name.

    `columns` maps a configuration key to the column that it requires. The list is that of the interactions or edges: other
    tables (items, nodes) have no such keys and stay. Raises `InputError` if the column of input.explode is no list.
    """
    if config.explode and any(key.startswith(EXPLODED_TABLES) for key in columns):
        frame = explode_list(frame, uri, config.explode)
    return add_nested_columns(frame, uri, columns)


def explode_list(frame: DataFrame, uri: str, name: str) -> DataFrame:
    """Return one row an entry of a list. A row without entries gives none, unless it is the record of a fault."""
    value = find_nested(frame, name)
    if value is None:
        raise InputError(f"{uri} has no column {name!r}: set input.explode to one of {', '.join(frame.columns)}")
    kind = frame.select(value.alias("value")).schema["value"].dataType
    if not isinstance(kind, T.ArrayType):
        raise InputError(f"{uri}: column {name!r} is {kind.simpleString()}, no list: set input.explode to a list's column")
    has_rows = F.size(value) > 0
    if CORRUPT_RECORD in frame.columns:
        has_rows |= F.col(CORRUPT_RECORD).isNotNull()
    others = [quote(other) for other in frame.columns if other != name]
    return frame.where(has_rows).select(*others, F.explode_outer(value).alias(name))


def add_nested_columns(frame: DataFrame, uri: str, columns: Mapping[str, str]) -> DataFrame:
    """Add a column a.b.c for each required name a.b.c that is no column but the field of a struct.

    Raises `InputError` that names input.explode for a field inside a list.
    """
    added: dict[str, Column] = {}
    for name in dict.fromkeys(columns.values()):
        if name in frame.columns:
            continue  # a column of that name takes precedence over the path
        if (value := find_nested(frame, name)) is not None:
            added[name] = value
        elif (list_name := find_list(frame, name)) is not None:
            raise InputError(
                f'{uri}: {list_name!r} in {name!r} is a list: set input.explode = "{list_name}" for a row an entry'
            )
    return frame.withColumns({name: value.alias(name) for name, value in added.items()}) if added else frame


def find_nested(frame: DataFrame, name: str) -> Column | None:
    """Return the value at a dotted name: the longest part of it that is a column, then fields; None if there is none."""
    for column, fields in split_name(frame.columns, name):
        value, kind = quote(column), frame.schema[column].dataType
        for field in fields:
            if isinstance(kind, T.StructType) and kind.names.count(field) == 1:
                value, kind = value.getField(field), kind[field].dataType
            elif isinstance(kind, T.MapType) and isinstance(kind.keyType, T.StringType):
                value, kind = value.getItem(field), kind.valueType
            else:
                break
        else:
            return value
    return None


def find_list(frame: DataFrame, name: str) -> str | None:
    """Return the first part of a dotted name that is a list, None if there is none."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        prefix = ".".join(parts[:end])
        value = find_nested(frame, prefix)
        if value is not None and isinstance(frame.select(value.alias("value")).schema["value"].dataType, T.ArrayType):
            return prefix
    return None


def split_name(columns: Iterable[str], name: str) -> list[tuple[str, list[str]]]:
    """Return the columns that begin a dotted name, the longest first, each with the names of the fields after it."""
    parts, known = name.split("."), set(columns)
    heads = [(".".join(parts[:end]), parts[end:]) for end in range(len(parts), 0, -1)]
    return [(head, fields) for head, fields in heads if head in known]


def quote(name: str) -> Column:
    """Return the column of this literal name, which may contain dots."""
    return F.col("`" + name.replace("`", "``") + "`")
