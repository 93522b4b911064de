"""Graphs of more than 2^31 nodes: 64-bit indices, and arrays of their own in place of records, give the walks of 32 bits."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from walkgram import tables
from walkgram.kernels.graph import csr, edge_records, partition
from walkgram.kernels.walks import messages, walk
from walkgram.kernels.walks.partitioned_walk import advance_partition
from walkgram.stages.graph import build
from walkgram.stages.walks import partitioned, walks

N = 40
P_Q = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.1, 1.0), (1e9, 1.0)]
KINDS = [(False, True), (False, False), (True, True), (True, False)]
IDS = np.arange(600)


def edges(directed: bool, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    ends = np.concatenate([rng.integers(0, N - 2, (150, 2)), [(a, b) for a in range(8) for b in range(a)], [[5, 5]]])
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return ends[:, 0], ends[:, 1], rng.exponential(size=len(ends)) + 0.01 if weighted else np.ones(len(ends))


def rows(directed: bool, weighted: bool) -> tuple[Any, Any, Any]:
    src, dst, w = edges(directed, weighted)
    if not directed:
        other = src != dst
        src, dst, w = np.append(src, dst[other]), np.append(dst, src[other]), np.append(w, w[other])
    return csr.build_csr(src, dst, w, 0, N, N)


def walked(made: walk.WalkGraph, p: float, q: float) -> tuple[Any, list[int]]:
    """(the nodes' type, every walk's nodes in turn with its length)."""
    nodes, lengths = walk.sample_walks(made, IDS % N, IDS, 9, p, q, 15, 0.1, 0.02)
    return nodes.dtype, [x for row, end in zip(nodes.tolist(), lengths.tolist(), strict=True) for x in (end, *row[:end])]


@pytest.mark.parametrize(("p", "q"), P_Q)
@pytest.mark.parametrize(("directed", "weighted"), KINDS)
def test_wide_indices_and_arrays_of_their_own_give_the_same_walks(p: float, q: float, directed: bool, weighted: bool) -> None:
    indptr, indices, weights = rows(directed, weighted)
    narrow = walk.build_walk_graph(indptr, indices, weights, not directed)
    assert narrow.slots.flags.c_contiguous != weighted  # records are what 32 bits use
    apart = narrow._replace(**{name: np.ascontiguousarray(getattr(narrow, name)) for name in ("indices", "slots", "back")})
    wide = walk.build_walk_graph(indptr, indices.astype(np.int64), weights, not directed)
    assert wide.slots.flags.c_contiguous
    for name in walk.WalkGraph._fields:
        assert getattr(wide, name).tolist() == getattr(narrow, name).tolist()
    expected = walked(narrow, p, q)
    assert expected[0] == np.int32
    assert walked(apart, p, q) == expected
    assert walked(wide, p, q) == (np.int64, expected[1])


class Memory:
    """A store of blocks that were never on a disk."""

    def __init__(self) -> None:
        self.held: dict[int, dict[str, np.ndarray]] = {}

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        self.held[number] = dict(arrays)

    @contextmanager
    def create(self, number: int) -> Iterator[Callable[..., np.ndarray]]:
        block = self.held.setdefault(number, {})
        yield lambda name, dtype, shape: block.setdefault(name, np.zeros(shape, dtype))

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        return self.held[number]


def assembled(count: int, directed: bool, weighted: bool) -> list[dict[str, Any]]:
    """The blocks of a graph, as its stage puts them together from two parts each."""
    among, made, blocks = 2 * count, Memory(), Memory()
    largest, totals = np.zeros(N), np.zeros(N)
    for number in range(among):
        arrays = partition.build_partition(*edges(directed, weighted), number, among, N, directed)
        made.write(number, arrays)
        largest[number::among], totals[number::among] = arrays["largest"], arrays["totals"]
    made.write(among, {"largest": largest, "totals": totals})
    for b in range(count):
        mine = range(b, among, count)
        with blocks.create(b) as new:
            build.assemble_partition(new, mine, b, (count, among, N), not weighted, directed, True, made)
    return [dict(edge_records.unpack_block(blocks.open(b))) for b in range(count)]


def by_letters(blocks: list[dict[str, Any]], p: float, q: float) -> dict[tuple[int, int], int]:
    """(walk, step) -> node, of walkers between blocks, their letters and steps by way of the lake's rows."""
    count, how = len(blocks), messages.make_walk_params(p, q, 15, 0.1, 0.02, 9)
    starts = np.arange(N)
    waiting, first = messages.initial_walkers(IDS, (IDS % N).astype(blocks[0]["indices"].dtype))
    tables_of: list[list[Any]] = [[partitioned.messages_to_batch(waiting)], [partitioned.steps_to_batch(first)]]
    steps = [tables_of[1][0]]
    while sum(batch.num_rows for batch in tables_of[0]):
        sent = partitioned.split_by_receiver(tables_of[0], lambda t: partitioned.message_receivers(t, count), count)
        tables_of[0] = [partitioned.messages_to_batch(messages.initial_walkers(IDS[:0], waiting.at[:0])[0])]
        for b, batch in enumerate(sent):
            block = messages.GraphPartition(*(blocks[b][name] for name in messages.GraphPartition._fields[:4]), b, count)
            made, trail = advance_partition(block, how, starts, partitioned.batch_to_messages(batch))
            tables_of[0] += map(partitioned.messages_to_batch, made)
            steps += map(partitioned.steps_to_batch, trail)
    found = [zip(*(batch[name].to_pylist() for name in ("walk", "step", "node")), strict=True) for batch in steps]
    return {(w, s): node for rows in found for w, s, node in rows}


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 4.0), (1e4, 1e-4)])
@pytest.mark.parametrize(("directed", "weighted"), KINDS)
def test_wide_blocks_give_the_walks_of_narrow_ones(
    monkeypatch: pytest.MonkeyPatch, p: float, q: float, directed: bool, weighted: bool
) -> None:
    narrow = {count: assembled(count, directed, weighted) for count in (1, 3)}
    monkeypatch.setattr(csr, "index_dtype", lambda n: np.int64)
    wide = {count: assembled(count, directed, weighted) for count in (1, 3)}
    for count, blocks in wide.items():
        for ours, theirs in zip(blocks, narrow[count], strict=True):
            assert "records" not in ours
            assert ours["indices"].dtype == np.int64
            for name in walk.WalkGraph._fields:
                assert ours[name].tolist() == theirs[name].tolist()
    expected = walked(walk.WalkGraph(*(narrow[1][0][name] for name in walk.WalkGraph._fields)), p, q)[1]
    mapped = walk.WalkGraph(*(wide[1][0][name] for name in walk.WalkGraph._fields))
    assert walked(mapped, p, q) == (np.int64, expected)
    nodes, lengths = walk.sample_walks(mapped, IDS % N, IDS, 9, p, q, 15, 0.1, 0.02)
    there = {(w, s): int(nodes[w, s]) for w in IDS.tolist() for s in range(lengths[w])}
    assert by_letters(wide[3], p, q) == there


def test_rows_of_walks_take_wide_nodes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    far = 2**31 + 5
    seen = walks.VisitCounter(far + 1)
    batch = seen.row_group(np.array([7, 8]), np.array([[far, 3, far], [1, 2, 0]]), np.array([3, 2]))
    assert batch.schema == walks.walks_schema(far + 1)
    assert batch["walk"].to_pylist() == [[far, 3, far], [1, 2]]
    counted = {i: c for b in seen.rows() for i, c in zip(b["index"].to_pylist(), b["count"].to_pylist(), strict=True)}
    assert counted == {1: 1, 2: 1, 3: 1, far: 2}
    assert tables.table_schema("walks").field("walk").type.value_type == "int32"
