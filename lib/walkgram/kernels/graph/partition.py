"""The rows of one of `count` parts of a graph: part `number` has the rows number, number + count, number + 2 count, ...

With nodes numbered by falling frequency, every part has about the same number of edges, without a plan made in advance.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.arrays import Float64Array, Int64Array
from walkgram.kernels.graph import csr, reverse_edges
from walkgram.kernels.jit import njit

__all__ = ["build_partition", "count_partition_rows", "scatter_rows"]


def count_partition_rows(n: int, number: int, count: int) -> int:
    """Return how many of the rows 0..n-1 part `number` of `count` has."""
    return max(0, -(-(n - number) // count))


def build_partition(
    src: Int64Array, dst: Int64Array, weight: Float64Array, number: int, count: int, n: int, directed: bool
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a part's rows, from all edges with an end in it, each (m,).

    indptr, indices, weights: CSR rows. alias_table: empty if all weights of the part are equal. largest, totals: `sum_rows`.
    is_node: whether a row has an edge, in or out. An undirected edge is in the rows of both ends (a self loop once); a directed
    graph also has reverse_weights, the weight of each edge's reverse edge. About 100 bytes of scratch an edge. Raises
    `ValueError` as `build_csr`.
    """
    num_rows = count_partition_rows(n, number, count)
    is_out = slice(None) if count == 1 else src % count == number
    is_in = slice(None) if count == 1 else dst % count == number
    out_edges = (src[is_out], dst[is_out], weight[is_out])
    in_edges = (dst[is_in], src[is_in], weight[is_in])  # with the part's end first
    arrays: dict[str, NDArray[Any]] = {}
    if directed:
        in_rows = csr.build_csr(in_edges[0] // count, in_edges[1], in_edges[2], 0, num_rows, n)
        indptr, indices, weights = csr.build_csr(out_edges[0] // count, out_edges[1], out_edges[2], 0, num_rows, n)
        arrays["reverse_weights"] = reverse_edges.match_reverse_weights(indptr, indices, *in_rows)
        is_node = (np.diff(indptr) > 0) | (np.diff(in_rows[0]) > 0)
    else:
        is_no_loop = in_edges[0] != in_edges[1]
        src, dst, weight = (np.concatenate([a, b[is_no_loop]]) for a, b in zip(out_edges, in_edges, strict=True))
        indptr, indices, weights = csr.build_csr(src // count, dst, weight, 0, num_rows, n)
        is_node = np.diff(indptr) > 0
    has_equal_weights = bool((weights == weights[0]).all()) if len(weights) else True
    largest, totals = reverse_edges.sum_rows(indptr, weights)
    alias_table = np.empty((0, 2), np.uint32) if has_equal_weights else csr.build_alias_table(indptr, weights)
    return arrays | {
        "indptr": indptr, "indices": indices, "weights": weights, "alias_table": alias_table, "largest": largest,
        "totals": totals, "is_node": is_node,
    }  # fmt: skip


@njit
def scatter_rows(
    source_indptr: Int64Array, source: NDArray[Any], first: int, stride: int, indptr: Int64Array, target: NDArray[Any]
) -> None:
    """Copy row i of `source` to row first + i * stride of `target`, for all i. indptr: of the target's rows."""
    for i in range(len(source_indptr) - 1):
        position = indptr[first + i * stride]
        for edge in range(source_indptr[i], source_indptr[i + 1]):
            target[position] = source[edge]
            position += 1
