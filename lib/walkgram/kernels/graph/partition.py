"""A graph built in parts: part j of P holds the rows j, j + P, j + 2P, ..., block b of B likewise, where B divides P.

Numbering nodes by falling frequency and dealing them out in turn gives every part about the same number of edges, with
no plan made beforehand.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.graph import csr, reverse_edges
from walkgram.kernels.jit import njit

__all__ = ["build_partition", "count_partition_rows", "scatter_rows"]

Arrays = dict[str, NDArray[Any]]


def count_partition_rows(n: int, number: int, count: int) -> int:
    """How many of the rows 0..n-1 part `number` of `count` has."""
    return max(0, -(-(n - number) // count))


def build_partition(
    src: NDArray[np.int64], dst: NDArray[np.int64], weight: NDArray[np.float64], number: int, count: int, n: int, directed: bool
) -> Arrays:
    """The rows of a part, from all edges with an end in it: indptr, indices, weights, slots, largest, totals, present.

    Undirected edges are walked both ways (a self loop once); directed ones leave `back`, the weight of each edge's way back,
    besides. slots is empty where all weights of the part are equal. `present`: the row has an edge, in or out. About 100
    bytes an edge while it runs. Raises `ValueError` as `csr.build`.
    """
    rows = count_partition_rows(n, number, count)
    leaving = slice(None) if count == 1 else src % count == number
    reaching = slice(None) if count == 1 else dst % count == number
    out, into = (src[leaving], dst[leaving], weight[leaving]), (dst[reaching], src[reaching], weight[reaching])
    arrays: Arrays = {}
    if directed:
        indptr_in, indices_in, weights_in = csr.build_csr(into[0] // count, into[1], into[2], 0, rows, n)
        indptr, indices, weights = csr.build_csr(out[0] // count, out[1], out[2], 0, rows, n)
        arrays["back"] = reverse_edges.match_reverse_weights(indptr, indices, indptr_in, indices_in, weights_in)
        present = (np.diff(indptr) > 0) | (np.diff(indptr_in) > 0)
    else:
        other = into[0] != into[1]
        src, dst, weight = (np.concatenate([a, b[other]]) for a, b in zip(out, into, strict=True))
        indptr, indices, weights = csr.build_csr(src // count, dst, weight, 0, rows, n)
        present = np.diff(indptr) > 0
    equal = bool((weights == weights[0]).all()) if len(weights) else True
    largest, totals = reverse_edges.sum_rows(indptr, weights)
    slots = np.empty((0, 2), np.uint32) if equal else csr.build_alias_table(indptr, weights)
    return arrays | {
        "indptr": indptr, "indices": indices, "weights": weights, "slots": slots, "largest": largest, "totals": totals,
        "present": present,
    }  # fmt: skip


@njit
def scatter_rows(source_indptr: Any, source: Any, first: int, stride: int, indptr: Any, out: Any) -> None:
    """Copy the rows of `source` to the rows first, first + stride, ... of `out`: out[indptr[first + i * stride]:] = row i."""
    for i in range(len(source_indptr) - 1):
        place = indptr[first + i * stride]
        for at in range(source_indptr[i], source_indptr[i + 1]):
            out[place] = source[at]
            place += 1
