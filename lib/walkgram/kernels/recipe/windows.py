"""Walks -> (target, context): pairs of positions at most `window` apart, in both orders."""

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["list_window_pairs"]


def list_window_pairs(
    nodes: NDArray[np.int64], lengths: NDArray[np.int64], window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(target, context), each (m,) int64: walk[i], walk[j] for 0 < |i - j| <= window, by walk, then i, then j.

    nodes: (walks, walk_length) int64, valid up to lengths (walks,) int64.
    """
    return fill_window_pairs(nodes, lengths, window, count_window_pairs(lengths, window))


@njit
def count_window_pairs(lengths: NDArray[np.int64], window: int) -> int:
    """How many pairs there are."""
    total = 0
    for length in lengths:
        for i in range(length):
            total += min(i, window) + min(length - 1 - i, window)
    return total


@njit
def fill_window_pairs(
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
