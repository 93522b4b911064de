"""Scores of a block of left rows with one block of right rows after another, without the excluded pairs."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Float32Matrix, Int64Array
from walkgram.kernels.knn.metric import Metric

__all__ = ["Exclusions", "RowBlock", "score_blocks"]


class RowBlock(NamedTuple):
    """Consecutive rows of a table, prepared by the metric: the number of the first, and (b, dim) float32."""

    first_row: int
    vectors: Float32Matrix


class Exclusions(NamedTuple):
    """Pairs of rows that never match. same_row: each row with itself; left, right (e,) int64: pairs, by rising right row."""

    same_row: bool
    left: Int64Array
    right: Int64Array


def score_blocks(
    left: RowBlock, right: Iterable[RowBlock], metric: Metric, exclusions: Exclusions
) -> Iterator[tuple[int, Float32Matrix]]:
    """Yield (first right row, keys (m, b)) of each right block.

    A key is the score, with its sign changed where smaller scores are better: larger keys are better. It is -inf for an
    excluded pair. O(m n dim) in GEMM.
    """
    for block in right:
        scores = metric.score(left.vectors @ block.vectors.T, left.vectors, block.vectors)
        keys = scores if metric.larger_is_better else -scores
        exclude_pairs(keys, left.first_row, block.first_row, exclusions)
        yield block.first_row, keys


def exclude_pairs(keys: Float32Matrix, first_left: int, first_right: int, exclusions: Exclusions) -> None:
    """Set the keys of excluded pairs to -inf, in place."""
    rows, columns = keys.shape
    if exclusions.same_row:
        column = np.arange(first_left, first_left + rows) - first_right
        row = np.flatnonzero((column >= 0) & (column < columns))
        keys[row, column[row]] = -np.inf
    start, stop = np.searchsorted(exclusions.right, [first_right, first_right + columns])
    keys[exclusions.left[start:stop] - first_left, exclusions.right[start:stop] - first_right] = -np.inf
