"""The phases that all walks share, each over the walkers abreast: begin, arrive at a node, propose a neighbour, finish."""

from typing import Any

import numba
import numpy as np

from walkgram import hashing
from walkgram.kernels.prefetch import prefetch

__all__ = ["ABREAST", "ACCEPT", "EXACT", "RETURN", "SLOT", "arrive", "begin", "counted", "finish", "propose"]

ABREAST = 256  # walkers in step: enough to hide a cache miss behind the others, few enough to stay in the first cache
SLOT, ACCEPT, RETURN, EXACT = 0, 1, 2, 3  # the draws of one try
LINE = 16  # nodes of a cache line
U64 = np.uint64


@numba.njit(inline="always", cache=True)
def counted(step: Any, attempt: Any, draw: Any) -> Any:
    """The half of `hashing.bits` that all walkers share: bits(stream, ...) is mix(stream ^ counted(...))."""
    return hashing.mix(((U64(step) << U64(40)) | (U64(attempt) << U64(8)) | U64(draw)) + hashing.GAMMA)


@numba.njit(cache=True, nogil=True)
def arrive(indptr: Any, at: Any, alive: Any, living: int, lengths: Any, step: int, low: Any, degree: Any) -> int:
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


@numba.njit(cache=True, nogil=True)
def propose(
    indptr: Any, indices: Any, slots: Any, streams: Any, pending: Any, left: int, low: Any, degree: Any, shared: Any,
    drawn: Any, edge: Any, chosen: Any, coin: Any,
) -> None:  # fmt: skip
    """Draw a neighbour by weight for every pending walker: its edge and its node.

    One word serves both choices: the high half of word * degree is the slot, the low half's upper bits are the coin.
    """
    for k in range(left):  # alone, so that the compiler makes vector instructions of it
        drawn[k] = hashing.mix(streams[pending[k]] ^ shared)
    for k in range(left):
        i = pending[k]
        edge[i] = low[i] + hashing.scale(drawn[k], degree[i])
        coin[i] = (drawn[k] * degree[i]) >> U64(32)
        if len(slots) > 0:
            prefetch(slots, edge[i])
        else:
            prefetch(indices, edge[i])
    if len(slots) > 0:
        for k in range(left):
            i = pending[k]
            at = edge[i]
            aliased = low[i] + U64(slots[at, 1])
            edge[i] = at if coin[i] <= U64(slots[at, 0]) else aliased
            prefetch(indices, edge[i])
    for k in range(left):
        i = pending[k]
        chosen[i] = indices[edge[i]]
        prefetch(indptr, U64(chosen[i]))  # for the next step


@numba.njit(cache=True, nogil=True)
def begin(starts: Any, ids: Any, seed: Any, first: int, walk_length: int, streams: Any, at: Any, alive: Any, own: Any) -> int:
    """Set the walkers first, first + 1, ... at their starts; returns how many."""
    width = min(ABREAST, len(starts) - first)
    for i in range(width):
        streams[i] = hashing.stream(seed, ids[first + i])
        at[i] = starts[first + i]
        alive[i] = i
        own[i] = walk_length
    return width


@numba.njit(cache=True, nogil=True)
def finish(walked: Any, own: Any, first: int, width: int, nodes: Any, lengths: Any) -> None:
    """Turn the steps' rows into walks, a few walks at a time: their lines stay in the first cache until they are full."""
    for low in range(0, width, LINE):
        high = min(low + LINE, width)
        for step in range(walked.shape[0]):
            for i in range(low, high):
                nodes[first + i, step] = walked[step, i]
    for i in range(width):
        lengths[first + i] = own[i]
