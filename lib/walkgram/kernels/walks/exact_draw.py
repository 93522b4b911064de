"""Second-order steps drawn from the exact probabilities of a row, after many rejected candidates."""

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import BoolArray, Float64Array, IntArray, Integer, UInt32Matrix
from walkgram.kernels.graph.csr import has_edge
from walkgram.kernels.walks.compile import allocating_jit
from walkgram.kernels.walks.lanes import WalkerLanes
from walkgram.kernels.walks.phases import EXACT, pack_counter
from walkgram.kernels.walks.transition import Biases
from walkgram.kernels.walks.walk_graph import WalkGraph

__all__ = ["draw_exact", "row_weights", "sample_biased"]

U64 = np.uint64


@allocating_jit
def draw_exact(
    graph: WalkGraph, lanes: WalkerLanes, num_pending: int, previous: IntArray, biases: Biases, step: int, attempt: int
) -> int:
    """Draw by the exact probabilities for the pending walkers with as many tries as their row is long.

    Return how many are still pending. By inversion, with the weights that the alias table yields: O(degree log degree).
    """
    indptr, indices, pending = graph.indptr, graph.indices, lanes.pending
    counter = pack_counter(step, attempt, EXACT)
    still_pending = 0
    for i in pending[:num_pending]:
        start, end, node = indptr[lanes.current[i]], indptr[lanes.current[i] + 1], previous[i]
        if end - start > attempt:
            pending[still_pending] = i
            still_pending += 1
            continue
        is_neighbour = np.empty(end - start, np.bool_)
        for k in range(end - start):
            is_neighbour[k] = has_edge(indices, indptr[node], indptr[node + 1], indices[start + k])
        weights = row_weights(graph.alias_table, start, end)
        coin = rng.to_unit(rng.mix_bits(lanes.streams[i] ^ counter))
        position = sample_biased(indices[start:end], weights, is_neighbour, node, biases, coin)
        lanes.edges[i] = U64(start + position)
        lanes.candidates[i] = indices[start + position]
    return still_pending


@allocating_jit
def row_weights(alias_table: UInt32Matrix, start: int, end: int) -> Float64Array:
    """Return (end - start,) float64: the row's weights up to a factor, from its alias table; ones if that is empty."""
    weights = np.ones(end - start, np.float64)
    if len(alias_table) > 0:
        weights[:] = 0.0
        for edge in range(start, end):
            weight = (np.float64(alias_table[edge, 0]) + 1.0) / 4294967296.0
            weights[edge - start] += weight
            weights[alias_table[edge, 1]] += 1.0 - weight
    return weights


@allocating_jit
def sample_biased(
    nodes: IntArray, weights: Float64Array, is_neighbour: BoolArray, previous: Integer, biases: Biases, coin: float
) -> int:
    """Return the position in a row that a coin in [0, 1) draws by the exact rule.

    nodes, weights, is_neighbour: of the row, the last whether a node is a neighbour of `previous`.
    """
    cumulative = np.empty(len(nodes), np.float64)
    total = 0.0
    for k in range(len(nodes)):
        bias = biases.neighbour_acceptance if is_neighbour[k] else biases.distant_acceptance
        if nodes[k] == previous:
            bias = biases.return_acceptance + biases.excess / biases.envelope  # 1 / p over the envelope
        total += bias * weights[k]
        cumulative[k] = total
    return min(int(np.searchsorted(cumulative, coin * total, side="right")), len(nodes) - 1)
