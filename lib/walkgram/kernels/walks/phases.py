"""The phases that all walks share, each over the walkers of a batch: start, stop or restart, load rows, propose edges, copy."""

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Int64Array, IntArray, Integer, IntMatrix, UInt32Array, UInt64Array
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address
from walkgram.kernels.walks.compile import phase_jit
from walkgram.kernels.walks.lanes import LANES, WalkerLanes
from walkgram.kernels.walks.params import WalkParams
from walkgram.kernels.walks.walk_graph import WalkGraph

__all__ = [
    "ACCEPT",
    "EXACT",
    "RESTART",
    "RETURN",
    "SLOT",
    "STOP",
    "compact_walkers",
    "draw_stop_restart",
    "load_rows",
    "pack_counter",
    "propose_edges",
    "record_nodes",
    "split_first_order",
    "start_walkers",
    "transpose_walks",
]

SLOT, ACCEPT, RETURN, EXACT = 0, 1, 2, 3  # the draws of one try
STOP, RESTART = 4, 5  # the draws before a step's first try
CACHE_LINE = 16  # nodes
U64 = np.uint64


@njit(inline="always")
def pack_counter(step: Integer, attempt: Integer, draw: Integer) -> np.uint64:
    """Return the part of `rng.draw_bits` that all walkers share: the draw is mix_bits(stream ^ pack_counter(...))."""
    return rng.mix_bits(((U64(step) << U64(40)) | (U64(attempt) << U64(8)) | U64(draw)) + rng.GAMMA)


@phase_jit
def start_walkers(lanes: WalkerLanes, starts: Int64Array, walk_ids: UInt64Array, seed: np.uint64) -> int:
    """Place a walker at each of the next starts; return how many. starts, walk_ids: of the walks not started yet."""
    num_lanes = min(LANES, len(starts))
    for i in range(num_lanes):
        lanes.streams[i] = rng.derive_stream(seed, walk_ids[i])
        lanes.current[i] = starts[i]
        lanes.active[i] = i
        lanes.lengths[i] = lanes.paths.shape[0]
        lanes.is_first_order[i] = True
        lanes.paths[0, i] = lanes.current[i]
    return num_lanes


@phase_jit
def draw_stop_restart(
    lanes: WalkerLanes, num_active: int, starts: Int64Array, step: int, params: WalkParams
) -> tuple[int, int]:
    """Draw which walks end here and which restart; return (number of movers, number of active walkers).

    active[:movers] have yet to step, active[movers:] are at their starts, where the next step is first-order.
    """
    active, restarted = lanes.active, lanes.pending
    stop_counter, restart_counter = pack_counter(step, 0, STOP), pack_counter(step, 0, RESTART)
    num_movers, num_restarted = 0, 0
    for k in range(num_active):
        i = active[k]
        if rng.to_unit(rng.mix_bits(lanes.streams[i] ^ stop_counter)) < params.stop_probability:
            lanes.lengths[i] = step
        elif rng.to_unit(rng.mix_bits(lanes.streams[i] ^ restart_counter)) < params.restart_probability:
            lanes.current[i], lanes.is_first_order[i] = starts[i], True
            restarted[num_restarted] = i
            num_restarted += 1
        else:
            active[num_movers] = i
            num_movers += 1
    for k in range(num_restarted):
        active[num_movers + k] = restarted[k]
    return num_movers, num_movers + num_restarted


@phase_jit
def load_rows(indptr: Int64Array, lanes: WalkerLanes, num_movers: int, step: int) -> int:
    """Look up the rows of the first `num_movers` active walkers; end those at a dead end. Return how many move."""
    active, row_starts, degrees = lanes.active, lanes.row_starts, lanes.degrees
    num_moving = 0
    for k in range(num_movers):
        i = active[k]
        node = U64(lanes.current[i])
        row_starts[i] = U64(indptr[node])
        degrees[i] = U64(indptr[node + U64(1)]) - row_starts[i]
        active[num_moving] = i
        if degrees[i] > U64(0):
            num_moving += 1
        else:
            lanes.lengths[i] = step
    return num_moving


@njit(inline="always")
def compact_walkers(active: UInt32Array, num_moving: int, num_movers: int, num_active: int) -> int:
    """Move active[num_movers:num_active] to `num_moving`, over the walkers that met a dead end; return how many are active."""
    if num_moving < num_movers:
        for k in range(num_movers, num_active):
            active[num_moving + k - num_movers] = active[k]
    return num_active - (num_movers - num_moving)


@phase_jit
def split_first_order(lanes: WalkerLanes, num_moving: int) -> int:
    """Copy the moving walkers to `pending`, those with a first-order step last; return the number of the others."""
    num_second_order, first = 0, num_moving
    for k in range(num_moving):
        i = lanes.active[k]
        if lanes.is_first_order[i]:
            first -= 1
            lanes.pending[first] = i
        else:
            lanes.pending[num_second_order] = i
            num_second_order += 1
    return num_second_order


@njit(inline="always")
def propose_edges(
    graph: WalkGraph, lanes: WalkerLanes, walkers: UInt32Array, count: int, counter: np.uint64, nodes: IntArray
) -> None:
    """Draw a neighbour by weight for each of the first `count` walkers: its edge, and its node into `nodes` (LANES,).

    One word gives both choices: the upper half of word * degree is the slot, the upper bits of the lower half are the coin.
    """
    indptr, indices, alias_table = graph.indptr, graph.indices, graph.alias_table
    streams, row_starts, degrees = lanes.streams, lanes.row_starts, lanes.degrees
    edges, coins, words = lanes.edges, lanes.coins, lanes.words
    for k in range(count):  # a loop of its own, which the compiler vectorises
        words[k] = rng.mix_bits(streams[walkers[k]] ^ counter)
    for k in range(count):
        i = walkers[k]
        edges[i] = row_starts[i] + rng.scale_below(words[k], degrees[i])
        coins[i] = (words[k] * degrees[i]) >> U64(32)
        if len(alias_table) > 0:
            prefetch_address(alias_table, edges[i])
        else:
            prefetch_address(indices, edges[i])
    if len(alias_table) > 0:
        for k in range(count):
            i = walkers[k]
            edge = edges[i]
            alias = row_starts[i] + U64(alias_table[edge, 1])
            edges[i] = edge if coins[i] <= U64(alias_table[edge, 0]) else alias
            prefetch_address(indices, edges[i])
    for k in range(count):
        i = walkers[k]
        nodes[i] = indices[edges[i]]
        prefetch_address(indptr, U64(nodes[i]))  # for the next step


@phase_jit
def record_nodes(lanes: WalkerLanes, num_lanes: int, step: int) -> None:
    """Record the current nodes in the paths; a walk that has ended repeats its last node, beyond its length."""
    for i in range(num_lanes):
        lanes.paths[step, i] = lanes.current[i]


@phase_jit
def transpose_walks(lanes: WalkerLanes, nodes: IntMatrix, lengths: Int64Array) -> None:
    """Copy the paths of the walkers to the rows of nodes (walkers, walk_length), and their lengths to lengths (walkers,).

    A few walks at a time: their cache lines stay in the first-level cache until they are full.
    """
    paths, num_lanes = lanes.paths, len(lengths)
    for first in range(0, num_lanes, CACHE_LINE):
        end = min(first + CACHE_LINE, num_lanes)
        for step in range(paths.shape[0]):
            for i in range(first, end):
                nodes[i, step] = paths[step, i]
    for i in range(num_lanes):
        lengths[i] = lanes.lengths[i]
