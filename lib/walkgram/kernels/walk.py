"""Biased random walks over CSR rows: many walkers in step, each phase over all of them, so that cache misses overlap.

A step tries candidates until one is accepted (transition.py has the rule; after TRIES the row is summed instead). The
phases of a try are: draw a slot, take it or its alias, gather the node, then for second-order walks decide by coin, and
only where the coin cannot tell, by a search in the sorted row of the node before, again all walkers abreast (ThunderRW,
Sun et al., VLDB 2021). Only rejected walkers try again. Every draw is `hashing.bits(stream(seed, walk_id), step, try,
draw)`: a walk depends on the graph, the seed and its walk_id, not on its neighbours in the batch.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from walkgram import hashing
from walkgram.kernels.csr import has_edge
from walkgram.kernels.transition import Biases, biases

__all__ = ["Graph", "walks"]

ABREAST = 256  # walkers in step: enough to hide a cache miss behind the others, few enough to stay in the first cache
SLOT, ACCEPT, RETURN, EXACT = 0, 1, 2, 3  # the draws of one try
TRIES = 64  # then the step is drawn from the exact probabilities: the same law, at the cost of the whole row


class Graph(NamedTuple):
    """CSR rows 0..n-1. The last three arrays are empty where all weights are equal.

    indptr (n + 1,) int64; indices (m,) int32, rising in each row; threshold, other (m,) uint32 as `csr.alias_slots`
    makes them; share (m,) float32, each edge's share of its row's weight.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    threshold: NDArray[np.uint32]
    other: NDArray[np.uint32]
    share: NDArray[np.float32]


