"""Biased random walks over CSR rows: many walkers in step, each phase over all of them, so that cache misses overlap.

A first-order step draws a slot and takes it or its alias. A second-order step tries such candidates until one is accepted
(transition.py has the rule; after TRIES the row is summed instead). Most candidates are decided by the coin alone, most
others by the edge filter's "no"; only where it says "maybe" is the row of the node before searched, all walkers abreast
(phases as in ThunderRW, Sun et al., VLDB 2021). Only rejected walkers try again. Every draw is
`hashing.bits(stream(seed, walk_id), step, try, draw)`: a walk depends on the graph, the seed and its walk_id, not on its
neighbours in the batch.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.graph import csr, edge_filter, edge_records, reverse_edges
from walkgram.kernels.jit import njit
from walkgram.kernels.walks.phases import (  # fmt: skip
    ACCEPT,
    LANES,
    RETURN,
    SLOT,
    compact_walkers,
    draw_stop_restart,
    load_rows,
    pack_counter,
    propose_edges,
    split_first_order,
    start_walkers,
    transpose_walks,
)
from walkgram.kernels.walks.rejection import (
    draw_exact,
    prefilter,
    reject_by_adjacency,
    return_probability,
    take_return_edge,
    test_adjacency,
)
from walkgram.kernels.walks.transition import Biases, compute_biases

__all__ = ["WalkGraph", "build_walk_graph", "sample_walks"]

MAX_TRIES = 64  # or as many as the row is long; then the step is drawn from the exact probabilities, at the cost of the row
U64 = np.uint64


class WalkGraph(NamedTuple):
    """CSR rows 0..n-1.

    indptr (n + 1,) int64; indices (m,) int32 (int64 where n passes 2^31), rising in each row; slots (m, 2) uint32, threshold
    and alias of each slot (`csr.alias_slots`), empty where all weights are equal; back (m,) float32, for the edge t -> v the
    share of v -> t in the weight of v's row (0 where it is no edge), empty where weights are equal and the graph symmetric;
    filter (words,) uint64 (`edge_filter.build`); symmetric: (1,) bool. Weighted, the edges' arrays are columns of `records`.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.integer[Any]]
    slots: NDArray[np.uint32]
    back: NDArray[np.float32]
    filter: NDArray[np.uint64]
    symmetric: NDArray[np.bool_]


def build_walk_graph(
    indptr: NDArray[np.int64], indices: NDArray[np.integer[Any]], weights: NDArray[np.float64], symmetric: bool
) -> WalkGraph:
    """What a walk needs of sorted CSR rows (`csr.build`); `symmetric`: every edge has its way back of the same weight.

    Memory: 8 bytes a node; 4 an edge where all weights are equal, else 12, and 4 more for `back` (pages that only a walk
    with 1/p above max(1, 1/q) touches); the filter 1.5 an edge, 0.75 where the graph is symmetric.
    """
    equal = bool((weights == weights[0]).all()) if len(weights) else True
    slots, back = np.empty((0, 2), np.uint32), np.empty(0, np.float32)
    if not (equal and symmetric):
        reverse = (
            weights
            if symmetric
            else reverse_edges.match_reverse_weights(indptr, indices, *reverse_edges.transpose_csr(indptr, indices, weights))
        )
        back = reverse_edges.compute_reverse_probabilities(indices, reverse, *reverse_edges.sum_rows(indptr, weights))
    if not equal:
        slots = csr.build_alias_table(indptr, weights)
        if indices.dtype == np.int32:
            joined = [slots, indices.view(np.uint32)[:, None], back.view(np.uint32)[:, None]]
            slots, indices, back = edge_records.view_columns(np.concatenate(joined, axis=1)).values()
    filter_words = edge_filter.build_edge_filter(indptr, indices, symmetric)
    return WalkGraph(indptr, indices, slots, back, filter_words, np.array([symmetric]))


