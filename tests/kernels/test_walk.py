"""The walk kernel: equal walks however they are cut, the exact transition law, and the ends of the scale."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from support import oracles
from walkgram.kernels.graph import csr
from walkgram.kernels.walks import transition
from walkgram.kernels.walks.rejection import search_rows
from walkgram.kernels.walks.walk import WalkGraph, sample_walks
from walkgram.kernels.walks.walk import build_walk_graph as make

TRIANGLES = oracles.undirected([
    (0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (2, 4, 4.0), (4, 5, 1.0), (5, 6, 2.5), (6, 7, 1.0),
    (5, 7, 2.0), (7, 8, 6.0), (8, 0, 1.0), (3, 3, 2.0), (6, 9, 1.0),
])  # fmt: skip


def arrays(graph: oracles.Graph, n: int, weighted: bool = True) -> WalkGraph:
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array([e[2] for e in edges], np.float64), 0, n, n)
    symmetric = all(graph.get(x, {}).get(v) == w for v, row in graph.items() for x, w in row.items())
    return make(indptr, indices, weights if weighted else np.ones_like(weights), symmetric)


def walked(
    graph: WalkGraph,
    ids: Sequence[int] | NDArray[np.int64],
    p: float = 0.5,
    q: float = 2.0,
    length: int = 12,
    seed: int = 7,
) -> list[list[int]]:
    """One walk for each id, from node id modulo n; lists cut at their lengths."""
    walk_ids = np.array(ids, np.int64)
    nodes, lengths = sample_walks(graph, walk_ids % (len(graph.indptr) - 1), walk_ids, seed, p, q, length)
    return [row[:end].tolist() for row, end in zip(nodes, lengths, strict=True)]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (1.0, 1.0)])
def test_walks_are_equal_however_the_ids_are_cut_ordered_or_chosen(weighted: bool, p: float, q: float) -> None:
    graph = arrays(TRIANGLES, 10, weighted)
    whole = walked(graph, range(1000), p, q)
    parts = [walked(graph, range(low, high), p, q) for low, high in pairwise([0, 1, 300, 999, 1000])]
    assert [walk for part in parts for walk in part] == whole
    order = np.random.default_rng(1).permutation(1000)
    assert walked(graph, order, p, q) == [whole[i] for i in order]
    assert walked(graph, [640, 3, 3, 77], p, q) == [whole[i] for i in (640, 3, 3, 77)]


def test_a_longer_walk_begins_with_the_shorter_one() -> None:
    graph = arrays(TRIANGLES, 10)
    assert [walk[:5] for walk in walked(graph, range(300), length=30)] == walked(graph, range(300), length=5)


def test_walks_of_another_id_or_seed_are_others() -> None:
    graph = arrays(TRIANGLES, 10)
    assert len({tuple(walk) for walk in walked(graph, range(0, 1000, 10), length=30)}) == 100
    assert len({tuple(walked(graph, [4], length=30, seed=seed)[0]) for seed in range(50)}) == 50


def test_ids_and_seeds_near_two_to_the_63_walk() -> None:
    graph = arrays(TRIANGLES, 10)
    ids = [2**63 - 1, 2**40]
    assert walked(graph, ids, seed=2**63 - 1) == [walked(graph, [i], seed=2**63 - 1)[0] for i in ids]


@pytest.mark.parametrize("weighted", [True, False])
def test_every_step_follows_an_edge_and_walks_start_where_they_are_told(weighted: bool) -> None:
    for i, walk in enumerate(walked(arrays(TRIANGLES, 10, weighted), range(500), 0.25, 4.0)):
        assert walk[0] == i % 10
        assert all(x in TRIANGLES[v] for v, x in pairwise(walk))


@pytest.mark.parametrize("length", [1, 2, 3, 80])
def test_walks_have_walk_length_nodes(length: int) -> None:
    nodes, lengths = sample_walks(arrays(TRIANGLES, 10), np.arange(10), np.arange(10), 7, 0.5, 2.0, length)
    assert nodes.shape == (10, length)
    assert (nodes.dtype, lengths.dtype) == (np.int32, np.int64)
    assert (lengths == length).all()


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 4.0)])
def test_a_dead_end_ends_the_walk_and_leaves_the_others_alone(p: float, q: float) -> None:
    graph = arrays({0: {1: 1.0}, 1: {2: 1.0}, 3: {4: 1.0}, 4: {3: 1.0}}, 6)
    ends = {0: [0, 1, 2], 1: [1, 2], 2: [2], 3: [3, 4, 3, 4, 3], 4: [4, 3, 4, 3, 4], 5: [5]}
    assert walked(graph, range(600), p, q, 5) == [ends[i % 6] for i in range(600)]


def test_no_walks_and_one_lone_node() -> None:
    assert walked(arrays(TRIANGLES, 10), []) == []
    assert walked(arrays({}, 1), [0, 1]) == [[0], [0]]


def test_a_self_loop_alone_is_walked_round() -> None:
    assert walked(arrays({0: {0: 5.0}}, 1), [0, 1], 4.0, 0.25, 4) == [[0] * 4] * 2


def test_huge_weights_beat_tiny_ones_and_do_not_overflow() -> None:
    graph = arrays(oracles.undirected([(0, 1, 1e300), (1, 2, 1e300), (0, 2, 1e300), (0, 3, 1e-300)]), 4)
    visited = np.bincount(np.concatenate([walk[1:] for walk in walked(graph, range(0, 4000, 4))]), minlength=4)
    assert visited[3] == 0
    assert visited[:3].min() > 2000


@pytest.mark.parametrize("q", [0.25, 4.0])
def test_a_hub_is_walked_by_the_rule(q: float) -> None:
    ring = [(i, i % 300 + 1, 1.0) for i in range(1, 301)]
    graph = arrays(oracles.undirected([(0, i, 1.0) for i in range(1, 301)] + ring), 301, False)
    steps = np.array([w[:3] for w in walked(graph, range(301 * 2000), 1.0, q, 3) if w[0] and w[1] == 0])
    apart = np.abs(steps[:, 0] - steps[:, 2])
    beside = float(np.isin(apart, [1, 299]).mean())
    assert beside == pytest.approx(2 / (2 + 1 + 297 / q), rel=0.1)


def test_search_is_membership_in_the_row() -> None:
    rows = [[2, 5, 9], [], [0], list(range(1, 40, 3)), []]
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    indices = np.array([i for r in rows for i in r], np.int32)
    asked = [(row, node) for row in (0, 2, 3) for node in range(45)]  # a walker never comes from an empty row
    row, node = (np.array([a[i] for a in asked], np.int32) for i in (0, 1))
    found = np.zeros(len(asked), np.bool_)
    search_rows(indptr, indices, row, node, np.arange(len(asked), dtype=np.uint32), len(asked), found)
    assert found.tolist() == [n in rows[r] for r, n in asked]


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (0.1, 1.0), (1.0, 1.0)])
def test_exact_probabilities_are_the_oracles(p: float, q: float) -> None:
    graph = {**TRIANGLES, 8: {7: 1.0, 3: 2.0}, 9: {}}
    matrix = np.array([[graph[v].get(x, 0.0) for x in range(10)] for v in range(10)])
    for before, at in [(-1, v) for v in range(10)] + [(t, v) for t in range(10) for v in graph[t]]:
        expected = oracles.transition(graph, None if before < 0 else before, at, p, q)
        found = transition.compute_transition_probabilities(matrix, before, at, p, q)
        np.testing.assert_allclose(found, [expected.get(x, 0.0) for x in range(10)], rtol=1e-12)
