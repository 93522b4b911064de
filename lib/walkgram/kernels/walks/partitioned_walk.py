"""The walks of `walk.py` for a graph cut into blocks of nodes: walkers run inside a block and leave it as letters.

Block b of B holds the rows b, b + B, b + 2B, ... (`parts.py`). A walker at a node of another block goes there; one that must
know whether its candidates are neighbours of a node before, whose row lies in another block, sends all of them there in
one letter (walker-to-vertex query, KnightKing, Yang et al., SOSP 2019, section 5), and goes on from there: at most two
letters a step, as long as TRIES candidates are enough. The draws, the rule and the arithmetic are those of `walk.py`, so the
walks are the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram import rng
from walkgram.kernels.graph.csr import has_edge
from walkgram.kernels.jit import njit
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, WalkParams, WalkSteps
from walkgram.kernels.walks.phases import ACCEPT, EXACT, RESTART, RETURN, SLOT, STOP
from walkgram.kernels.walks.rejection import row_weights, sample_biased
from walkgram.kernels.walks.walk import MAX_TRIES

__all__ = ["advance_partition"]

U64 = np.uint64
BUFFER_CAPACITY = 1 << 20  # letters, candidates, steps that are made before they are taken away
MESSAGES, CANDIDATES, PARTS, STEPS = 0, 1, 2, 3  # what `used` counts


def advance_partition(
    block: GraphPartition, how: WalkParams, starts: NDArray[np.int64], letters: WalkerMessages, room: int = BUFFER_CAPACITY
) -> tuple[list[WalkerMessages], list[WalkSteps]]:
    """Let every walker run until it must leave the block: (letters that go out, steps that were made), in portions.

    starts: the sorted start nodes, for restarts. Walkers that end send no letter. A portion is taken away when it has `room`.
    """
    widest, dtype = int(np.diff(block.indptr).max(initial=0)), block.indices.dtype
    wide = room + MAX_TRIES + 1 + widest
    space = WalkerMessages(
        np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, dtype),
        np.empty(room, dtype), np.empty(room, np.float32), np.empty(room, np.bool_), np.zeros(room + 1, np.int64),
        np.empty(wide, dtype), np.empty(wide, np.float32), np.zeros(room + 1, np.int64), np.empty(room + widest, np.float64),
    )  # fmt: skip
    made = room + how.walk_length
    trail = WalkSteps(np.empty(made, np.int64), np.empty(made, np.int32), np.empty(made, dtype))
    out, steps, first = [], [], 0
    while first < len(letters.walk):
        used = np.zeros(4, np.int64)
        first = advance_batch(block, how, starts, letters, first, space, trail, used, room)
        m, c, d, s = used
        heads: Any = [a[:m].copy() for a in space[:7]]
        tails: Any = [space.ends[: m + 1], space.candidates[:c], space.shares[:c], space.part_ends[: m + 1], space.parts[:d]]
        out.append(WalkerMessages(*heads, *[a.copy() for a in tails]))
        steps.append(WalkSteps(trail.walk[:s].copy(), trail.step[:s].copy(), trail.node[:s].copy()))
    return out, steps


@njit(nogil=True)
def advance_batch(
    block: Any, how: Any, starts: Any, letters: Any, first: int, out: Any, steps: Any, used: Any, room: int
) -> Any:
    """Advance the walkers first, first + 1, ... while there is room; returns the first one that was left."""
    i = first
    while i < len(letters.walk) and used.max() < room:
        advance_walker(block, how, starts, letters, i, out, steps, used)
        i += 1
    return i


@njit(nogil=True)
def advance_walker(block: Any, how: Any, starts: Any, letters: Any, i: int, out: Any, steps: Any, used: Any) -> None:
    """Advance one walker until it ends or leaves."""
    walk, step, share, tried = letters.walk[i], letters.step[i], letters.share[i], letters.attempt[i]
    at, before = letters.at[i], letters.before[i]
    of = rng.derive_stream(how.seed, walk)
    if letters.ends[i + 1] > letters.ends[i]:
        place = resolve_reply(block, how.bias, letters, i, of)
        if place >= 0:
            at, before, share, tried = letters.candidates[place], at, letters.shares[place], 0
            record_step(steps, used, walk, step, at)
            step += 1
    while step < how.walk_length:
        if at % block.among != block.number:
            send_message(out, used, walk, step, tried, at, before, share, False)
            return
        if tried == 0 and how.stop > 0.0 and rng.to_unit(rng.draw_bits(of, step, 0, STOP)) < how.stop:
            return
        if tried == 0 and how.restart > 0.0 and rng.to_unit(rng.draw_bits(of, step, 0, RESTART)) < how.restart:
            at, before = starts[walk % len(starts)], -1
        else:
            low, high = block.indptr[at // block.among], block.indptr[at // block.among + 1]
            if low == high:
                return
            if how.plain or before < 0:
                edge = propose_edge(block, of, step, 0, low, high)
            else:
                edge, tried = second_order_step(block, how.bias, of, step, tried, before, share, low, high, out, used)
                if edge < 0:
                    send_message(out, used, walk, step, tried, at, before, share, edge == -1)
                    return
            share = block.back[edge] if len(block.back) > 0 else np.float32(0.0)
            at, before, tried = block.indices[edge], at, 0
        record_step(steps, used, walk, step, at)
        step += 1


@njit(inline="always")
def propose_edge(block: Any, of: Any, step: int, attempt: int, low: int, high: int) -> Any:
    """The edge that a try draws by weight, as `phases.propose` draws it."""
    word, degree = rng.draw_bits(of, step, attempt, SLOT), U64(high - low)
    edge = low + np.int64(rng.scale_below(word, degree))
    if len(block.slots) > 0 and ((word * degree) >> U64(32)) > U64(block.slots[edge, 0]):
        edge = low + np.int64(block.slots[edge, 1])
    return edge


@njit(nogil=True)
def second_order_step(
    block: Any, bias: Any, of: Any, step: int, tried: int, before: Any, share: Any, low: int, high: int, out: Any, used: Any
) -> Any:
    """(edge, tries made) of a second-order step; below 0: the block of `before` must be asked for the candidates in `out`.

    -1: the last candidate is sure; -2: the whole row follows the questions; -3: no answer may accept any, then go on trying.
    """
    s = np.float64(share) if len(block.back) > 0 else 1.0 / (high - low)
    fold = bias.excess * s / (bias.envelope + bias.excess * s)
    sure, most, wanted = min(bias.near, bias.far), max(bias.near, bias.far), bias.near > bias.far
    here, asked = before % block.among == block.number, used[CANDIDATES]
    first, last = (block.indptr[before // block.among], block.indptr[before // block.among + 1]) if here else (0, 0)
    limit = max(MAX_TRIES, high - low)
    for attempt in range(tried, limit):
        if used[CANDIDATES] - asked == MAX_TRIES:
            return -3, attempt
        if bias.excess > 0.0 and rng.to_unit(rng.draw_bits(of, step, attempt, RETURN)) < fold:
            edge = low + np.searchsorted(block.indices[low:high], before)
        else:
            edge = propose_edge(block, of, step, attempt, low, high)
            x, coin = block.indices[edge], rng.to_unit(rng.draw_bits(of, step, attempt, ACCEPT))
            if coin >= (bias.back if x == before else most):
                continue
            if x != before and coin >= sure:
                if not here:
                    add_candidate(block, edge, out, used)
                    continue
                if has_edge(block.indices, first, last, x) != wanted:
                    continue
        if used[CANDIDATES] == asked:
            return edge, attempt
        add_candidate(block, edge, out, used)
        return -1, attempt
    if not here:
        for edge in range(low, high):
            add_candidate(block, edge, out, used)
        parts = row_weights(block.slots, low, high)
        out.parts[used[PARTS] : used[PARTS] + len(parts)] = parts
        used[PARTS] += len(parts)
        return -2, limit
    near = np.empty(high - low, np.bool_)
    for k in range(high - low):
        near[k] = has_edge(block.indices, first, last, block.indices[low + k])
    u = rng.to_unit(rng.draw_bits(of, step, limit, EXACT))
    return low + sample_biased(block.indices[low:high], row_weights(block.slots, low, high), near, before, bias, u), limit


@njit(nogil=True)
def resolve_reply(block: Any, bias: Any, letters: Any, i: int, of: Any) -> Any:
    """The place of the candidate that a letter to this block, that of its node before, comes to; -1: none of them."""
    row = letters.before[i] // block.among
    low, high = block.indptr[row], block.indptr[row + 1]
    first, end = letters.ends[i], letters.ends[i + 1]
    parts = letters.parts[letters.part_ends[i] : letters.part_ends[i + 1]]
    questions = end - len(parts) - (1 if letters.sure[i] else 0)
    for place in range(first, questions):
        if has_edge(block.indices, low, high, letters.candidates[place]) == (bias.near > bias.far):
            return place
    if letters.sure[i]:
        return end - 1
    if len(parts) == 0:
        return -1
    near = np.empty(len(parts), np.bool_)
    for k in range(len(parts)):
        near[k] = has_edge(block.indices, low, high, letters.candidates[questions + k])
    u = rng.to_unit(rng.draw_bits(of, letters.step[i], letters.attempt[i], EXACT))
    return questions + sample_biased(letters.candidates[questions:end], parts, near, letters.before[i], bias, u)


@njit(inline="always")
def add_candidate(block: Any, edge: int, out: Any, used: Any) -> None:
    """Add an edge's node to the candidates."""
    out.candidates[used[CANDIDATES]] = block.indices[edge]
    out.shares[used[CANDIDATES]] = block.back[edge] if len(block.back) > 0 else np.float32(0.0)
    used[CANDIDATES] += 1


@njit(inline="always")
def send_message(out: Any, used: Any, walk: int, step: int, tried: int, at: Any, before: Any, share: Any, sure: bool) -> None:
    """Add a letter, with the candidates since the last one."""
    k = used[MESSAGES]
    out.walk[k], out.step[k], out.attempt[k], out.at[k], out.before[k] = walk, step, tried, at, before
    out.share[k], out.sure[k] = share, sure
    out.ends[k + 1], out.part_ends[k + 1] = used[CANDIDATES], used[PARTS]
    used[MESSAGES] += 1


@njit(inline="always")
def record_step(steps: Any, used: Any, walk: int, step: int, node: Any) -> None:
    """Add a step."""
    k = used[STEPS]
    steps.walk[k], steps.step[k], steps.node[k] = walk, step, node
    used[STEPS] += 1
