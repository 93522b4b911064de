"""What the pipeline prints: neighbours with titles, and how many share a planted group."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

__all__ = ["compare_with_chance", "count_group_hits", "find_titles", "most_frequent_items", "name_neighbours"]


def most_frequent_items(vocabulary: DataFrame, embeddings: DataFrame, count: int) -> DataFrame:
    """item_id, position of the `count` most frequent items that have a vector."""
    with_vector = vocabulary.join(embeddings.select("item_id"), on="item_id", how="left_semi")
    return with_vector.select("item_id", F.col("index").alias("position")).orderBy("position").limit(count)


def find_titles(items: DataFrame, titles: Sequence[str]) -> DataFrame:
    """item_id, position of the items with these titles, in the titles' order."""
    position = F.array_position(F.array(*[F.lit(t) for t in titles]), F.col("title"))
    return items.where(F.col("title").isin(*titles)).select("item_id", position.alias("position"))


def name_neighbours(chosen: DataFrame, neighbours: DataFrame, items: DataFrame | None, count: int) -> DataFrame:
    """position, item, rank, neighbour, score of the chosen items' `count` nearest; names are titles, or ids without one."""
    found = chosen.join(neighbours.where(F.col("rank") <= count), on="item_id", how="left")
    if items is None:
        item, other = F.col("item_id").cast("string"), F.col("neighbour_id").cast("string")
    else:
        titles = items.select("item_id", "title")
        others = items.select(F.col("item_id").alias("neighbour_id"), F.col("title").alias("other"))
        found = found.join(titles, on="item_id", how="left").join(others, on="neighbour_id", how="left")
        item = F.coalesce("title", F.col("item_id").cast("string"))
        other = F.coalesce("other", F.col("neighbour_id").cast("string"))
    return found.select("position", item.alias("item"), "rank", other.alias("neighbour"), "score").orderBy("position", "rank")


def mark_same_group(neighbours: DataFrame, items: DataFrame, group: str) -> DataFrame:
    """item_id, own (the item's group), hit (1.0 where the neighbour is of the same, else 0.0), of items with a group."""
    groups = items.where(F.col(group).isNotNull()).select("item_id", F.col(group).alias("own"))
    theirs = groups.select(F.col("item_id").alias("neighbour_id"), F.col("own").alias("theirs"))
    joined = neighbours.join(groups, on="item_id", how="inner").join(theirs, on="neighbour_id", how="left")
    hit = F.when(F.col("own") == F.col("theirs"), 1.0).otherwise(0.0)
    return joined.select("item_id", "own", hit.alias("hit"))


def count_group_hits(chosen: DataFrame, neighbours: DataFrame, items: DataFrame, group: str) -> DataFrame:
    """position, own, hits, of: how many of all neighbours of each chosen item are of its group."""
    found = chosen.join(mark_same_group(neighbours, items, group), on="item_id", how="inner")
    return found.groupBy("position", "own").agg(F.sum("hit").cast("long").alias("hits"), F.count(F.lit(1)).alias("of"))


def compare_with_chance(neighbours: DataFrame, items: DataFrame, embeddings: DataFrame, group: str) -> DataFrame:
    """One row: share of the neighbours in the item's own group, and `chance`, that of a random other item.

    Means over all items with a vector and a group.
    """
    share = mark_same_group(neighbours, items, group).agg(F.avg("hit").alias("share"))
    nodes = embeddings.select("item_id").join(items.where(F.col(group).isNotNull()), on="item_id", how="inner")
    sizes = nodes.groupBy(group).agg(F.count(F.lit(1)).alias("size"))
    total = F.sum("size")
    chance = sizes.agg((F.sum(F.col("size") * (F.col("size") - 1)) / (total * (total - 1))).alias("chance"))
    return share.crossJoin(chance)
