"""Skip-grams of walks: (target, context) pairs of positions at most `window` apart, in both orders."""

import numpy as np

from walkgram.kernels.arrays import Int64Array, Int64Matrix
from walkgram.kernels.jit import njit

__all__ = ["list_window_pairs"]


def list_window_pairs(nodes: Int64Matrix, lengths: Int64Array, window: int) -> tuple[Int64Array, Int64Array]:
    """Return (target, context), each (m,) int64: walk[i], walk[j] for 0 < |i - j| <= window, by walk, then i, then j.

    nodes: (walks, walk_length) int64, valid up to lengths (walks,) int64.
    """
    return fill_window_pairs(nodes, lengths, window, count_window_pairs(lengths, window))


@njit
def count_window_pairs(lengths: Int64Array, window: int) -> int:
    """Return the number of pairs."""
    num_pairs = 0
    for length in lengths:
        for i in range(length):
            num_pairs += min(i, window) + min(length - 1 - i, window)
    return num_pairs


@njit
def fill_window_pairs(nodes: Int64Matrix, lengths: Int64Array, window: int, num_pairs: int) -> tuple[Int64Array, Int64Array]:
    """Return the pairs in order."""
    target, context = np.empty(num_pairs, np.int64), np.empty(num_pairs, np.int64)
    pair = 0
    for walk in range(len(lengths)):
        for i in range(lengths[walk]):
            for j in range(max(0, i - window), min(lengths[walk], i + window + 1)):
                if j != i:
                    target[pair], context[pair] = nodes[walk, i], nodes[walk, j]
                    pair += 1
    return target, context
