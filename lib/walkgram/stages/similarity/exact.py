"""Exact search: every block of left rows against every block of right rows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.kernels.knn import topk
from walkgram.kernels.knn.metric import Metric
from walkgram.stages.ports import to_batches
from walkgram.stages.similarity.exclusions import ExclusionBlocks
from walkgram.stages.similarity.vectors import VectorBlocks

__all__ = ["MATCHES", "search_exact"]

MATCHES = "left_row long, right_row long, rank int, score float"


def search_exact(
    tasks: DataFrame, left: VectorBlocks, right: VectorBlocks, metric: Metric, limits: topk.Limits, exclusions: ExclusionBlocks
) -> DataFrame:
    """Return the matches of left block `id` for each row of `tasks`, as rows of MATCHES.

    O(n m dim) in GEMM for n left and m right rows. Memory of a task: a product of two blocks, and the matches of a block; the
    blocks are mapped.
    """

    def search(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch["id"].to_pylist():
                matches = topk.find_matches(left.open(number), right.open_all(), metric, limits, exclusions.open(number))
                yield from to_batches({
                    "left_row": matches.left, "right_row": matches.right, "rank": matches.rank, "score": matches.score,
                })  # fmt: skip

    return tasks.mapInArrow(search, MATCHES)
