"""The phases that all walks share, each over the walkers abreast: begin, toss, arrive at a node, propose, finish."""

from typing import Any

import numpy as np

from walkgram import rng
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address

__all__ = [
    "ACCEPT",
    "EXACT",
    "LANES",
    "RESTART",
    "RETURN",
    "SLOT",
    "STOP",
    "compact_walkers",
    "draw_stop_restart",
    "load_rows",
    "pack_counter",
    "propose_edges",
    "split_first_order",
    "start_walkers",
    "transpose_walks",
]

LANES = 256  # walkers in step: enough to hide a cache miss behind the others, few enough to stay in the first cache
SLOT, ACCEPT, RETURN, EXACT = 0, 1, 2, 3  # the draws of one try
STOP, RESTART = 4, 5  # the draws before a step's first try
LINE = 16  # nodes of a cache line
U64 = np.uint64


@njit(inline="always")
def pack_counter(step: Any, attempt: Any, draw: Any) -> Any:
    """The half of `hashing.bits` that all walkers share: bits(stream, ...) is mix(stream ^ counted(...))."""
    return rng.mix_bits(((U64(step) << U64(40)) | (U64(attempt) << U64(8)) | U64(draw)) + rng.GAMMA)


@njit(nogil=True)
def load_rows(indptr: Any, at: Any, alive: Any, living: int, lengths: Any, step: int, low: Any, degree: Any) -> int:
    """Look up the rows of the living walkers; those at a dead end get their length. Returns how many live on."""
    moving = 0
    for k in range(living):
        i = alive[k]
        node = U64(at[i])
        low[i] = U64(indptr[node])
        degree[i] = U64(indptr[node + U64(1)]) - low[i]
        alive[moving] = i
        if degree[i] > U64(0):
            moving += 1
        else:
            lengths[i] = step
    return moving


@njit(nogil=True)
def draw_stop_restart(
    streams: Any, alive: Any, living: int, starts: Any, first: int, step: int, stop: float, restart: float, at: Any, own: Any,
    fresh: Any, aside: Any,
) -> tuple[int, int]:  # fmt: skip
    """Draw who ends here and who goes back to its start; returns (movers, living).

    alive[:movers] are left to move, alive[movers:living] are back at their starts and `fresh` there.
    """
    ends, returns = pack_counter(step, 0, STOP), pack_counter(step, 0, RESTART)
    movers, jumpers = 0, 0
    for k in range(living):
        i = alive[k]
        if rng.to_unit(rng.mix_bits(streams[i] ^ ends)) < stop:
            own[i] = step
        elif rng.to_unit(rng.mix_bits(streams[i] ^ returns)) < restart:
            at[i], fresh[i] = starts[first + i], True
            aside[jumpers] = i
            jumpers += 1
        else:
            alive[movers] = i
            movers += 1
    alive[movers : movers + jumpers] = aside[:jumpers]
    return movers, movers + jumpers


@njit(inline="always")
def compact_walkers(alive: Any, moved: int, movers: int, living: int) -> int:
    """Shift alive[movers:living] down to `moved`, over those that met a dead end; returns how many live."""
    if moved < movers:
        for k in range(movers, living):
            alive[moved + k - movers] = alive[k]
    return living - (movers - moved)


@njit(nogil=True)
def split_first_order(alive: Any, moved: int, fresh: Any, pending: Any) -> int:
    """Copy the moving walkers to `pending`, the fresh ones (who have no node before) behind; returns how many are not."""
    left, behind = 0, moved
    for k in range(moved):
        i = alive[k]
        if fresh[i]:
            behind -= 1
            pending[behind] = i
        else:
            pending[left] = i
            left += 1
    return left


@njit(nogil=True)
def propose_edges(
    indptr: Any, indices: Any, slots: Any, streams: Any, pending: Any, left: int, low: Any, degree: Any, shared: Any,
    drawn: Any, edge: Any, chosen: Any, coin: Any,
) -> None:  # fmt: skip
    """Draw a neighbour by weight for every pending walker: its edge and its node.

    One word serves both choices: the high half of word * degree is the slot, the low half's upper bits are the coin.
    """
    for k in range(left):  # alone, so that the compiler makes vector instructions of it
        drawn[k] = rng.mix_bits(streams[pending[k]] ^ shared)
    for k in range(left):
        i = pending[k]
        edge[i] = low[i] + rng.scale_below(drawn[k], degree[i])
        coin[i] = (drawn[k] * degree[i]) >> U64(32)
        if len(slots) > 0:
            prefetch_address(slots, edge[i])
        else:
            prefetch_address(indices, edge[i])
    if len(slots) > 0:
        for k in range(left):
            i = pending[k]
            at = edge[i]
            aliased = low[i] + U64(slots[at, 1])
            edge[i] = at if coin[i] <= U64(slots[at, 0]) else aliased
            prefetch_address(indices, edge[i])
    for k in range(left):
        i = pending[k]
        chosen[i] = indices[edge[i]]
        prefetch_address(indptr, U64(chosen[i]))  # for the next step


@njit(nogil=True)
def start_walkers(
    starts: Any, ids: Any, seed: Any, first: int, walk_length: int, streams: Any, at: Any, alive: Any, own: Any
) -> int:
    """Set the walkers first, first + 1, ... at their starts; returns how many."""
    width = min(LANES, len(starts) - first)
    for i in range(width):
        streams[i] = rng.derive_stream(seed, ids[first + i])
        at[i] = starts[first + i]
        alive[i] = i
        own[i] = walk_length
    return width


@njit(nogil=True)
def transpose_walks(walked: Any, own: Any, first: int, width: int, nodes: Any, lengths: Any) -> None:
    """Turn the steps' rows into walks, a few walks at a time: their lines stay in the first cache until they are full."""
    for low in range(0, width, LINE):
        high = min(low + LINE, width)
        for step in range(walked.shape[0]):
            for i in range(low, high):
                nodes[first + i, step] = walked[step, i]
    for i in range(width):
        lengths[first + i] = own[i]
