"""Walkers between blocks: the very walks of the kernel that has the whole graph, in at most two letters a step."""

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.graph import csr, partition, reverse_edges
from walkgram.kernels.walks import messages, walk
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages
from walkgram.kernels.walks.partitioned_walk import advance_partition

P_Q = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.25, 4.0), (0.1, 1.0), (1e9, 1.0), (1e4, 1e-4), (1.0, 1e-3)]


def random_edges(n: int, m: int, seed: int, directed: bool, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m random edges and a clique of the first nodes, self loops and nodes without an edge or without a way out."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, n - 3, (m, 2))
    clique = np.array([(a, b) for a in range(8) for b in range(a)])
    ends = np.concatenate([ends, clique, [[5, 5], [0, n - 2]]])
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return ends[:, 0], ends[:, 1], rng.exponential(size=len(ends)) + 0.01 if weighted else np.ones(len(ends))


def block(edges: tuple[np.ndarray, ...], n: int, number: int, count: int, directed: bool) -> GraphPartition:
    made = [partition.build_partition(*edges, k, count, n, directed) for k in range(count)]
    largest, totals = np.zeros(n), np.zeros(n)
    for k, part in enumerate(made):
        largest[k::count], totals[k::count] = part["largest"], part["totals"]
    mine, weights = made[number], np.concatenate([part["weights"] for part in made])
    equal = bool((weights == weights[0]).all())
    back = reverse_edges.compute_reverse_probabilities(
        mine["indices"], mine["back"] if directed else mine["weights"], largest, totals
    )
    slots = np.empty((0, 2), np.uint32) if equal else mine["slots"]
    if not equal and not len(slots):
        slots = csr.identity_alias_table(mine["indptr"])
    return GraphPartition(mine["indptr"], mine["indices"], slots, back[:0] if equal and not directed else back, number, count)


def joined(several: list[WalkerMessages]) -> WalkerMessages:
    """Letters one behind the other."""
    heads = [np.concatenate([getattr(s, name) for s in several]) for name in WalkerMessages._fields[:7]]
    ends, part_ends = (
        np.concatenate([[0], np.cumsum(np.concatenate([np.diff(getattr(s, name)) for s in several]))])
        for name in ("ends", "part_ends")
    )
    candidates, shares, chances = (
        np.concatenate([getattr(s, name) for s in several]) for name in ("candidates", "shares", "parts")
    )
    return WalkerMessages(*heads, ends, candidates, shares, part_ends, chances)


def chosen(whole: WalkerMessages, mask: np.ndarray) -> WalkerMessages:
    """The letters of a mask."""
    counts, part_counts = np.diff(whole.ends), np.diff(whole.part_ends)
    keep, keep_parts = np.repeat(mask, counts), np.repeat(mask, part_counts)
    return WalkerMessages(
        *[a[mask] for a in whole[:7]], np.concatenate([[0], np.cumsum(counts[mask])]), whole.candidates[keep],
        whole.shares[keep], np.concatenate([[0], np.cumsum(part_counts[mask])]), whole.parts[keep_parts],
    )  # fmt: skip


def walked(
    blocks: list[GraphPartition], how: messages.WalkParams, starts: np.ndarray, ids: np.ndarray
) -> tuple[list[list[int]], int, np.ndarray]:
    """(walks, rounds, letters sent by each walk)."""
    count = len(blocks)
    first = starts[ids % len(starts)].astype(blocks[0].indices.dtype)
    waiting, steps = messages.initial_walkers(ids, first)
    trails, rounds, sent = [steps], 0, np.zeros(len(ids), np.int64)
    while len(waiting.walk):
        out: list[WalkerMessages] = []
        to = np.where(np.diff(waiting.ends) > 0, waiting.before, waiting.at) % count
        for b in blocks:
            made, trail = advance_partition(b, how, starts, chosen(waiting, to == b.number))
            out += made
            trails += trail
        waiting = joined(out)
        sent += np.bincount(waiting.walk, minlength=len(ids))
        rounds += 1
    walk_ids, step, node = (np.concatenate([t[i] for t in trails]) for i in range(3))
    matrix = np.full((len(ids), how.walk_length), -1)
    matrix[walk_ids, step] = node
    assert len(walk_ids) == (matrix >= 0).sum()  # no step twice
    return [row[row >= 0].tolist() for row in matrix], rounds, sent


@pytest.mark.parametrize(("p", "q"), P_Q)
@pytest.mark.parametrize(("directed", "weighted"), [(False, True), (False, False), (True, True), (True, False)])
@pytest.mark.parametrize("tossed", [(0.0, 0.0), (0.2, 0.05)])
def test_walks_between_blocks_are_those_of_the_whole_graph(
    p: float, q: float, directed: bool, weighted: bool, tossed: tuple[float, float]
) -> None:
    n, length, restart, stop = 40, 15, *tossed
    edges = random_edges(n, 150, 3, directed, weighted)
    whole = block(edges, n, 0, 1, directed)
    src, dst, w = edges
    other = src != dst if not directed else np.zeros(len(src), np.bool_)
    rows = csr.build_csr(np.append(src, dst[other]), np.append(dst, src[other]), np.append(w, w[other]), 0, n, n)
    starts, ids = np.arange(0, n, 1), np.arange(400)
    nodes, lengths = walk.sample_walks(
        walk.build_walk_graph(*rows, not directed), starts[ids % n], ids, 9, p, q, length, restart, stop
    )
    expected = [row[:end].tolist() for row, end in zip(nodes, lengths, strict=True)]
    how = messages.make_walk_params(p, q, length, restart, stop, 9)
    assert walked([whole], how, starts, ids)[0] == expected
    for count in (3, 16):
        cut = [block(edges, n, b, count, directed) for b in range(count)]
        found, rounds, sent = walked(cut, how, starts, ids)
        assert found == expected
        assert rounds <= 2 * length
        assert (sent <= 2 * np.array([len(w) for w in found])).all()


@pytest.mark.parametrize(("p", "q"), [(1.0, 100.0), (1.0, 0.01), (1e-3, 1e-6), (50.0, 1e4)])
def test_hubs_that_refuse_for_long_are_walked_alike(p: float, q: float) -> None:
    n, length = 181, 8
    ring = [(i, i % 180 + 1) for i in range(1, 181)]
    ends = np.unique(np.sort([(0, i) for i in range(1, 181)] + ring, axis=1), axis=0)
    edges = ends[:, 0], ends[:, 1], np.random.default_rng(4).exponential(size=len(ends)) + 0.1
    rows = csr.build_csr(np.append(*ends.T), np.append(*ends.T[::-1]), np.append(edges[2], edges[2]), 0, n, n)
    starts, ids = np.arange(n), np.arange(300)
    nodes, _ = walk.sample_walks(walk.build_walk_graph(*rows, True), starts[ids % n], ids, 9, p, q, length)
    cut = [block(edges, n, b, 3, False) for b in range(3)]
    assert walked(cut, messages.make_walk_params(p, q, length, 0.0, 0.0, 9), starts, ids)[0] == nodes.tolist()


def test_portions_change_nothing() -> None:
    cut = block(random_edges(40, 150, 3, False, True), 40, 1, 3, False)
    how, starts, ids = messages.make_walk_params(1.0, 1e-3, 10, 0.0, 0.0, 1), np.arange(40), np.arange(1, 300, 3)
    there = messages.initial_walkers(ids, np.full(100, 1, np.int32))[0]
    whole, parts = advance_partition(cut, how, starts, there), advance_partition(cut, how, starts, there, room=5)
    assert len(whole[0]) == 1
    assert len(parts[0]) > 10
    for one, other in zip(whole[0][0], joined(parts[0]), strict=True):
        assert one.tolist() == other.tolist()
    for i in range(3):
        assert np.concatenate([s[i] for s in parts[1]]).tolist() == whole[1][0][i].tolist()


def test_one_block_needs_one_round_and_no_letter() -> None:
    edges = random_edges(40, 150, 3, False, True)
    _, rounds, sent = walked(
        [block(edges, 40, 0, 1, False)], messages.make_walk_params(0.5, 2.0, 10, 0.0, 0.0, 1), np.arange(40), np.arange(99)
    )
    assert (rounds, sent.sum()) == (1, 0)


def test_the_oracle_of_this_file_is_the_graph_of_the_others() -> None:
    """The blocks' rows are the edges, both ways, of the plain dict of dicts."""
    src, dst, w = random_edges(40, 150, 3, False, True)
    graph = oracles.undirected(zip(src.tolist(), dst.tolist(), w.tolist(), strict=True))
    for number in range(3):
        rows = block((src, dst, w), 40, number, 3, False)
        for i in range(len(rows.indptr) - 1):
            members = rows.indices[rows.indptr[i] : rows.indptr[i + 1]].tolist()
            assert members == sorted(graph.get(number + 3 * i, {}))
