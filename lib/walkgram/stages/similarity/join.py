"""The similarity join: for every left row the right rows that are most similar, or similar enough.

Neighbours are the join of a table with itself (`neighbours.py`). A metric is a file in `walkgram/kernels/knn` and a line in
its registry. The search is exact (`exact.py`); another one takes the same arguments and returns the same rows.
"""

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import ConfigError, InputError
from walkgram.kernels.knn import registry
from walkgram.kernels.knn.topk import Limits
from walkgram.stages.ports import StageContext
from walkgram.stages.similarity.exact import search_exact
from walkgram.stages.similarity.exclusions import ExclusionBlocks, find_excluded_rows, write_exclusions
from walkgram.stages.similarity.vectors import JoinSide, write_vectors

__all__ = ["SimilarityJoin", "join_similar"]

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class SimilarityJoin:
    """The definition of a similarity join.

    metric: a name in the registry. k: the most matches of a left row; threshold: the worst score of a match, itself included;
    at least one of them is set. drop_equal_ids: leave out pairs of equal ids, in a self-join each row with itself.
    block_rows: rows of a block of vectors. Raises `ConfigError` for an unknown metric or limits that make no join.
    """

    metric: str = "cosine"
    k: int | None = None
    threshold: float | None = None
    drop_equal_ids: bool = True
    block_rows: int = 4096

    def __post_init__(self) -> None:
        registry.find_metric(self.metric)
        if self.k is None and self.threshold is None:
            raise ConfigError("a similarity join needs k, a threshold, or both")
        if self.k is not None and self.k < 1:
            raise ConfigError(f"a similarity join has k = {self.k}: use 1 or more")
        if self.threshold is not None and not abs(self.threshold) <= FLOAT32_MAX:
            raise ConfigError(f"a similarity join has the threshold {self.threshold}: use a finite number")
        if self.block_rows < 1:
            raise ConfigError(f"a similarity join has block_rows = {self.block_rows}: use 1 or more")


def join_similar(
    context: StageContext,
    spec: SimilarityJoin,
    left: JoinSide,
    right: JoinSide | None = None,
    excluded: DataFrame | None = None,
) -> DataFrame:
    """Join two tables of vectors by similarity, or the left one with itself where there is no right one.

    excluded: left_id, right_id of pairs that never match, in this order of the ids; ids that a side does not have are ignored.
    Returns left_id, right_id, rank int (1 is the best), score float, in no order. Ties are ranked by the lower right row. A
    left row without a match has no row. Cost: see `search_exact`. Raises `InputError` for vectors that cannot be compared.
    """
    metric, is_self_join = registry.find_metric(spec.metric), right is None
    right = right or left
    left_blocks = right_blocks = write_vectors(
        left, metric.prepare_left, spec.block_rows, context.scratch(f"vectors-{left.name}-left")
    )
    if not is_self_join or metric.prepare_left is not metric.prepare_right:
        store = context.scratch(f"vectors-{right.name}-right")
        right_blocks = write_vectors(right, metric.prepare_right, spec.block_rows, store)
    if left_blocks.dim != right_blocks.dim and left_blocks.dim and right_blocks.dim:
        raise InputError(
            f"{left.name} has vectors of length {left_blocks.dim}, {right.name} of {right_blocks.dim}: "
            "join vectors of one length"
        )
    same_row = is_self_join and spec.drop_equal_ids
    exclusions = ExclusionBlocks(same_row)
    excluded_rows = find_excluded_rows(left, right, spec.drop_equal_ids and not is_self_join, excluded)
    if excluded_rows is not None:
        store = context.scratch(f"excluded-{left.name}-{right.name}")
        exclusions = write_exclusions(excluded_rows, left_blocks, same_row, store)
    tasks = context.tasks(left_blocks.num_blocks)
    matches = search_exact(tasks, left_blocks, right_blocks, metric, Limits(spec.k, spec.threshold), exclusions)
    left_ids = left.rows.select(F.col("row").alias("left_row"), F.col("id").alias("left_id"))
    right_ids = right.rows.select(F.col("row").alias("right_row"), F.col("id").alias("right_id"))
    named = matches.join(left_ids, on="left_row", how="inner").join(right_ids, on="right_row", how="inner")
    return named.select("left_id", "right_id", "rank", "score")
