"""Walks -> (target, context): pairs of positions at most `window` apart, in both orders."""

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["band", "pairs", "weights"]


def pairs(nodes: NDArray[np.int64], lengths: NDArray[np.int64], window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(target, context), each (m,) int64: walk[i], walk[j] for 0 < |i - j| <= window, by walk, then i, then j.

    nodes: (walks, walk_length) int64, valid up to lengths (walks,) int64.
    """
    return fill(nodes, lengths, window, count(lengths, window))


@numba.njit(cache=True)
def count(lengths: NDArray[np.int64], window: int) -> int:
    """How many pairs there are."""
    total = 0
    for length in lengths:
        for i in range(length):
            total += min(i, window) + min(length - 1 - i, window)
    return total


@numba.njit(cache=True)
def fill(
    nodes: NDArray[np.int64], lengths: NDArray[np.int64], window: int, total: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs, in order."""
    target, context = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for row in range(len(lengths)):
        for i in range(lengths[row]):
            for j in range(max(0, i - window), min(lengths[row], i + window + 1)):
                if j != i:
                    target[at], context[at] = nodes[row, i], nodes[row, j]
                    at += 1
    return target, context


def band(length: int, window: int) -> NDArray[np.float32]:
    """(length, length) float32: (window - |i - j| + 1) / window within the window, else 0, and 0 on the diagonal.

    That is the expectation of word2vec's window, drawn anew for each position from 1..window.
    """
    apart = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :])
    inside = (apart > 0) & (apart <= window)
    return np.where(inside, (window - apart + 1) / window, 0.0).astype(np.float32)


def weights(window: int, dynamic: bool) -> NDArray[np.float32]:
    """(window + 1,) float32 by distance, 0 at 0: (window - distance + 1) / window, or 1 each where it is not dynamic.

    The first is the expectation of word2vec's window, drawn anew for each centre from 1..window.
    """
    apart = np.arange(window + 1)
    return np.where(apart == 0, 0.0, (window - apart + 1) / window if dynamic else 1.0).astype(np.float32)
