"""embeddings, items -> rows of text for the Embedding Projector; edges -> the histogram of degrees."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

__all__ = ["HEADER", "count_degrees", "projector_lines"]

HEADER = "item_id\ttitle"  # the Projector asks for a header where the metadata has more than one column


def projector_lines(embeddings: DataFrame, items: DataFrame | None) -> DataFrame:
    """Return `vector` and `metadata`, one line of text each, by falling frequency, ties by rising item_id.

    Tabs and line breaks in ids and titles become spaces. An item without a title has an empty one.
    """
    titled = embeddings.withColumn("title", F.lit(""))
    if items is not None:
        titled = embeddings.join(items.select("item_id", "title"), on="item_id", how="left")
    vector = F.array_join(F.transform("vector", lambda x: x.cast("string")), "\t")
    metadata = F.concat_ws(
        "\t", flatten_text(F.col("item_id").cast("string")), F.coalesce(flatten_text(F.col("title")), F.lit(""))
    )
    ordered = titled.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    return ordered.select(vector.alias("vector"), metadata.alias("metadata"))


def flatten_text(text: Column) -> Column:
    """Replace tabs and line breaks by a space."""
    return F.regexp_replace(text, r"[\t\r\n\u0085\u2028\u2029]+", " ")


def count_degrees(edges: DataFrame) -> DataFrame:
    """Return degree, nodes: the number of nodes of each degree, where a self loop counts once; one row a degree."""
    ends = F.explode(F.array_distinct(F.array("src", "dst"))).alias("node")
    degrees = edges.select(ends).groupBy("node").agg(F.count(F.lit(1)).alias("degree"))
    return degrees.groupBy("degree").agg(F.count(F.lit(1)).alias("nodes")).orderBy("degree")
