"""Rejection sampling of a second-order step: accept a candidate by coin, edge filter or search, or reject it."""

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import BoolArray, Int64Array, IntArray, UInt32Array, UInt64Array
from walkgram.kernels.graph import edge_filter
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address
from walkgram.kernels.walks.compile import allocating_jit, phase_jit
from walkgram.kernels.walks.lanes import WalkerLanes
from walkgram.kernels.walks.transition import Biases
from walkgram.kernels.walks.walk_graph import WalkGraph

__all__ = ["prefilter", "reject_by_adjacency", "return_probability", "take_return_edge", "test_adjacency"]

U64 = np.uint64
UNKNOWN_EDGE = np.uint64(0xFFFFFFFFFFFFFFFF)  # the edge of a walker that took the return edge without drawing it


@njit(inline="always")
def take_return_edge(lanes: WalkerLanes, num_pending: int, previous: IntArray, counter: np.uint64) -> int:
    """Draw which pending walkers take the folded return edge; return how many are still pending.

    The candidate of a walker that takes it is its node of previous (LANES,), its edge is UNKNOWN_EDGE.
    """
    pending, words, edges, candidates = lanes.pending, lanes.words, lanes.edges, lanes.candidates
    streams, return_probabilities = lanes.streams, lanes.return_probabilities
    for k in range(num_pending):
        words[k] = rng.mix_bits(streams[pending[k]] ^ counter)
    still_pending = 0
    for k in range(num_pending):  # selections: a branch on a random coin is mispredicted
        i = pending[k]
        returns = rng.to_unit(words[k]) < return_probabilities[i]
        candidates[i] = previous[i] if returns else candidates[i]
        edges[i] = UNKNOWN_EDGE if returns else edges[i]
        pending[still_pending] = i
        still_pending += 0 if returns else 1
    return still_pending


@njit(inline="always")
def prefilter(lanes: WalkerLanes, num_pending: int, previous: IntArray, biases: Biases, counter: np.uint64) -> tuple[int, int]:
    """Accept or reject the candidates that need no adjacency; return (number of rejected walkers, number of queries).

    The rejected walkers are moved to the front of `pending`. `queries` lists the walkers whose candidate is accepted or not by
    whether it is a neighbour of the previous node.
    """
    lower = min(biases.neighbour_acceptance, biases.distant_acceptance)
    upper = max(biases.neighbour_acceptance, biases.distant_acceptance)
    pending, queries, words, candidates, streams = lanes.pending, lanes.queries, lanes.words, lanes.candidates, lanes.streams
    for k in range(num_pending):
        words[k] = rng.mix_bits(streams[pending[k]] ^ counter)
    num_rejected, num_queries = 0, 0
    for k in range(num_pending):
        i = pending[k]
        coin = rng.to_unit(words[k])
        returns = candidates[i] == previous[i]
        is_query = (not returns) & (coin >= lower) & (coin < upper)
        is_rejected = (returns & (coin >= biases.return_acceptance)) | ((not returns) & (coin >= upper))
        queries[num_queries] = i
        num_queries += 1 if is_query else 0
        pending[num_rejected] = i
        num_rejected += 1 if is_rejected else 0
    return num_rejected, num_queries


@njit(inline="always")
def test_adjacency(graph: WalkGraph, lanes: WalkerLanes, num_queries: int, previous: IntArray) -> None:
    """Set is_neighbour of each query: whether the candidate is a neighbour of the previous node. Filter first, then search."""
    num_unresolved = filter_adjacency(graph, lanes, num_queries, previous)
    if num_unresolved > 0:
        rows, nodes = previous, lanes.candidates
        search_rows(graph.indptr, graph.indices, rows, nodes, lanes.unresolved, num_unresolved, lanes.is_neighbour)


@njit(inline="always")
def filter_adjacency(graph: WalkGraph, lanes: WalkerLanes, num_queries: int, previous: IntArray) -> int:
    """Set is_neighbour of each query by the edge filter; list those with a positive answer in `unresolved`, return how many."""
    filter_words, is_symmetric, is_neighbour = graph.filter, graph.is_symmetric[0], lanes.is_neighbour
    queries, unresolved, hashes, candidates = lanes.queries, lanes.unresolved, lanes.words, lanes.candidates
    for k in range(num_queries):
        i = queries[k]
        hashes[k] = edge_filter.hash_edge(previous[i], candidates[i], is_symmetric)
        prefetch_address(filter_words, edge_filter.locate_word(hashes[k], len(filter_words)))
    num_unresolved = 0
    for k in range(num_queries):
        i = queries[k]
        is_neighbour[i] = edge_filter.may_contain(filter_words, hashes[k])
        unresolved[num_unresolved] = i
        num_unresolved += 1 if is_neighbour[i] else 0
    return num_unresolved


