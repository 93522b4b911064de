"""Walks in partitions: equal to the walks of the complete graph, in at most two messages a step."""

from typing import NamedTuple

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.arrays import BoolArray, Float64Array, Int64Array
from walkgram.kernels.graph import csr, partition, reverse_edges
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, initial_walkers
from walkgram.kernels.walks.params import WalkParams, make_walk_params
from walkgram.kernels.walks.partitioned_walk import advance_partition
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import build_walk_graph

P_Q = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.25, 4.0), (0.1, 1.0), (1e9, 1.0), (1e4, 1e-4), (1.0, 1e-3)]
SCALARS = WalkerMessages._fields[:7]


class Edges(NamedTuple):
    """Directed edges, or undirected ones once each."""

    src: Int64Array
    dst: Int64Array
    weight: Float64Array


class PartitionedWalks(NamedTuple):
    """The walks, the number of supersteps, and the messages that each walk has sent."""

    walks: list[list[int]]
    num_supersteps: int
    num_messages: Int64Array


def random_edges(n: int, m: int, seed: int, directed: bool, weighted: bool) -> Edges:
    """Return m random edges and a clique of the first nodes, self loops, nodes without an edge and dead ends."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, n - 3, (m, 2))
    clique = np.array([(a, b) for a in range(8) for b in range(a)])
    ends = np.concatenate([ends, clique, [[5, 5], [0, n - 2]]])
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return Edges(ends[:, 0], ends[:, 1], rng.exponential(size=len(ends)) + 0.01 if weighted else np.ones(len(ends)))


def build_partition(edges: Edges, n: int, number: int, count: int, directed: bool) -> GraphPartition:
    """Return one of `count` partitions of a graph of n nodes."""
    parts = [partition.build_partition(edges.src, edges.dst, edges.weight, k, count, n, directed) for k in range(count)]
    largest, totals = np.zeros(n), np.zeros(n)
    for k, arrays in enumerate(parts):
        largest[k::count], totals[k::count] = arrays["largest"], arrays["totals"]
    rows, weights = parts[number], np.concatenate([arrays["weights"] for arrays in parts])
    has_equal_weights = bool((weights == weights[0]).all())
    reverse_weights = rows["reverse_weights"] if directed else rows["weights"]
    probabilities = reverse_edges.compute_reverse_probabilities(rows["indices"], reverse_weights, largest, totals)
    alias_table = np.empty((0, 2), np.uint32) if has_equal_weights else rows["alias_table"]
    if not has_equal_weights and not len(alias_table):
        alias_table = csr.identity_alias_table(rows["indptr"])
    return GraphPartition(
        indptr=rows["indptr"],
        indices=rows["indices"],
        alias_table=alias_table,
        reverse_probabilities=probabilities[:0] if has_equal_weights and not directed else probabilities,
        number=number,
        num_partitions=count,
    )


def sum_lengths(lengths: Int64Array) -> Int64Array:
    """Return the ends of lists of these lengths, from 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def concat_messages(batches: list[WalkerMessages]) -> WalkerMessages:
    """Return the messages of all batches."""
    arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in WalkerMessages._fields}
    for name in ("candidate_ends", "weight_ends"):
        arrays[name] = sum_lengths(np.concatenate([np.diff(getattr(batch, name)) for batch in batches]))
    return WalkerMessages(**arrays)


def select_messages(messages: WalkerMessages, mask: BoolArray) -> WalkerMessages:
    """Return the messages of a mask."""
    num_candidates, num_weights = np.diff(messages.candidate_ends), np.diff(messages.weight_ends)
    has_candidate, has_weight = np.repeat(mask, num_candidates), np.repeat(mask, num_weights)
    return WalkerMessages(
        **{name: getattr(messages, name)[mask] for name in SCALARS},
        candidate_ends=sum_lengths(num_candidates[mask]),
        candidates=messages.candidates[has_candidate],
        candidate_probabilities=messages.candidate_probabilities[has_candidate],
        weight_ends=sum_lengths(num_weights[mask]),
        weights=messages.weights[has_weight],
    )


def walk_partitions(
    partitions: list[GraphPartition], params: WalkParams, starts: Int64Array, walk_ids: Int64Array
) -> PartitionedWalks:
    """Exchange messages between the partitions until there are none."""
    count = len(partitions)
    first = starts[walk_ids % len(starts)].astype(partitions[0].indices.dtype)
    messages, first_steps = initial_walkers(walk_ids, first)
    steps, num_supersteps, num_messages = [first_steps], 0, np.zeros(len(walk_ids), np.int64)
    while len(messages.walk_id):
        batches: list[WalkerMessages] = []
        is_query = np.diff(messages.candidate_ends) > 0
        receivers = np.where(is_query, messages.previous, messages.current) % count
        for rows in partitions:
            received = select_messages(messages, receivers == rows.number)
            new_messages, new_steps = advance_partition(rows, params, starts, received)
            batches += new_messages
            steps += new_steps
        messages = concat_messages(batches)
        num_messages += np.bincount(messages.walk_id, minlength=len(walk_ids))
        num_supersteps += 1
    nodes = np.full((len(walk_ids), params.walk_length), -1)
    for batch in steps:
        nodes[batch.walk_id, batch.step] = batch.node
    assert sum(len(batch.walk_id) for batch in steps) == (nodes >= 0).sum()  # no step twice
    return PartitionedWalks([row[row >= 0].tolist() for row in nodes], num_supersteps, num_messages)


