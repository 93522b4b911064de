"""Graphs above 2^31 nodes: 64-bit indices, in separate arrays instead of records, give the walks of 32-bit indices."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from walkgram import tables
from walkgram.kernels.graph import csr, edge_records, partition
from walkgram.kernels.walks import messages, walk, walk_graph
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.partitioned_walk import advance_partition
from walkgram.stages.graph import build
from walkgram.stages.walks import message_batches, walks

N = 40
P_Q = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.1, 1.0), (1e9, 1.0)]
KINDS = [(False, True), (False, False), (True, True), (True, False)]
IDS = np.arange(600)


def random_edges(directed: bool, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    ends = np.concatenate([rng.integers(0, N - 2, (150, 2)), [(a, b) for a in range(8) for b in range(a)], [[5, 5]]])
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return ends[:, 0], ends[:, 1], rng.exponential(size=len(ends)) + 0.01 if weighted else np.ones(len(ends))


def build_rows(directed: bool, weighted: bool) -> tuple[Any, Any, Any]:
    src, dst, w = random_edges(directed, weighted)
    if not directed:
        is_no_loop = src != dst
        src, dst = np.append(src, dst[is_no_loop]), np.append(dst, src[is_no_loop])
        w = np.append(w, w[is_no_loop])
    return csr.build_csr(src, dst, w, 0, N, N)


def sample_walks(graph: walk_graph.WalkGraph, p: float, q: float) -> tuple[Any, list[int]]:
    """Return (the nodes' dtype, length and nodes of every walk)."""
    nodes, lengths = walk.sample_walks(graph, IDS % N, IDS, make_walk_params(p, q, 15, 9, 0.1, 0.02))
    return nodes.dtype, [x for row, end in zip(nodes.tolist(), lengths.tolist(), strict=True) for x in (end, *row[:end])]


@pytest.mark.parametrize(("p", "q"), P_Q)
@pytest.mark.parametrize(("directed", "weighted"), KINDS)
def test_wide_indices_in_separate_arrays_give_the_same_walks(p: float, q: float, directed: bool, weighted: bool) -> None:
    indptr, indices, weights = build_rows(directed, weighted)
    narrow = walk_graph.build_walk_graph(indptr, indices, weights, not directed)
    assert narrow.alias_table.flags.c_contiguous != weighted  # 32-bit indices are stored in records
    columns = edge_records.EdgeArrays._fields
    separate = narrow._replace(**{name: np.ascontiguousarray(getattr(narrow, name)) for name in columns})
    wide = walk_graph.build_walk_graph(indptr, indices.astype(np.int64), weights, not directed)
    assert wide.alias_table.flags.c_contiguous
    for name in walk_graph.WalkGraph._fields:
        assert getattr(wide, name).tolist() == getattr(narrow, name).tolist()
    expected = sample_walks(narrow, p, q)
    assert expected[0] == np.int32
    assert sample_walks(separate, p, q) == expected
    assert sample_walks(wide, p, q) == (np.int64, expected[1])


class MemoryBlocks:
    """A store of blocks in memory."""

    def __init__(self) -> None:
        self.blocks: dict[int, dict[str, np.ndarray]] = {}

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        self.blocks[number] = dict(arrays)

    @contextmanager
    def create(self, number: int) -> Iterator[Callable[..., np.ndarray]]:
        block = self.blocks.setdefault(number, {})
        yield lambda name, dtype, shape: block.setdefault(name, np.zeros(shape, dtype))

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        return self.blocks[number]


def build_partitions(count: int, directed: bool, weighted: bool) -> list[dict[str, Any]]:
    """Return the partitions of a graph, assembled by its stage from two parts each."""
    layout = build.GraphLayout(count, 2 * count, N, directed, not weighted, True)
    parts, partitions = MemoryBlocks(), MemoryBlocks()
    largest, totals = np.zeros(N), np.zeros(N)
    for number in range(layout.num_parts):
        arrays = partition.build_partition(*random_edges(directed, weighted), number, layout.num_parts, N, directed)
        parts.write(number, arrays)
        largest[number :: layout.num_parts], totals[number :: layout.num_parts] = arrays["largest"], arrays["totals"]
    parts.write(layout.num_parts, {"largest": largest, "totals": totals})
    for b in range(count):
        with partitions.create(b) as new_array:
            build.assemble_partition(new_array, range(b, layout.num_parts, count), b, layout, parts)
    return [dict(edge_records.unpack_block(partitions.open(b))) for b in range(count)]


def walk_partitions(blocks: list[dict[str, Any]], p: float, q: float) -> dict[tuple[int, int], int]:
    """Walk with batches of messages between the partitions; return (walk, step) -> node."""
    count, params, starts = len(blocks), make_walk_params(p, q, 15, 9, 0.1, 0.02), np.arange(N)
    walkers, first_steps = messages.initial_walkers(IDS, (IDS % N).astype(blocks[0]["indices"].dtype))
    no_walkers, _ = messages.initial_walkers(IDS[:0], walkers.current[:0])
    batches, steps = [message_batches.messages_to_batch(walkers)], [message_batches.steps_to_batch(first_steps)]
    while sum(batch.num_rows for batch in batches):
        receivers = message_batches.message_receivers(batches, count)
        received = message_batches.split_by_receiver(batches, receivers, count)
        batches = [message_batches.messages_to_batch(no_walkers)]
        for b, batch in enumerate(received):
            rows = messages.GraphPartition._make([*(blocks[b][name] for name in messages.GraphPartition._fields[:4]), b, count])
            new_messages, new_steps = advance_partition(rows, params, starts, message_batches.batch_to_messages(batch))
            batches += map(message_batches.messages_to_batch, new_messages)
            steps += map(message_batches.steps_to_batch, new_steps)
    columns = [zip(*(batch[name].to_pylist() for name in ("walk_id", "step", "node")), strict=True) for batch in steps]
    return {(w, s): node for rows_of_batch in columns for w, s, node in rows_of_batch}


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 4.0), (1e4, 1e-4)])
@pytest.mark.parametrize(("directed", "weighted"), KINDS)
def test_wide_partitions_give_the_walks_of_narrow_ones(
    monkeypatch: pytest.MonkeyPatch, p: float, q: float, directed: bool, weighted: bool
) -> None:
    narrow = {count: build_partitions(count, directed, weighted) for count in (1, 3)}
    monkeypatch.setattr(csr, "index_dtype", lambda n: np.int64)
    wide = {count: build_partitions(count, directed, weighted) for count in (1, 3)}
    for count, blocks in wide.items():
        for wide_block, narrow_block in zip(blocks, narrow[count], strict=True):
            assert "records" not in wide_block
            assert wide_block["indices"].dtype == np.int64
            for name in walk_graph.WalkGraph._fields:
                assert wide_block[name].tolist() == narrow_block[name].tolist()
    expected = sample_walks(walk_graph.WalkGraph(*(narrow[1][0][name] for name in walk_graph.WalkGraph._fields)), p, q)[1]
    graph = walk_graph.WalkGraph(*(wide[1][0][name] for name in walk_graph.WalkGraph._fields))
    assert sample_walks(graph, p, q) == (np.int64, expected)
    nodes, lengths = walk.sample_walks(graph, IDS % N, IDS, make_walk_params(p, q, 15, 9, 0.1, 0.02))
    expected_steps = {(w, s): int(nodes[w, s]) for w in IDS.tolist() for s in range(lengths[w])}
    assert walk_partitions(wide[3], p, q) == expected_steps


def test_rows_of_walks_store_wide_nodes() -> None:
    node = 2**31 + 5
    counter = walks.VisitCounter(node + 1)
    batch = counter.pack_walks(np.array([7, 8]), np.array([[node, 3, node], [1, 2, 0]]), np.array([3, 2]))
    assert batch.schema == walks.walks_schema(node + 1)
    assert batch["walk"].to_pylist() == [[node, 3, node], [1, 2]]
    visits = [(b["index"].to_pylist(), b["count"].to_pylist()) for b in counter.visit_batches()]
    assert {i: c for indices, counts in visits for i, c in zip(indices, counts, strict=True)} == {1: 1, 2: 1, 3: 1, node: 2}
    assert tables.table_schema("walks").field("walk").type.value_type == "int32"
