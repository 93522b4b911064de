"""Exact top-k by inner product: blocks of rows against blocks of columns, a running best of k."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_top_k", "normalize_rows"]

Matrix = NDArray[np.float32]


def normalize_rows(vectors: Matrix) -> Matrix:
    """Rows of unit length, (n, dim) float32; a row of zeros stays zeros (its cosine with anything is 0)."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)


def find_top_k(
    queries: Matrix, first: int, blocks: Iterable[tuple[int, Matrix]], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(neighbours, scores), each (queries, <= k): the k best other rows of each query, best first, ties by lower row.

    queries: (m, dim), rows first..first+m-1 of the whole; blocks: (number of its first row, (b, dim)) of the whole. A
    query is never its own neighbour. O(m n dim) in GEMM, memory O(m (b + k)).
    """
    scores = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for low, block in blocks:
        fresh = queries @ block.T  # (m, b)
        own = np.arange(first, first + len(queries)) - low
        inside = np.flatnonzero((own >= 0) & (own < len(block)))
        fresh[inside, own[inside]] = -np.inf
        keep = select_top_k(fresh, min(k, fresh.shape[1]))
        scores = np.concatenate([scores, np.take_along_axis(fresh, keep, 1)], axis=1)
        rows = np.concatenate([rows, keep + low], axis=1)
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    others = int((scores > -np.inf).sum(axis=1).min()) if scores.size else 0
    return rows[:, :others], scores[:, :others]


def select_top_k(scores: Matrix, k: int) -> NDArray[np.int64]:
    """(m, k) columns of the k highest scores of each row, in no order; equal scores at the cut go to the lower column."""
    if k == scores.shape[1]:
        return np.broadcast_to(np.arange(k), scores.shape).copy()
    chosen = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]
    least = np.take_along_axis(scores, chosen, 1).min(axis=1, keepdims=True)
    tied = np.flatnonzero((scores >= least).sum(axis=1) > k)
    for row in tied:
        chosen[row] = np.argsort(-scores[row], kind="stable")[:k]
    return chosen
