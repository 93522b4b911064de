"""interactions -> vocabulary: dense indices 0..n-1 by falling frequency, ties by rising item_id."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.stages.contract import conform

__all__ = ["index_items", "vocabulary"]


def vocabulary(interactions: DataFrame) -> DataFrame:
    """The table `vocabulary`. One task numbers all items (a total order has one end), in memory that spills."""
    counted = interactions.groupBy("item_id").agg(F.count(F.lit(1)).alias("frequency"))
    order = Window.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    return conform(counted.withColumn("index", F.row_number().over(order) - 1), "vocabulary")


def index_items(interactions: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """user_id and the item's dense index, one row an interaction."""
    return interactions.join(vocabulary, on="item_id", how="inner").select("user_id", "index")
