"""interactions, or the nodes of a graph -> vocabulary: dense indices 0..n-1 by falling frequency, ties by rising item_id."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.stages.ports import select_schema

__all__ = ["build_vocabulary", "number_items"]


def build_vocabulary(interactions: DataFrame) -> DataFrame:
    """Build the table `vocabulary` of the interactions' items."""
    return number_items(interactions.groupBy("item_id").agg(F.count(F.lit(1)).alias("frequency")))


def number_items(frequencies: DataFrame) -> DataFrame:
    """Build the table `vocabulary` from item_id, frequency.

    One task numbers all items, as their order is total; its memory spills to disk.
    """
    order = Window.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    return select_schema(frequencies.withColumn("index", F.row_number().over(order) - 1), "vocabulary")
