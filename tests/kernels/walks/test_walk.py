"""The walk kernel: walks do not depend on their batch, follow edges, end at dead ends; extreme weights, ids and degrees."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from support import oracles
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.rejection import search_rows
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import WalkGraph, build_walk_graph

TRIANGLES = oracles.undirected([
    (0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (2, 4, 4.0), (4, 5, 1.0), (5, 6, 2.5), (6, 7, 1.0),
    (5, 7, 2.0), (7, 8, 6.0), (8, 0, 1.0), (3, 3, 2.0), (6, 9, 1.0),
])  # fmt: skip


def build_graph(graph: oracles.Graph, n: int, weighted: bool = True) -> WalkGraph:
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array([e[2] for e in edges], np.float64), 0, n, n)
    is_symmetric = all(graph.get(x, {}).get(v) == w for v, row in graph.items() for x, w in row.items())
    return build_walk_graph(indptr, indices, weights if weighted else np.ones_like(weights), is_symmetric)


def list_walks(
    graph: WalkGraph,
    ids: Sequence[int] | NDArray[np.int64],
    p: float = 0.5,
    q: float = 2.0,
    length: int = 12,
    seed: int = 7,
) -> list[list[int]]:
    """Return the walk of each id, from node id modulo n, cut to its length."""
    walk_ids = np.array(ids, np.int64)
    starts = walk_ids % (len(graph.indptr) - 1)
    nodes, lengths = sample_walks(graph, starts, walk_ids, make_walk_params(p, q, length, seed))
    return [row[:end].tolist() for row, end in zip(nodes, lengths, strict=True)]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (1.0, 1.0)])
def test_a_walk_does_not_depend_on_the_other_walks_of_its_batch(weighted: bool, p: float, q: float) -> None:
    graph = build_graph(TRIANGLES, 10, weighted)
    walks = list_walks(graph, range(1000), p, q)
    parts = [list_walks(graph, range(low, high), p, q) for low, high in pairwise([0, 1, 300, 999, 1000])]
    assert [walk for part in parts for walk in part] == walks
    order = np.random.default_rng(1).permutation(1000)
    assert list_walks(graph, order, p, q) == [walks[i] for i in order]
    assert list_walks(graph, [640, 3, 3, 77], p, q) == [walks[i] for i in (640, 3, 3, 77)]


def test_a_longer_walk_begins_with_the_shorter_one() -> None:
    graph = build_graph(TRIANGLES, 10)
    assert [walk[:5] for walk in list_walks(graph, range(300), length=30)] == list_walks(graph, range(300), length=5)


def test_walks_differ_by_id_and_seed() -> None:
    graph = build_graph(TRIANGLES, 10)
    assert len({tuple(walk) for walk in list_walks(graph, range(0, 1000, 10), length=30)}) == 100
    assert len({tuple(list_walks(graph, [4], length=30, seed=seed)[0]) for seed in range(50)}) == 50


def test_ids_and_seeds_near_two_to_the_63_walk() -> None:
    graph = build_graph(TRIANGLES, 10)
    ids = [2**63 - 1, 2**40]
    assert list_walks(graph, ids, seed=2**63 - 1) == [list_walks(graph, [i], seed=2**63 - 1)[0] for i in ids]


@pytest.mark.parametrize("weighted", [True, False])
def test_every_step_follows_an_edge_and_every_walk_starts_at_its_start(weighted: bool) -> None:
    for i, walk in enumerate(list_walks(build_graph(TRIANGLES, 10, weighted), range(500), 0.25, 4.0)):
        assert walk[0] == i % 10
        assert all(x in TRIANGLES[v] for v, x in pairwise(walk))


@pytest.mark.parametrize("length", [1, 2, 3, 80])
def test_walks_have_walk_length_nodes(length: int) -> None:
    nodes, lengths = sample_walks(
        build_graph(TRIANGLES, 10), np.arange(10), np.arange(10), make_walk_params(0.5, 2.0, length, 7)
    )
    assert nodes.shape == (10, length)
    assert (nodes.dtype.name, lengths.dtype.name) == ("int32", "int64")
    assert (lengths == length).all()


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 4.0)])
def test_a_dead_end_ends_only_the_walks_that_meet_it(p: float, q: float) -> None:
    graph = build_graph({0: {1: 1.0}, 1: {2: 1.0}, 3: {4: 1.0}, 4: {3: 1.0}}, 6)
    ends = {0: [0, 1, 2], 1: [1, 2], 2: [2], 3: [3, 4, 3, 4, 3], 4: [4, 3, 4, 3, 4], 5: [5]}
    assert list_walks(graph, range(600), p, q, 5) == [ends[i % 6] for i in range(600)]


def test_no_walks_and_an_isolated_node() -> None:
    assert list_walks(build_graph(TRIANGLES, 10), []) == []
    assert list_walks(build_graph({}, 1), [0, 1]) == [[0], [0]]


def test_a_walk_follows_a_self_loop() -> None:
    assert list_walks(build_graph({0: {0: 5.0}}, 1), [0, 1], 4.0, 0.25, 4) == [[0] * 4] * 2


def test_huge_weights_do_not_overflow() -> None:
    graph = build_graph(oracles.undirected([(0, 1, 1e300), (1, 2, 1e300), (0, 2, 1e300), (0, 3, 1e-300)]), 4)
    num_visits = np.bincount(np.concatenate([walk[1:] for walk in list_walks(graph, range(0, 4000, 4))]), minlength=4)
    assert num_visits[3] == 0
    assert num_visits[:3].min() > 2000


@pytest.mark.parametrize("q", [0.25, 4.0])
def test_steps_from_a_hub_follow_the_rule(q: float) -> None:
    ring = [(i, i % 300 + 1, 1.0) for i in range(1, 301)]
    graph = build_graph(oracles.undirected([(0, i, 1.0) for i in range(1, 301)] + ring), 301, False)
    steps = np.array([w[:3] for w in list_walks(graph, range(301 * 2000), 1.0, q, 3) if w[0] and w[1] == 0])
    distance = np.abs(steps[:, 0] - steps[:, 2])
    share_of_ring = float(np.isin(distance, [1, 299]).mean())
    assert share_of_ring == pytest.approx(2 / (2 + 1 + 297 / q), rel=0.1)


def test_search_rows_finds_the_members_of_rows() -> None:
    rows = [[2, 5, 9], [], [0], list(range(1, 40, 3)), []]
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    indices = np.array([i for r in rows for i in r], np.int32)
    queries = [(row, node) for row in (0, 2, 3) for node in range(45)]  # a walker never comes from an empty row
    row, node = (np.array([query[i] for query in queries], np.int32) for i in (0, 1))
    is_member = np.zeros(len(queries), np.bool_)
    search_rows(indptr, indices, row, node, np.arange(len(queries), dtype=np.uint32), len(queries), is_member)
    assert is_member.tolist() == [n in rows[r] for r, n in queries]
