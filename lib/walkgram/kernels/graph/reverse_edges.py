"""The ways back: for each edge t -> v the share of v -> t in the weight of v's row, which folding asks for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["compute_reverse_probabilities", "match_reverse_weights", "sum_rows", "transpose_csr"]

Ints = NDArray[np.integer[Any]]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit
def sum_rows(indptr: Longs, weights: Floats) -> tuple[Floats, Floats]:
    """(largest, total): of each row the largest weight and the sum over it, so that no sum overflows; 0 where it is empty."""
    largest, totals = np.zeros(len(indptr) - 1, np.float64), np.zeros(len(indptr) - 1, np.float64)
    for row in range(len(indptr) - 1):
        for at in range(indptr[row], indptr[row + 1]):
            largest[row] = max(largest[row], weights[at])
        for at in range(indptr[row], indptr[row + 1]):
            totals[row] += weights[at] / largest[row]
    return largest, totals


@njit
def compute_reverse_probabilities(indices: Ints, back: Floats, largest: Floats, totals: Floats) -> NDArray[np.float32]:
    """(edges,) float32: for the edge t -> v the share of v -> t in its row's weight, 0 where there is none.

    back (edges,): the weight of v -> t, 0 where there is none; largest, totals: (n,), `row_totals` of all nodes.
    """
    out = np.zeros(len(indices), np.float32)
    for at in range(len(indices)):
        if back[at] > 0.0:
            out[at] = back[at] / largest[indices[at]] / totals[indices[at]]
    return out


@njit
def match_reverse_weights(indptr: Longs, indices: Ints, indptr_in: Longs, indices_in: Ints, weights_in: Floats) -> Floats:
    """(edges,) float64: for the edge row -> v the weight of v -> row, 0 where there is none.

    indptr_in, indices_in, weights_in: for the same rows the edges that lead to them, as CSR by the other end.
    """
    out = np.zeros(len(indices), np.float64)
    for row in range(len(indptr) - 1):
        place, end = indptr_in[row], indptr_in[row + 1]
        for at in range(indptr[row], indptr[row + 1]):
            while place < end and indices_in[place] < indices[at]:
                place += 1
            if place < end and indices_in[place] == indices[at]:
                out[at] = weights_in[place]
    return out


@njit
def transpose_csr(indptr: Longs, indices: Ints, weights: Floats) -> tuple[Longs, Ints, Floats]:
    """The CSR of the edges turned round; rows 0..n-1 of a whole graph. O(edges)."""
    out = np.zeros(len(indptr), np.int64)
    for node in indices:
        out[node + 1] += 1
    for row in range(len(indptr) - 1):
        out[row + 1] += out[row]
    place = out[:-1].copy()
    turned, moved = np.empty_like(indices), np.empty_like(weights)
    for row in range(len(indptr) - 1):
        for at in range(indptr[row], indptr[row + 1]):
            new = place[indices[at]]
            turned[new], moved[new] = row, weights[at]
            place[indices[at]] += 1
    return out, turned, moved
