"""The matches of a block of rows: the k best, those within a threshold, or both. Ties are ordered by the lower right row."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolMatrix, Float32Array, Float32Matrix, Int32Array, Int64Array, Int64Matrix
from walkgram.kernels.knn.blocks import Exclusions, RowBlock, score_blocks
from walkgram.kernels.knn.metric import Metric

__all__ = ["Limits", "Matches", "find_matches"]


class Limits(NamedTuple):
    """k: the most matches of a left row; threshold: the worst score of a match. At least one of them is set."""

    k: int | None
    threshold: float | None


class Matches(NamedTuple):
    """Pairs of rows, each (m,), by left row, then rank: left, right int64; rank int32, from 1; score float32."""

    left: Int64Array
    right: Int64Array
    rank: Int32Array
    score: Float32Array


def find_matches(left: RowBlock, right: Iterable[RowBlock], metric: Metric, limits: Limits, exclusions: Exclusions) -> Matches:
    """Find the matches of each left row among all right rows, best first.

    The threshold is compared in float32; a score equal to it is a match. Memory: O(m (b + k)) with k, else O(m b) and
    the matches. Raises `ValueError` without a limit.
    """
    if limits.k is not None:
        return find_top_k(left, right, metric, limits, exclusions)
    if limits.threshold is None:
        raise ValueError("find_matches needs k or a threshold")
    return find_within_threshold(left, right, metric, limits, exclusions)


def find_top_k(left: RowBlock, right: Iterable[RowBlock], metric: Metric, limits: Limits, exclusions: Exclusions) -> Matches:
    """Find the k best matches of each left row, with a running list of k over the right blocks."""
    k = limits.k or 0
    keys = np.empty((len(left.vectors), 0), np.float32)
    rows = np.empty((len(left.vectors), 0), np.int64)
    for first_row, block_keys in score_blocks(left, right, metric, exclusions):
        columns = select_top_k(block_keys, min(k, block_keys.shape[1]))
        keys = np.concatenate([keys, np.take_along_axis(block_keys, columns, 1)], axis=1)
        rows = np.concatenate([rows, columns + first_row], axis=1)
        order = np.lexsort((rows, -keys), axis=1)[:, :k]
        keys, rows = np.take_along_axis(keys, order, 1), np.take_along_axis(rows, order, 1)
    is_match = select_keys(keys, metric, limits.threshold)
    left_row, position = np.nonzero(is_match)  # the matches of a row are its first positions
    score = keys[is_match] if metric.larger_is_better else -keys[is_match]
    return Matches(left_row + left.first_row, rows[is_match], (position + 1).astype(np.int32), score)


def find_within_threshold(
    left: RowBlock, right: Iterable[RowBlock], metric: Metric, limits: Limits, exclusions: Exclusions
) -> Matches:
    """Find all matches within the threshold."""
    left_rows, right_rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    block_keys = [np.empty(0, np.float32)]
    for first_row, keys in score_blocks(left, right, metric, exclusions):
        row, column = np.nonzero(select_keys(keys, metric, limits.threshold))
        left_rows.append(row + left.first_row)
        right_rows.append(column + first_row)
        block_keys.append(keys[row, column])
    left_row, right_row = np.concatenate(left_rows), np.concatenate(right_rows)
    key = np.concatenate(block_keys)
    order = np.lexsort((right_row, -key, left_row))
    left_row, right_row = left_row[order], right_row[order]
    rank = np.arange(len(order)) - np.searchsorted(left_row, left_row) + 1
    score = key[order] if metric.larger_is_better else -key[order]
    return Matches(left_row, right_row, rank.astype(np.int32), score)


def select_keys(keys: Float32Matrix, metric: Metric, threshold: float | None) -> BoolMatrix:
    """Mark the keys that are not excluded and, where there is a threshold, are within it."""
    if threshold is None:
        return np.asarray(keys > -np.inf)
    return np.asarray(keys >= np.float32(threshold if metric.larger_is_better else -threshold))


def select_top_k(keys: Float32Matrix, k: int) -> Int64Matrix:
    """Return (m, k) columns of the k largest keys of each row, in no order; equal keys at the cut go to the lower column."""
    if k == keys.shape[1]:
        return np.broadcast_to(np.arange(k), keys.shape).copy()
    chosen = np.argpartition(keys, keys.shape[1] - k, axis=1)[:, keys.shape[1] - k :]
    smallest = np.take_along_axis(keys, chosen, 1).min(axis=1, keepdims=True)
    rows_with_ties = np.flatnonzero((keys >= smallest).sum(axis=1) > k)
    for row in rows_with_ties:
        chosen[row] = np.argsort(-keys[row], kind="stable")[:k]
    return chosen
