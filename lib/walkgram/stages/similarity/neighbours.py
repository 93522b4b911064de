"""embeddings -> neighbours: the join of the items with themselves."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.config.output import Neighbours
from walkgram.stages.ports import StageContext, select_schema
from walkgram.stages.similarity.join import SimilarityJoin, join_similar
from walkgram.stages.similarity.vectors import JoinSide, number_rows

__all__ = ["find_neighbours"]


def find_neighbours(context: StageContext, embeddings: DataFrame, num_items: int, config: Neighbours) -> DataFrame:
    """Return the table `neighbours`: the config.k nearest other items of every item by config.metric.

    Ties: the more frequent, then item_id.
    """
    rows = number_rows(embeddings, "item_id", F.col("frequency").desc(), F.col("item_id").asc())
    items = JoinSide("embeddings", rows, num_items)
    joined = join_similar(context, SimilarityJoin(config.metric, k=config.k, block_rows=config.block_rows), items)
    return select_schema(joined.withColumnsRenamed({"left_id": "item_id", "right_id": "neighbour_id"}), "neighbours")
