"""The edge filter: it has no false negatives and few false positives, and walks do not depend on it."""

from typing import Any

import numba
import numpy as np
import pytest

from walkgram.kernels.arrays import Float64Array, Int64Array, IntArray
from walkgram.kernels.graph import csr, edge_filter
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import build_walk_graph


def build_rows(n: int, m: int, seed: int, is_symmetric: bool) -> tuple[Int64Array, IntArray, Float64Array]:
    rng = np.random.default_rng(seed)
    src, dst, weight = rng.integers(0, n, m), rng.integers(0, n, m), rng.exponential(size=m) + 0.1
    if is_symmetric:
        is_no_loop = src != dst
        src, dst, weight = (
            np.append(src, dst[is_no_loop]),
            np.append(dst, src[is_no_loop]),
            np.append(weight, weight[is_no_loop]),
        )
    return csr.build_csr(src, dst, weight, 0, n, n)


@numba.njit
def query_filter(words: Any, a: Any, b: Any, is_symmetric: bool) -> Any:
    """Return the filter's answer to each (a, b)."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = edge_filter.may_contain(words, edge_filter.hash_edge(a[i], b[i], is_symmetric))
    return out


@pytest.mark.parametrize("is_symmetric", [True, False])
def test_every_edge_is_positive_and_few_others(is_symmetric: bool) -> None:
    n = 500
    indptr, indices, _ = build_rows(n, 3000, 1, is_symmetric)
    words = edge_filter.build_edge_filter(indptr, indices, is_symmetric)
    src = np.repeat(np.arange(n), np.diff(indptr))
    assert query_filter(words, src, indices.astype(np.int64), is_symmetric).all()
    edges = set(zip(src.tolist(), indices.tolist(), strict=True))
    others = [(a, b) for a, b in np.random.default_rng(2).integers(0, n, (6000, 2)).tolist() if (a, b) not in edges]
    is_positive = query_filter(words, np.array(others)[:, 0], np.array(others)[:, 1], is_symmetric)
    assert is_positive.mean() < 0.03
    assert len(words) * 64 <= edge_filter.BITS_PER_EDGE * len(indices) / (1.8 if is_symmetric else 1)


def test_the_filter_of_a_graph_without_edges_is_negative() -> None:
    words = edge_filter.build_edge_filter(np.zeros(4, np.int64), np.empty(0, np.int32), True)
    assert not query_filter(words, np.array([0, 1]), np.array([1, 2]), True).any()


@pytest.mark.parametrize("p, q", [(0.25, 4.0), (4.0, 0.25), (0.5, 2.0)])
def test_walks_do_not_depend_on_the_filter(p: float, q: float) -> None:
    indptr, indices, weights = build_rows(60, 400, 3, True)
    ids, full = np.arange(240), np.array([2**64 - 1], np.uint64)
    symmetric = build_walk_graph(indptr, indices, weights, True)
    directed = build_walk_graph(indptr, indices, weights, False)
    graphs = (symmetric, directed, symmetric._replace(filter=full))
    nodes = [sample_walks(graph, ids % 60, ids, make_walk_params(p, q, 30, 5))[0] for graph in graphs]
    assert (nodes[0] == nodes[1]).all()
    assert (nodes[0] == nodes[2]).all()
