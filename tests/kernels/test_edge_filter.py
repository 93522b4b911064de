"""The edge filter: no edge is ever denied, few others are affirmed, and walks do not depend on it."""

from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from walkgram.kernels.graph import csr, edge_filter
from walkgram.kernels.walks.walk import build_walk_graph, sample_walks


def rows(n: int, m: int, seed: int, symmetric: bool) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    src, dst, weight = rng.integers(0, n, m), rng.integers(0, n, m), rng.exponential(size=m) + 0.1
    if symmetric:
        apart = src != dst
        src, dst, weight = np.append(src, dst[apart]), np.append(dst, src[apart]), np.append(weight, weight[apart])
    return csr.build_csr(src, dst, weight, 0, n, n)


@numba.njit
def asked(words: Any, a: Any, b: Any, symmetric: bool) -> Any:
    """What the filter says of each (a, b)."""
    out = np.empty(len(a), np.bool_)
    for i in range(len(a)):
        out[i] = edge_filter.may_contain(words, edge_filter.hash_edge(a[i], b[i], symmetric))
    return out


@pytest.mark.parametrize("symmetric", [True, False])
def test_every_edge_is_affirmed_and_few_others(symmetric: bool) -> None:
    n = 500
    indptr, indices, _ = rows(n, 3000, 1, symmetric)
    words = edge_filter.build_edge_filter(indptr, indices, symmetric)
    src = np.repeat(np.arange(n), np.diff(indptr))
    assert asked(words, src, indices.astype(np.int64), symmetric).all()
    edges = set(zip(src.tolist(), indices.tolist(), strict=True))
    others = [(a, b) for a, b in np.random.default_rng(2).integers(0, n, (6000, 2)).tolist() if (a, b) not in edges]
    affirmed = asked(words, np.array(others)[:, 0], np.array(others)[:, 1], symmetric)
    assert affirmed.mean() < 0.03
    assert len(words) * 64 <= edge_filter.BITS * len(indices) / (1.8 if symmetric else 1)


def test_a_graph_without_edges_has_a_filter_that_denies_all() -> None:
    words = edge_filter.build_edge_filter(np.zeros(4, np.int64), np.empty(0, np.int32), True)
    assert not asked(words, np.array([0, 1]), np.array([1, 2]), True).any()


@pytest.mark.parametrize("p, q", [(0.25, 4.0), (4.0, 0.25), (0.5, 2.0)])
def test_walks_are_the_same_however_the_filter_is_made(p: float, q: float) -> None:
    indptr, indices, weights = rows(60, 400, 3, True)
    ids, full = np.arange(240), np.array([2**64 - 1], np.uint64)
    made = build_walk_graph(indptr, indices, weights, True)
    other = build_walk_graph(indptr, indices, weights, False)
    nodes = [sample_walks(g, ids % 60, ids, 5, p, q, 30)[0] for g in (made, other, made._replace(filter=full))]
    assert (nodes[0] == nodes[1]).all()
    assert (nodes[0] == nodes[2]).all()
