"""Source rows -> items: titles, list columns and further columns of side information."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import ItemColumns
from walkgram.errors import InputError
from walkgram.stages.source.columns import (
    ValueRules,
    check_rows,
    quote_name,
    read_id,
    read_present,
    text_fault,
    unparsed_line_fault,
)

__all__ = ["required_columns", "select_items", "validate"]


def required_columns(columns: ItemColumns) -> dict[str, str]:
    """Map each configuration key to the column that the source must have."""
    names = {"item_id": columns.item_id, "title": columns.title}
    names |= {f"lists[{i}]": name for i, name in enumerate(columns.lists)}
    names |= {f"keep[{i}]": name for i, name in enumerate(columns.keep)}
    return {f"input.item_columns.{key}": name for key, name in names.items() if name}


def validate(frame: DataFrame, columns: ItemColumns, path: str, bad_rows: str, rules: ValueRules) -> None:
    """Raise `InputError` if the table has no rows, or rows that cannot be read and `bad_rows` is "fail"."""
    raw = read_present(frame, columns.item_id, rules)
    fault = unparsed_line_fault(frame)
    texts = [
        name for name in (columns.item_id, columns.title) if name and isinstance(frame.schema[name].dataType, T.StringType)
    ]
    fault = F.coalesce(fault, *[text_fault(name, quote_name(name)) for name in texts])
    row = frame.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(fault.isNotNull()).alias("bad"),
        F.max(fault).alias("example"),
        F.count(raw).alias("ids"),
    ).first()
    counts = {} if row is None else row.asDict()
    check_rows(counts, path, bad_rows)
    if not counts["ids"]:
        raise InputError(f"{path}: column {columns.item_id!r} is null in every row: set input.item_columns.item_id to the ids")


def select_items(frame: DataFrame, columns: ItemColumns, ids: T.DataType, rules: ValueRules) -> DataFrame:
    """Select item_id, title, list columns and further columns, one row an item. ids: the type of the interactions' item_id.

    Of several rows of an item the first by title stays; a row without a title is the last. Ids that cannot be cast to `ids`
    match no interaction, so their rows are dropped.
    """
    title = F.lit(None).cast("string")
    if columns.title:  # a film may be called "None"
        text = quote_name(columns.title).cast("string")
        title = F.when(~F.trim(text).isin("", "\\N"), text)
    lists = [parse_list(frame, name, columns.list_separator).alias(name) for name in columns.lists]
    further = [quote_name(name).alias(name) for name in columns.keep]
    item_id, _ = read_id(frame, columns.item_id, ids.typeName(), rules)
    readable = frame.where(unparsed_line_fault(frame).isNull())
    rows = readable.select(item_id.alias("item_id"), title.alias("title"), *lists, *further).where(F.col("item_id").isNotNull())
    names = [name for name in rows.columns if name != "item_id"]
    first = F.min(F.struct(F.col("title").isNull().alias("untitled"), *names))
    items = rows.groupBy("item_id").agg(first.alias("row"))
    return items.select("item_id", *[F.col("row").getField(name).alias(name) for name in names])


def parse_list(frame: DataFrame, name: str, separator: str) -> Column:
    """Parse a column as an array of strings; null and empty text give an empty list."""
    if isinstance(frame.schema[name].dataType, T.ArrayType):
        return F.coalesce(quote_name(name).cast("array<string>"), F.array().cast("array<string>"))
    text = quote_name(name).cast("string")
    parts = F.split(text, "\\Q" + separator + "\\E")
    return F.when(text.isNull() | (text == ""), F.array().cast("array<string>")).otherwise(parts)
