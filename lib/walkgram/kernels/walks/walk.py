"""Biased random walks over CSR rows: a batch of walkers passes through each phase together, so that cache misses overlap.

A first-order step draws a slot of the alias table. A second-order step tries such candidates until one is accepted
(`transition` has the rule; after MAX_TRIES tries the step is drawn exactly). The coin alone decides most candidates, a
negative answer of the edge filter most others; after a positive one the previous node's row is searched, for all walkers in
lockstep (phases as in ThunderRW, Sun et al., VLDB 2021). Only rejected walkers try again. Every draw is
`rng.draw_bits(derive_stream(seed, walk_id), step, attempt, draw)`: a walk depends on the graph, the parameters and its
walk_id, not on the other walks of its batch.
"""

import numpy as np

from walkgram.kernels.arrays import Int64Array, IntMatrix, UInt64Array
from walkgram.kernels.walks.compile import phase_jit
from walkgram.kernels.walks.exact_draw import draw_exact
from walkgram.kernels.walks.lanes import LANES, WalkerLanes, make_walker_lanes
from walkgram.kernels.walks.params import WalkParams
from walkgram.kernels.walks.phases import (
    ACCEPT,
    RETURN,
    SLOT,
    compact_walkers,
    draw_stop_restart,
    load_rows,
    pack_counter,
    propose_edges,
    record_nodes,
    split_first_order,
    start_walkers,
    transpose_walks,
)
from walkgram.kernels.walks.rejection import (
    prefilter,
    reject_by_adjacency,
    return_probability,
    take_return_edge,
    test_adjacency,
)
from walkgram.kernels.walks.walk_graph import WalkGraph

__all__ = ["MAX_TRIES", "sample_walks"]

MAX_TRIES = 64  # or as many as the row is long; then the step is drawn from the exact probabilities, at the cost of the row


def sample_walks(
    graph: WalkGraph, starts: Int64Array, walk_ids: Int64Array, params: WalkParams
) -> tuple[IntMatrix, Int64Array]:
    """Return (nodes, lengths) of one walk for each start.

    starts, walk_ids: (m,) int64. nodes (m, walk_length) has the type of the graph's indices; row i is valid up to lengths[i],
    int64. After a restart the next step is drawn by weight alone. A walk is shorter than walk_length where it stops and where
    it meets a node without edges.
    """
    nodes = np.empty((len(starts), params.walk_length), graph.indices.dtype)
    lengths = np.empty(len(starts), np.int64)
    lanes = make_walker_lanes(params.walk_length, graph.indices.dtype)
    walk = walk_first_order if params.is_first_order else walk_second_order
    walk(graph, starts, walk_ids.astype(np.uint64), params, lanes, nodes, lengths)
    return nodes, lengths


@phase_jit
def walk_first_order(
    graph: WalkGraph, starts: Int64Array, walk_ids: UInt64Array, params: WalkParams, lanes: WalkerLanes, nodes: IntMatrix,
    lengths: Int64Array,
) -> None:  # fmt: skip
    """Fill nodes and lengths with walks whose steps are drawn by weight alone."""
    for first in range(0, len(starts), LANES):
        num_lanes = start_walkers(lanes, starts[first:], walk_ids[first:], params.seed)
        num_active = num_lanes
        for step in range(1, params.walk_length):
            num_movers = num_active
            if params.restart_probability > 0.0 or params.stop_probability > 0.0:
                num_movers, num_active = draw_stop_restart(lanes, num_active, starts[first:], step, params)
            num_moving = load_rows(graph.indptr, lanes, num_movers, step)
            propose_edges(graph, lanes, lanes.active, num_moving, pack_counter(step, 0, SLOT), lanes.current)
            num_active = compact_walkers(lanes.active, num_moving, num_movers, num_active)
            record_nodes(lanes, num_lanes, step)
        transpose_walks(lanes, nodes[first : first + num_lanes], lengths[first : first + num_lanes])


@phase_jit
def walk_second_order(
    graph: WalkGraph, starts: Int64Array, walk_ids: UInt64Array, params: WalkParams, lanes: WalkerLanes, nodes: IntMatrix,
    lengths: Int64Array,
) -> None:  # fmt: skip
    """Fill nodes and lengths with node2vec walks."""
    biases = params.biases
    for first in range(0, len(starts), LANES):
        num_lanes = start_walkers(lanes, starts[first:], walk_ids[first:], params.seed)
        num_active = num_lanes
        for step in range(1, params.walk_length):
            num_movers = num_active
            if params.restart_probability > 0.0 or params.stop_probability > 0.0:
                num_movers, num_active = draw_stop_restart(lanes, num_active, starts[first:], step, params)
            num_moving = load_rows(graph.indptr, lanes, num_movers, step)
            num_pending = split_first_order(lanes, num_moving)
            if num_pending < num_moving:
                first_order = lanes.pending[num_pending:num_moving]
                counter = pack_counter(step, 0, SLOT)
                propose_edges(graph, lanes, first_order, num_moving - num_pending, counter, lanes.candidates)
                for i in first_order:
                    lanes.is_first_order[i] = False
            previous, attempt = lanes.paths[max(step - 2, 0)], 0
            while num_pending > 0:
                if attempt >= MAX_TRIES:
                    num_pending = draw_exact(graph, lanes, num_pending, previous, biases, step, attempt)
                if biases.excess > 0.0:
                    num_pending = take_return_edge(lanes, num_pending, previous, pack_counter(step, attempt, RETURN))
                counter = pack_counter(step, attempt, SLOT)
                propose_edges(graph, lanes, lanes.pending, num_pending, counter, lanes.candidates)
                counter = pack_counter(step, attempt, ACCEPT)
                num_rejected, num_queries = prefilter(lanes, num_pending, previous, biases, counter)
                test_adjacency(graph, lanes, num_queries, previous)
                num_pending = reject_by_adjacency(lanes, num_queries, num_rejected, biases)
                attempt += 1
            if biases.excess > 0.0:
                return_probability(graph, lanes, num_moving, biases)
            for k in range(num_moving):
                lanes.current[lanes.active[k]] = lanes.candidates[lanes.active[k]]
            num_active = compact_walkers(lanes.active, num_moving, num_movers, num_active)
            record_nodes(lanes, num_lanes, step)
        transpose_walks(lanes, nodes[first : first + num_lanes], lengths[first : first + num_lanes])