def walks(
    graph: Graph,
    starts: NDArray[np.int64],
    walk_ids: NDArray[np.int64],
    seed: int,
    p: float,
    q: float,
    walk_length: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(nodes, lengths) of one walk for each start: nodes (m, walk_length) int32, valid up to lengths (m,) int64.

    starts, walk_ids: (m,) int64. A walk is shorter than walk_length only where it meets a node without edges.
    """
    nodes = np.empty((len(starts), walk_length), np.int32)
    lengths = np.empty(len(starts), np.int64)
    first_order = p == 1.0 and q == 1.0
    walk_all(*graph, starts, walk_ids.astype(np.uint64), np.uint64(seed), biases(p, q), first_order, nodes, lengths)
    return nodes, lengths


@numba.njit(cache=True, nogil=True)
def walk_all(
    indptr: Any, indices: Any, threshold: Any, other: Any, share: Any, starts: Any, walk_ids: Any, seed: Any,
    bias: Biases, first_order: bool, nodes: Any, lengths: Any,
) -> None:  # fmt: skip
    """Fill `nodes` and `lengths`, ABREAST walkers at a time."""
    streams = np.empty(ABREAST, np.uint64)
    pending = np.empty(ABREAST, np.int64)
    alive = np.empty(ABREAST, np.int64)
    at = np.empty(ABREAST, np.int64)
    edge = np.empty(ABREAST, np.int64)
    chosen = np.empty(ABREAST, np.int32)
    back = np.empty(ABREAST, np.float64)
    for low in range(0, len(starts), ABREAST):
        width = min(ABREAST, len(starts) - low)
        block = nodes[low : low + width]
        for i in range(width):
            streams[i] = hashing.stream(seed, walk_ids[low + i])
            block[i, 0] = starts[low + i]
            lengths[low + i] = block.shape[1]
            alive[i] = i
        living = width
        for step in range(1, block.shape[1]):
            moving = 0
            for k in range(living):  # walkers at a dead end stop here
                i = alive[k]
                node = block[i, step - 1]
                if indptr[node + 1] > indptr[node]:
                    alive[moving] = i
                    pending[moving] = i
                    at[i] = node
                    moving += 1
                else:
                    lengths[low + i] = step
            living = moving
            second = not first_order and step > 1
            if second and bias.excess > 0.0:
                shares_of_return(indptr, indices, share, at, block[:, step - 2], pending[:living], bias, back)
            attempt = 0
            left = living
            while left > 0:
                if attempt == TRIES:
                    for k in range(left):
                        i, word = pending[k], hashing.bits(streams[pending[k]], step, attempt, EXACT)
                        block[i, step] = exact(indptr, indices, share, at[i], block[i, step - 2], bias, hashing.unit(word))
                    break
                propose(indptr, indices, threshold, other, streams, pending[:left], at, step, attempt, edge, chosen)
                if second:
                    before = block[:, step - 2]
                    left = judge(indptr, indices, streams, pending, left, before, step, attempt, bias, back, chosen, block)
                else:
                    for k in range(left):
                        block[pending[k], step] = chosen[pending[k]]
                    left = 0
                attempt += 1


@numba.njit(cache=True, nogil=True)
def propose(
    indptr: Any, indices: Any, threshold: Any, other: Any, streams: Any, pending: Any, at: Any, step: int, attempt: int,
    edge: Any, chosen: Any,
) -> None:  # fmt: skip
    """Draw a neighbour by weight for every pending walker into `chosen`.

    One word serves both choices: the high half of word * degree is the slot, the low half's upper bits are the coin.
    """
    coin = np.empty(len(pending), np.uint32)
    for k in range(len(pending)):
        i = pending[k]
        low = indptr[at[i]]
        degree = indptr[at[i] + 1] - low
        word = hashing.bits(streams[i], step, attempt, SLOT)
        edge[i] = low + np.int64(hashing.scale(word, degree))
        coin[k] = np.uint32((word * np.uint64(degree)) >> np.uint64(32))
    if len(threshold) > 0:
        for k in range(len(pending)):
            i = pending[k]
            if coin[k] > threshold[edge[i]]:
                edge[i] = indptr[at[i]] + np.int64(other[edge[i]])
    for k in range(len(pending)):
        chosen[pending[k]] = indices[edge[pending[k]]]


@numba.njit(cache=True, nogil=True)
def judge(
    indptr: Any, indices: Any, streams: Any, pending: Any, left: int, before: Any, step: int, attempt: int,
    bias: Biases, back: Any, chosen: Any, block: Any,
) -> int:  # fmt: skip
    """Accept or reject the candidates; accepted ones go to column `step` of the block.

    The rejected stay at the front of `pending`; returns how many.
    """
    sure, most = min(bias.near, bias.far), max(bias.near, bias.far)
    unsure = np.empty(left, np.int64)
    coin = np.empty(left, np.float64)
    rejected, asked = 0, 0
    for k in range(left):
        i = pending[k]
        candidate, previous = chosen[i], before[i]
        if bias.excess > 0.0 and hashing.unit(hashing.bits(streams[i], step, attempt, RETURN)) < back[i]:
            block[i, step] = previous
            continue
        draw = hashing.unit(hashing.bits(streams[i], step, attempt, ACCEPT))
        if candidate == previous:
            accepted = draw < bias.back
        elif draw < sure:
            accepted = True
        elif draw >= most:
            accepted = False
        else:
            unsure[asked], coin[asked] = i, draw
            asked += 1
            continue
        if accepted:
            block[i, step] = candidate
        else:
            pending[rejected] = i
            rejected += 1
    if asked == 0:
        return rejected
    near = search(indptr, indices, before, chosen, unsure[:asked])
    for k in range(asked):
        i = unsure[k]
        if near[k] == (bias.near > bias.far):
            block[i, step] = chosen[i]
        else:
            pending[rejected] = i
            rejected += 1
    return rejected


@numba.njit(cache=True, nogil=True)
def exact(indptr: Any, indices: Any, share: Any, node: int, before: int, bias: Biases, u: float) -> int:
    """The next node by inversion of the exact probabilities, for a coin u in [0, 1)."""
    low, high = indptr[node], indptr[node + 1]
    upto = np.empty(high - low, np.float64)
    total = 0.0
    for at in range(low, high):
        if indices[at] == before:
            weight = bias.back + bias.excess / bias.envelope  # 1 / p over the envelope
        else:
            weight = bias.near if has_edge(indices, indptr[before], indptr[before + 1], indices[at]) else bias.far
        total += weight * (np.float64(share[at]) if len(share) > 0 else 1.0)
        upto[at - low] = total
    return int(indices[low + min(np.searchsorted(upto, u * total, side="right"), high - low - 1)])


@numba.njit(cache=True, nogil=True)
def search(indptr: Any, indices: Any, rows: Any, sought: Any, walkers: Any) -> Any:
    """(len(walkers),) bool: whether sought[i] is in the sorted row of rows[i], by binary searches in lockstep."""
    base = np.empty(len(walkers), np.int64)
    size = np.empty(len(walkers), np.int64)
    longest = 0
    for k in range(len(walkers)):
        row = rows[walkers[k]]
        base[k] = indptr[row]
        size[k] = indptr[row + 1] - indptr[row]
        longest = max(longest, size[k])
    while longest > 1:
        for k in range(len(walkers)):
            half = size[k] >> 1
            base[k] += half if half > 0 and indices[base[k] + half] <= sought[walkers[k]] else 0
            size[k] -= half
        longest -= longest >> 1
    found = np.empty(len(walkers), np.bool_)
    for k in range(len(walkers)):
        found[k] = size[k] > 0 and indices[base[k]] == sought[walkers[k]]
    return found


@numba.njit(cache=True, nogil=True)
def shares_of_return(
    indptr: Any, indices: Any, share: Any, at: Any, before: Any, walkers: Any, bias: Biases, back: Any
) -> None:
    """back[i] = e s / (M + e s) for every walker, s the share of the edge to the node before (0 where there is none)."""
    for k in range(len(walkers)):
        i = walkers[k]
        low, high = indptr[at[i]], indptr[at[i] + 1]
        place = low + np.searchsorted(indices[low:high], before[i])
        part = 0.0
        if place < high and indices[place] == before[i]:
            part = np.float64(share[place]) if len(share) > 0 else 1.0 / (high - low)
        back[i] = bias.excess * part / (bias.envelope + bias.excess * part)
