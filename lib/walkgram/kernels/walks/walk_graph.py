"""The graph as walks read it: CSR rows with alias tables, reverse probabilities and an edge filter."""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolArray, Float32Array, Float64Array, Int64Array, IntArray, UInt32Matrix, UInt64Array
from walkgram.kernels.graph import csr, edge_filter, edge_records, reverse_edges

__all__ = ["WalkGraph", "build_walk_graph"]


class WalkGraph(NamedTuple):
    """CSR rows 0..n-1 with m edges.

    indptr (n + 1,) int64; indices (m,) int32 (int64 beyond 2^31 nodes), rising in each row. alias_table (m, 2) uint32
    (`csr.build_alias_table`), empty if all weights are equal. reverse_probabilities (m,) float32
    (`reverse_edges.compute_reverse_probabilities`), empty if weights are equal and the graph is symmetric. filter (words,)
    uint64 (`edge_filter.build_edge_filter`). is_symmetric (1,) bool. With weights and int32 indices the arrays of the edges are
    columns of records (`edge_records`).
    """

    indptr: Int64Array
    indices: IntArray
    alias_table: UInt32Matrix
    reverse_probabilities: Float32Array
    filter: UInt64Array
    is_symmetric: BoolArray


def build_walk_graph(indptr: Int64Array, indices: IntArray, weights: Float64Array, is_symmetric: bool) -> WalkGraph:
    """Build the graph of sorted CSR rows (`csr.build_csr`); is_symmetric: every edge has a reverse edge of the same weight.

    Memory: 8 bytes a node; 4 an edge if all weights are equal, else 12, and 4 more for the reverse probabilities (pages that
    only a walk with 1/p above max(1, 1/q) touches); 1.5 an edge for the filter, 0.75 if the graph is symmetric.
    """
    has_equal_weights = bool((weights == weights[0]).all()) if len(weights) else True
    columns = edge_records.EdgeArrays(np.empty((0, 2), np.uint32), indices, np.empty(0, np.float32))
    if not (has_equal_weights and is_symmetric):
        probabilities = find_reverse_probabilities(indptr, indices, weights, is_symmetric)
        columns = columns._replace(reverse_probabilities=probabilities)
    if not has_equal_weights:
        columns = columns._replace(alias_table=csr.build_alias_table(indptr, weights))
        if indices.dtype == np.int32:
            words = [columns.alias_table, *(column.view(np.uint32)[:, None] for column in columns[1:])]
            columns = edge_records.view_columns(np.concatenate(words, axis=1))
    words_of_filter = edge_filter.build_edge_filter(indptr, indices, is_symmetric)
    return WalkGraph(
        indptr=indptr,
        indices=columns.indices,
        alias_table=columns.alias_table,
        reverse_probabilities=columns.reverse_probabilities,
        filter=words_of_filter,
        is_symmetric=np.array([is_symmetric]),
    )


def find_reverse_probabilities(
    indptr: Int64Array, indices: IntArray, weights: Float64Array, is_symmetric: bool
) -> Float32Array:
    """Return (m,) float32: the probability of each edge's reverse step; in a symmetric graph without a transposed copy."""
    reverse_weights = weights
    if not is_symmetric:
        in_rows = reverse_edges.transpose_csr(indptr, indices, weights)
        reverse_weights = reverse_edges.match_reverse_weights(indptr, indices, *in_rows)
    return reverse_edges.compute_reverse_probabilities(indices, reverse_weights, *reverse_edges.sum_rows(indptr, weights))
