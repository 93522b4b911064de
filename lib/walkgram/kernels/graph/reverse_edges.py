"""The probabilities of reverse steps: for each edge t -> v the probability of v -> t by weight, which folding needs."""

import numpy as np

from walkgram.kernels.arrays import Float32Array, Float64Array, Int64Array, IntArray
from walkgram.kernels.jit import njit

__all__ = ["compute_reverse_probabilities", "match_reverse_weights", "sum_rows", "transpose_csr"]


@njit
def sum_rows(indptr: Int64Array, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return (largest, totals) of each row: its largest weight, and the sum of its weights in units of the largest.

    In these units no sum overflows. Both are 0 for an empty row.
    """
    largest, totals = np.zeros(len(indptr) - 1, np.float64), np.zeros(len(indptr) - 1, np.float64)
    for row in range(len(indptr) - 1):
        for edge in range(indptr[row], indptr[row + 1]):
            largest[row] = max(largest[row], weights[edge])
        for edge in range(indptr[row], indptr[row + 1]):
            totals[row] += weights[edge] / largest[row]
    return largest, totals


@njit
def compute_reverse_probabilities(
    indices: IntArray, reverse_weights: Float64Array, largest: Float64Array, totals: Float64Array
) -> Float32Array:
    """Return (m,) float32: for each edge t -> v the probability of v -> t by weight, 0 if v -> t is no edge.

    reverse_weights (m,): the weight of v -> t, 0 if it is no edge; largest, totals (n,): `sum_rows` of all nodes.
    """
    probabilities = np.zeros(len(indices), np.float32)
    for edge in range(len(indices)):
        if reverse_weights[edge] > 0.0:
            probabilities[edge] = reverse_weights[edge] / largest[indices[edge]] / totals[indices[edge]]
    return probabilities


@njit
def match_reverse_weights(
    indptr: Int64Array, indices: IntArray, indptr_in: Int64Array, indices_in: IntArray, weights_in: Float64Array
) -> Float64Array:
    """Return (m,) float64: for each edge row -> v the weight of v -> row, 0 if it is no edge. O(m).

    indptr_in, indices_in, weights_in: CSR of the edges that lead to the same rows, by their sources.
    """
    reverse_weights = np.zeros(len(indices), np.float64)
    for row in range(len(indptr) - 1):
        edge_in, end_in = indptr_in[row], indptr_in[row + 1]
        for edge in range(indptr[row], indptr[row + 1]):
            while edge_in < end_in and indices_in[edge_in] < indices[edge]:
                edge_in += 1
            if edge_in < end_in and indices_in[edge_in] == indices[edge]:
                reverse_weights[edge] = weights_in[edge_in]
    return reverse_weights


@njit
def transpose_csr(indptr: Int64Array, indices: IntArray, weights: Float64Array) -> tuple[Int64Array, IntArray, Float64Array]:
    """Return (indptr, indices, weights) of the reversed edges of a graph with rows 0..n-1. O(m)."""
    indptr_in = np.zeros(len(indptr), np.int64)
    for node in indices:
        indptr_in[node + 1] += 1
    for row in range(len(indptr) - 1):
        indptr_in[row + 1] += indptr_in[row]
    positions = indptr_in[:-1].copy()
    indices_in, weights_in = np.empty_like(indices), np.empty_like(weights)
    for row in range(len(indptr) - 1):
        for edge in range(indptr[row], indptr[row + 1]):
            position = positions[indices[edge]]
            indices_in[position], weights_in[position] = row, weights[edge]
            positions[indices[edge]] += 1
    return indptr_in, indices_in, weights_in