@allocating_jit
def search_rows(
    indptr: Int64Array, indices: IntArray, rows: IntArray, nodes: IntArray, walkers: UInt32Array, count: int,
    is_member: BoolArray,
) -> None:  # fmt: skip
    """Set is_member[i], for each of the first `count` walkers i: whether nodes[i] is in the sorted, non-empty row rows[i]."""
    edges = np.empty(count, np.uint64)
    locate_edges(indptr, indices, rows, nodes, walkers, count, edges)
    for k in range(count):
        i = walkers[k]
        is_member[i] = indices[edges[k]] == nodes[i]


@allocating_jit
def locate_edges(
    indptr: Int64Array, indices: IntArray, rows: IntArray, nodes: IntArray, walkers: UInt32Array, count: int,
    edges: UInt64Array,
) -> None:  # fmt: skip
    """Set edges[k], for the first `count` walkers: the last edge of row rows[i] to a node <= nodes[i], or the row's first edge.

    Binary searches in lockstep, so that their cache misses overlap.
    """
    sizes = np.empty(count, np.uint64)
    max_size = U64(0)
    for k in range(count):
        row = U64(rows[walkers[k]])
        edges[k] = U64(indptr[row])
        sizes[k] = U64(indptr[row + U64(1)]) - edges[k]
        max_size = max(max_size, sizes[k])
    while max_size > U64(1):
        for k in range(count):
            half = sizes[k] >> U64(1)
            middle = edges[k] + half
            edges[k] = middle if indices[middle] <= nodes[walkers[k]] else edges[k]
            sizes[k] -= half
        max_size -= max_size >> U64(1)


@njit(inline="always")
def reject_by_adjacency(lanes: WalkerLanes, num_queries: int, num_rejected: int, biases: Biases) -> int:
    """Add the queries with the less probable answer to the rejected walkers in `pending`; return how many these are then."""
    accepts_neighbours = biases.neighbour_acceptance > biases.distant_acceptance
    queries, pending, is_neighbour = lanes.queries, lanes.pending, lanes.is_neighbour
    for k in range(num_queries):
        i = queries[k]
        pending[num_rejected] = i
        num_rejected += 1 if is_neighbour[i] != accepts_neighbours else 0
    return num_rejected


@phase_jit
def return_probability(graph: WalkGraph, lanes: WalkerLanes, num_moving: int, biases: Biases) -> None:
    """Set return_probabilities of the moving walkers for the next step: e s / (M + e s), s of the edge candidate -> current."""
    indptr, reverse_probabilities = graph.indptr, graph.reverse_probabilities
    active, candidates, edges, return_probabilities = lanes.active, lanes.candidates, lanes.edges, lanes.return_probabilities
    has_probabilities = len(reverse_probabilities) > 0
    if has_probabilities:
        num_unknown = list_unknown_edges(graph, lanes, num_moving)
        if num_unknown > 0:
            locate_edges(indptr, graph.indices, lanes.current, candidates, lanes.queries, num_unknown, lanes.words)
        for k in range(num_unknown):
            edges[lanes.queries[k]] = lanes.words[k]
    for k in range(num_moving):
        i = active[k]
        if has_probabilities:
            probability = np.float64(reverse_probabilities[edges[i]])
        else:  # equal weights, and every edge has a reverse edge
            row = U64(candidates[i])
            probability = 1.0 / (indptr[row + U64(1)] - indptr[row])
        return_probabilities[i] = biases.excess * probability / (biases.envelope + biases.excess * probability)


@phase_jit
def list_unknown_edges(graph: WalkGraph, lanes: WalkerLanes, num_moving: int) -> int:
    """List the moving walkers that took the return edge in `queries`, return how many; prefetch the others' probabilities."""
    num_unknown = 0
    for k in range(num_moving):
        i = lanes.active[k]
        prefetch_address(graph.reverse_probabilities, lanes.edges[i])
        lanes.queries[num_unknown] = i
        num_unknown += 1 if lanes.edges[i] == UNKNOWN_EDGE else 0
    return num_unknown