@pytest.mark.parametrize(("p", "q"), P_Q)
@pytest.mark.parametrize(("directed", "weighted"), [(False, True), (False, False), (True, True), (True, False)])
@pytest.mark.parametrize(("restart", "stop"), [(0.0, 0.0), (0.2, 0.05)])
def test_walks_in_partitions_are_those_of_the_complete_graph(
    p: float, q: float, directed: bool, weighted: bool, restart: float, stop: float
) -> None:
    n, length = 40, 15
    edges = random_edges(n, 150, 3, directed, weighted)
    src, dst, weight = edges
    is_reversed = src != dst if not directed else np.zeros(len(src), np.bool_)
    src, dst = np.append(src, dst[is_reversed]), np.append(dst, src[is_reversed])
    rows = csr.build_csr(src, dst, np.append(weight, weight[is_reversed]), 0, n, n)
    starts, walk_ids = np.arange(n), np.arange(400)
    params = make_walk_params(p, q, length, 9, restart, stop)
    nodes, lengths = sample_walks(build_walk_graph(*rows, not directed), starts[walk_ids % n], walk_ids, params)
    expected = [row[:end].tolist() for row, end in zip(nodes, lengths, strict=True)]
    assert walk_partitions([build_partition(edges, n, 0, 1, directed)], params, starts, walk_ids).walks == expected
    for count in (3, 16):
        partitions = [build_partition(edges, n, b, count, directed) for b in range(count)]
        walks, num_supersteps, num_messages = walk_partitions(partitions, params, starts, walk_ids)
        assert walks == expected
        assert num_supersteps <= 2 * length
        assert (num_messages <= 2 * np.array([len(walk) for walk in walks])).all()


@pytest.mark.parametrize(("p", "q"), [(1.0, 100.0), (1.0, 0.01), (1e-3, 1e-6), (50.0, 1e4)])
def test_walks_through_a_hub_with_many_rejections_are_equal(p: float, q: float) -> None:
    n, length = 181, 8
    ring = [(i, i % 180 + 1) for i in range(1, 181)]
    ends = np.unique(np.sort([(0, i) for i in range(1, 181)] + ring, axis=1), axis=0)
    edges = Edges(ends[:, 0], ends[:, 1], np.random.default_rng(4).exponential(size=len(ends)) + 0.1)
    both = np.append(edges.src, edges.dst), np.append(edges.dst, edges.src), np.append(edges.weight, edges.weight)
    starts, walk_ids, params = np.arange(n), np.arange(300), make_walk_params(p, q, length, 9)
    graph = build_walk_graph(*csr.build_csr(*both, 0, n, n), True)
    nodes, _ = sample_walks(graph, starts[walk_ids % n], walk_ids, params)
    partitions = [build_partition(edges, n, b, 3, False) for b in range(3)]
    assert walk_partitions(partitions, params, starts, walk_ids).walks == nodes.tolist()


def test_the_capacity_of_the_buffers_changes_nothing() -> None:
    rows = build_partition(random_edges(40, 150, 3, False, True), 40, 1, 3, False)
    params, starts, walk_ids = make_walk_params(1.0, 1e-3, 10, 1), np.arange(40), np.arange(1, 300, 3)
    walkers = initial_walkers(walk_ids, np.full(100, 1, np.int32))[0]
    messages, steps = advance_partition(rows, params, starts, walkers)
    small_messages, small_steps = advance_partition(rows, params, starts, walkers, capacity=5)
    assert len(messages) == 1
    assert len(small_messages) > 10
    for field, array in concat_messages(small_messages)._asdict().items():
        assert array.tolist() == getattr(messages[0], field).tolist()
    for i in range(3):
        assert np.concatenate([batch[i] for batch in small_steps]).tolist() == steps[0][i].tolist()


def test_one_partition_needs_one_superstep_and_no_message() -> None:
    edges = random_edges(40, 150, 3, False, True)
    params = make_walk_params(0.5, 2.0, 10, 1)
    result = walk_partitions([build_partition(edges, 40, 0, 1, False)], params, np.arange(40), np.arange(99))
    assert (result.num_supersteps, result.num_messages.sum()) == (1, 0)


def test_the_rows_of_partitions_are_those_of_the_oracle() -> None:
    edges = random_edges(40, 150, 3, False, True)
    graph = oracles.undirected(zip(*(column.tolist() for column in edges), strict=True))
    for number in range(3):
        rows = build_partition(edges, 40, number, 3, False)
        for i in range(len(rows.indptr) - 1):
            members = rows.indices[rows.indptr[i] : rows.indptr[i + 1]].tolist()
            assert members == sorted(graph.get(number + 3 * i, {}))