def sample_walks(
    graph: WalkGraph, starts: NDArray[np.int64], walk_ids: NDArray[np.int64], seed: int, p: float, q: float, walk_length: int,
    restart: float = 0.0, stop: float = 0.0,
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:  # fmt: skip
    """(nodes, lengths) of one walk for each start: nodes (m, walk_length), valid up to lengths (m,) int64.

    starts, walk_ids: (m,) int64; nodes has the type of the graph's indices. Before each step a walk ends with probability
    `stop`, else goes back to its start (which is its next node) with probability `restart`; the step after that is drawn by
    weight alone. Otherwise a walk is shorter than walk_length only where it meets a node without edges.
    """
    nodes = np.empty((len(starts), walk_length), graph.indices.dtype)
    lengths = np.empty(len(starts), np.int64)
    ids = walk_ids.astype(np.uint64)
    if p == 1.0 and q == 1.0:
        walk_first_order(graph.indptr, graph.indices, graph.slots, starts, ids, U64(seed), restart, stop, nodes, lengths)
    else:
        walk_second_order(*graph, starts, ids, U64(seed), compute_biases(p, q), restart, stop, nodes, lengths)
    return nodes, lengths


@njit(nogil=True)
def walk_first_order(
    indptr: Any, indices: Any, slots: Any, starts: Any, ids: Any, seed: Any, restart: float, stop: float, nodes: Any,
    lengths: Any,
) -> None:  # fmt: skip
    """Fill `nodes` and `lengths` with walks that choose by weight alone, ABREAST walkers at a time."""
    streams, low, degree = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    edge, coin, drawn = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    alive, aside, fresh = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32), np.empty(LANES, np.bool_)
    at, own = np.empty(LANES, indices.dtype), np.empty(LANES, np.int64)
    walked = np.empty((nodes.shape[1], LANES), indices.dtype)
    for first in range(0, len(starts), LANES):
        living = start_walkers(starts, ids, seed, first, nodes.shape[1], streams, at, alive, own)
        width = living
        walked[0, :width] = at[:width]
        for step in range(1, nodes.shape[1]):
            movers = living
            if restart > 0.0 or stop > 0.0:
                movers, living = draw_stop_restart(
                    streams, alive, living, starts, first, step, stop, restart, at, own, fresh, aside
                )
            moved = load_rows(indptr, at, alive, movers, own, step, low, degree)
            shared = pack_counter(step, 0, SLOT)
            propose_edges(indptr, indices, slots, streams, alive, moved, low, degree, shared, drawn, edge, at, coin)
            living = compact_walkers(alive, moved, movers, living)
            walked[step, :width] = at[:width]
        transpose_walks(walked, own, first, width, nodes, lengths)


@njit(nogil=True)
def walk_second_order(
    indptr: Any, indices: Any, slots: Any, back: Any, words: Any, symmetric: Any, starts: Any, ids: Any, seed: Any,
    bias: Biases, restart: float, stop: float, nodes: Any, lengths: Any,
) -> None:  # fmt: skip
    """Fill `nodes` and `lengths` with node2vec walks, ABREAST walkers at a time."""
    streams, low, degree = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    edge, coin, drawn = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    near, fresh = np.empty(LANES, np.bool_), np.empty(LANES, np.bool_)
    alive, pending = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    asked, maybe = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    at, chosen = np.empty(LANES, indices.dtype), np.empty(LANES, indices.dtype)
    fold, own = np.empty(LANES, np.float64), np.empty(LANES, np.int64)
    walked = np.empty((nodes.shape[1], LANES), indices.dtype)
    for first in range(0, len(starts), LANES):
        living = start_walkers(starts, ids, seed, first, nodes.shape[1], streams, at, alive, own)
        width = living
        walked[0, :width] = at[:width]
        fresh[:] = True
        for step in range(1, nodes.shape[1]):
            movers = living
            if restart > 0.0 or stop > 0.0:
                movers, living = draw_stop_restart(
                    streams, alive, living, starts, first, step, stop, restart, at, own, fresh, pending
                )
            moved = load_rows(indptr, at, alive, movers, own, step, low, degree)
            pending[:moved] = alive[:moved]
            before, left, attempt = walked[max(step - 2, 0)], moved, 0
            if step == 1 or restart > 0.0:
                left = split_first_order(alive, moved, fresh, pending)
                firsts, shared = pending[left:moved], pack_counter(step, 0, SLOT)
                propose_edges(
                    indptr, indices, slots, streams, firsts, moved - left, low, degree, shared, drawn, edge, chosen, coin
                )
                fresh[firsts] = False
            while left > 0:
                if attempt >= MAX_TRIES:
                    walkers = pending[:left]
                    left = draw_exact(indptr, indices, slots, streams, walkers, at, before, bias, step, attempt, chosen, edge)
                if bias.excess > 0.0:
                    returns = pack_counter(step, attempt, RETURN)
                    left = take_return_edge(streams, pending, left, before, fold, returns, drawn, chosen, edge)
                slot, accept = pack_counter(step, attempt, SLOT), pack_counter(step, attempt, ACCEPT)
                propose_edges(indptr, indices, slots, streams, pending, left, low, degree, slot, drawn, edge, chosen, coin)
                left, questions = prefilter(streams, pending, left, before, chosen, bias, accept, drawn, asked)
                test_adjacency(indptr, indices, words, symmetric[0], before, chosen, asked, questions, drawn, near, maybe)
                left = reject_by_adjacency(asked, questions, near, bias, pending, left)
                attempt += 1
            if bias.excess > 0.0:
                return_probability(indptr, indices, back, alive, moved, at, chosen, edge, bias, asked, drawn, fold)
            for k in range(moved):
                at[alive[k]] = chosen[alive[k]]
            living = compact_walkers(alive, moved, movers, living)
            walked[step, :width] = at[:width]
        transpose_walks(walked, own, first, width, nodes, lengths)
