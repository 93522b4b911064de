"""Tables of the pipeline's report: neighbours with titles, and the share of neighbours in the same group."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

__all__ = ["compare_with_chance", "count_group_hits", "find_titles", "most_frequent_items", "name_neighbours"]


def most_frequent_items(vocabulary: DataFrame, embeddings: DataFrame, count: int) -> DataFrame:
    """Return item_id, position of the `count` most frequent items that have a vector."""
    with_vector = vocabulary.join(embeddings.select("item_id"), on="item_id", how="left_semi")
    return with_vector.select("item_id", F.col("index").alias("position")).orderBy("position").limit(count)


def find_titles(items: DataFrame, titles: Sequence[str]) -> DataFrame:
    """Return item_id, position of the items with these titles, in the order of the titles."""
    position = F.array_position(F.array(*[F.lit(t) for t in titles]), F.col("title"))
    return items.where(F.col("title").isin(*titles)).select("item_id", position.alias("position"))


def name_neighbours(queries: DataFrame, neighbours: DataFrame, items: DataFrame | None, count: int) -> DataFrame:
    """Return position, item, rank, neighbour, score of the `count` nearest items of each query.

    Names are titles, or ids of items without a title. queries: item_id, position.
    """
    nearest = queries.join(neighbours.where(F.col("rank") <= count), on="item_id", how="left")
    if items is None:
        item, neighbour = F.col("item_id").cast("string"), F.col("neighbour_id").cast("string")
    else:
        titles = items.select("item_id", "title")
        neighbour_titles = items.select(F.col("item_id").alias("neighbour_id"), F.col("title").alias("neighbour_title"))
        nearest = nearest.join(titles, on="item_id", how="left").join(neighbour_titles, on="neighbour_id", how="left")
        item = F.coalesce("title", F.col("item_id").cast("string"))
        neighbour = F.coalesce("neighbour_title", F.col("neighbour_id").cast("string"))
    named = nearest.select("position", item.alias("item"), "rank", neighbour.alias("neighbour"), "score")
    return named.orderBy("position", "rank")


def mark_same_group(neighbours: DataFrame, items: DataFrame, group: str) -> DataFrame:
    """Return item_id, item_group, hit of the items with a group: hit is 1.0 if the neighbour is in the same group, else 0.0."""
    groups = items.where(F.col(group).isNotNull()).select("item_id", F.col(group).alias("item_group"))
    neighbour_groups = groups.select(F.col("item_id").alias("neighbour_id"), F.col("item_group").alias("neighbour_group"))
    joined = neighbours.join(groups, on="item_id", how="inner").join(neighbour_groups, on="neighbour_id", how="left")
    hit = F.when(F.col("item_group") == F.col("neighbour_group"), 1.0).otherwise(0.0)
    return joined.select("item_id", "item_group", hit.alias("hit"))


def count_group_hits(queries: DataFrame, neighbours: DataFrame, items: DataFrame, group: str) -> DataFrame:
    """Return position, item_group, hits, neighbours: the neighbours of each query in its group, and all of its neighbours."""
    marked = queries.join(mark_same_group(neighbours, items, group), on="item_id", how="inner")
    hits = F.sum("hit").cast("long").alias("hits")
    return marked.groupBy("position", "item_group").agg(hits, F.count(F.lit(1)).alias("neighbours"))


def compare_with_chance(neighbours: DataFrame, items: DataFrame, embeddings: DataFrame, group: str) -> DataFrame:
    """Return one row: `share` of the neighbours in the item's group, and `chance`, the share of random other items.

    Both are means over all items with a vector and a group.
    """
    share = mark_same_group(neighbours, items, group).agg(F.avg("hit").alias("share"))
    nodes = embeddings.select("item_id").join(items.where(F.col(group).isNotNull()), on="item_id", how="inner")
    sizes = nodes.groupBy(group).agg(F.count(F.lit(1)).alias("size"))
    total = F.sum("size")
    chance = sizes.agg((F.sum(F.col("size") * (F.col("size") - 1)) / (total * (total - 1))).alias("chance"))
    return share.crossJoin(chance)
