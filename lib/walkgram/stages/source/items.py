"""Source rows -> items: titles, list columns and further columns of the kept items' side information."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.schema import ItemColumns
from walkgram.stages.source.columns import quote_name

__all__ = ["required_columns", "select_items"]


def required_columns(columns: ItemColumns) -> dict[str, str]:
    """Configuration key -> column that the source must have."""
    names = {"item_id": columns.item_id, "title": columns.title}
    listed = {f"lists[{i}]": n for i, n in enumerate(columns.lists)} | {f"keep[{i}]": n for i, n in enumerate(columns.keep)}
    return {f"input.item_columns.{key}": name for key, name in (names | listed).items() if name}


def select_items(frame: DataFrame, columns: ItemColumns, ids: T.DataType) -> DataFrame:
    """item_id (of the interactions' type), title, list columns, further columns; one row an item: the first by
    title, one without a title last.

    Items whose id cannot be of the interactions' type can match none of them and are left out.
    """
    title = quote_name(columns.title).cast("string") if columns.title else F.lit(None).cast("string")
    lists = [parse_list(frame, name, columns.list_separator).alias(name) for name in columns.lists]
    keep = [quote_name(name).alias(name) for name in columns.keep]
    item_id = quote_name(columns.item_id).try_cast(ids)
    selected = frame.select(item_id.alias("item_id"), title.alias("title"), *lists, *keep).where(F.col("item_id").isNotNull())
    rest = [c for c in selected.columns if c != "item_id"]
    best = F.min(F.struct(F.col("title").isNull().alias("untitled"), *rest))
    first = selected.groupBy("item_id").agg(best.alias("row"))
    return first.select("item_id", *[F.col("row").getField(c).alias(c) for c in rest])


def parse_list(frame: DataFrame, name: str, separator: str) -> Column:
    """An array of strings; null or empty text is an empty list."""
    if isinstance(frame.schema[name].dataType, T.ArrayType):
        return F.coalesce(quote_name(name).cast("array<string>"), F.array().cast("array<string>"))
    text = quote_name(name).cast("string")
    parts = F.split(text, "\\Q" + separator + "\\E")
    return F.when(text.isNull() | (text == ""), F.array().cast("array<string>")).otherwise(parts)
