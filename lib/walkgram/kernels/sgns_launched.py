"""The Triton kernels of `sgns_triton.step`, which launches them and says what they do and what they are given.

One program a walk; tiles of ROWS >= TILE centres, contexts in blocks of BLOCK, negatives in blocks of SHARES, the tables'
DIM columns padded to WIDE; products of float32, added up in float32.
"""

from typing import Any

import triton
import triton.language as tl

__all__ = ["clear_kernel", "climb_kernel", "curvature_kernel"]


@triton.jit
def values(table: Any, rows: Any, valid: Any, DIM: tl.constexpr, WIDE: tl.constexpr) -> Any:
    """(places, WIDE) float32 of a table's rows, 0 where not valid."""
    column = tl.arange(0, WIDE)
    at = rows.to(tl.int64)[:, None] * DIM + column[None, :]
    return tl.load(table + at, mask=valid[:, None] & (column < DIM)[None, :], other=0.0).to(tl.float32)


@triton.jit
def pair_weights(window_weights: Any, window: Any, i: Any, mine: Any, j: Any, theirs: Any) -> Any:
    """(centres, contexts) float32; beyond the window and outside the walk 0, by its first entry on the diagonal 0."""
    apart = tl.abs(i[:, None] - j[None, :])
    inside = (apart <= window) & mine[:, None] & theirs[None, :]
    return tl.load(window_weights + apart, mask=inside, other=0.0)


@triton.jit
def bounded(curvatures: Any, rows: Any, valid: Any, rate: Any) -> Any:
    """(places,) float32: the rate, no more than is stable (`sgns.climb`)."""
    return rate / tl.maximum(tl.load(curvatures + rows, mask=valid, other=0.0) * rate * 0.5, 1.0)


@triton.jit
def log_sigmoid(x: Any) -> Any:
    """Finite for every finite x."""
    return tl.minimum(x, 0.0) - tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit
def add(
    table: Any, rows: Any, valid: Any, old: Any, more: Any, place: Any, tile: Any, kind: Any, seed: Any,
    DIM: tl.constexpr, WIDE: tl.constexpr, DITHER: tl.constexpr,
) -> None:  # fmt: skip
    """table[rows] += more, (places, WIDE), by atomics.

    DITHER, for bfloat16: its 8 bits would lose every addition below half the unit in the last place of the value it meets.
    The sum with `old`, the row as read, is rounded up with the probability of what is cut off, and the difference, whole
    multiples of the unit, is added: right on average, and exact unless another walk has since moved the value to another
    power of two. The draw is keyed by (seed, kind of place, walk, tile, place, column), not by when it happens.
    """
    column = tl.arange(0, WIDE)
    if DITHER:
        key = place[:, None] * WIDE + column[None, :]
        zero = key * 0
        # Seven rounds of Philox pass BigCrush (Salmon et al. 2011).
        drawn, _, _, _ = tl.philox(seed, key, zero + tile, zero + tl.program_id(0), zero + kind, 7)
        cut = (drawn & 0xFFFF).to(tl.int32)
        bits = (old + more).to(tl.int32, bitcast=True) + cut
        more = (bits & -65536).to(tl.float32, bitcast=True) - old
    at = rows.to(tl.int64)[:, None] * DIM + column[None, :]
    mask = valid[:, None] & (column < DIM)[None, :]
    tl.atomic_add(table + at, more.to(table.dtype.element_ty), mask=mask, sem="relaxed")


@triton.jit
def curvature_kernel(
    vector: Any, context: Any, vector_curvature: Any, context_curvature: Any,
    walks: Any, lengths: Any, negative: Any, longest: Any, most: Any,
    window_weights: Any, window: Any, share: Any,
    DIM: tl.constexpr, WIDE: tl.constexpr, TILE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
    SHARED: tl.constexpr, SHARES: tl.constexpr,
) -> None:  # fmt: skip
    """Adds the curvatures of a walk's places to those of their rows."""
    walk = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + walk).to(tl.int32)
    walks += walk * longest
    count = tl.where(length > 1, tl.cdiv(length, TILE), 0)
    for tile in range(count):
        first = tile * TILE
        i = first + tl.arange(0, ROWS)
        mine = (i < first + TILE) & (i < length)
        rows = tl.load(walks + i, mask=mine, other=0)
        x = values(vector, rows, mine, DIM, WIDE)
        own = tl.sum(x * x, 1) * 0.25
        total, curvature = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
        stop = tl.minimum(length, first + TILE + window)
        for begin in range(tl.maximum(0, first - window), stop, BLOCK):
            j = begin + tl.arange(0, BLOCK)
            theirs = j < stop
            near = tl.load(walks + j, mask=theirs, other=0)
            c = values(context, near, theirs, DIM, WIDE)
            weights = pair_weights(window_weights, window, i, mine, j, theirs)
            total += tl.sum(weights, 1)
            curvature += tl.sum(weights * (tl.sum(c * c, 1) * 0.25)[None, :], 1)
            tl.atomic_add(context_curvature + near, tl.sum(weights * own[:, None], 0), mask=theirs, sem="relaxed")
        each = total * share
        pushed = tl.sum(each * own, 0)
        drawn = negative + (walk * most + tile) * SHARED
        for begin in range(0, SHARED, SHARES):
            k = begin + tl.arange(0, SHARES)
            far = tl.load(drawn + k, mask=k < SHARED, other=0)
            c = values(context, far, k < SHARED, DIM, WIDE)
            curvature += each * (tl.sum(tl.sum(c * c, 1), 0) * 0.25)
            tl.atomic_add(context_curvature + far, tl.zeros([SHARES], tl.float32) + pushed, mask=k < SHARED, sem="relaxed")
        tl.atomic_add(vector_curvature + rows, curvature, mask=mine, sem="relaxed")


@triton.jit
def climb_kernel(
    vector: Any, context: Any, into_vector: Any, into_context: Any, vector_curvature: Any, context_curvature: Any,
    walks: Any, lengths: Any, negative: Any, longest: Any, most: Any,
    window_weights: Any, window: Any, share: Any, rate: Any, totals: Any, seed: Any,
    DIM: tl.constexpr, WIDE: tl.constexpr, TILE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
    SHARED: tl.constexpr, SHARES: tl.constexpr, DITHER: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    """Adds a walk's directions at their rows' rates, and its loss and weight to the totals."""
    walk = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + walk).to(tl.int32)
    walks += walk * longest
    count = tl.where(length > 1, tl.cdiv(length, TILE), 0)
    loss, weight = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
    for tile in range(count):
        first = tile * TILE
        i = first + tl.arange(0, ROWS)
        mine = (i < first + TILE) & (i < length)
        rows = tl.load(walks + i, mask=mine, other=0)
        x = values(vector, rows, mine, DIM, WIDE)
        total, direction = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS, WIDE], tl.float32)
        stop = tl.minimum(length, first + TILE + window)
        for begin in range(tl.maximum(0, first - window), stop, BLOCK):
            j = begin + tl.arange(0, BLOCK)
            theirs = j < stop
            near = tl.load(walks + j, mask=theirs, other=0)
            c = values(context, near, theirs, DIM, WIDE)
            weights = pair_weights(window_weights, window, i, mine, j, theirs)
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            total += tl.sum(weights, 1)
            loss -= tl.sum(weights * log_sigmoid(scores), 1)
            pull = weights * tl.sigmoid(-scores)
            direction += tl.dot(pull, c, input_precision=PRECISION)
            theirs_more = tl.dot(tl.trans(pull), x, input_precision=PRECISION)
            theirs_more *= bounded(context_curvature, near, theirs, rate)[:, None]
            add(into_context, near, theirs, c, theirs_more, j, tile, 1, seed, DIM, WIDE, DITHER)
        weight += total
        each = (total * share)[:, None]
        drawn = negative + (walk * most + tile) * SHARED
        for begin in range(0, SHARED, SHARES):
            k = begin + tl.arange(0, SHARES)
            far = tl.load(drawn + k, mask=k < SHARED, other=0)
            c = values(context, far, k < SHARED, DIM, WIDE)
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            push = tl.where((k < SHARED)[None, :], each, 0.0)
            loss -= tl.sum(push * log_sigmoid(-scores), 1)
            push *= tl.sigmoid(scores)
            direction -= tl.dot(push, c, input_precision=PRECISION)
            far_more = -tl.dot(tl.trans(push), x, input_precision=PRECISION)
            far_more *= bounded(context_curvature, far, k < SHARED, rate)[:, None]
            add(into_context, far, k < SHARED, c, far_more, k, tile, 2, seed, DIM, WIDE, DITHER)
        direction *= bounded(vector_curvature, rows, mine, rate)[:, None]
        add(into_vector, rows, mine, x, direction, i, tile, 0, seed, DIM, WIDE, DITHER)
    tl.atomic_add(totals, tl.sum(loss, 0), sem="relaxed")
    tl.atomic_add(totals + 1, tl.sum(weight, 0), sem="relaxed")


@triton.jit
def clear_kernel(
    vector_curvature: Any, context_curvature: Any, walks: Any, lengths: Any, negative: Any, longest: Any, most: Any,
    SHARED: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Zeros where a walk has put curvatures: O(places), not O(n)."""
    walk = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + walk).to(tl.int32)
    for begin in range(0, length, BLOCK):
        j = begin + tl.arange(0, BLOCK)
        rows = tl.load(walks + walk * longest + j, mask=j < length, other=0)
        tl.store(vector_curvature + rows, tl.zeros([BLOCK], tl.float32), mask=j < length)
        tl.store(context_curvature + rows, tl.zeros([BLOCK], tl.float32), mask=j < length)
    count = tl.where(length > 1, tl.cdiv(length, TILE), 0) * SHARED
    for begin in range(0, count, BLOCK):
        k = begin + tl.arange(0, BLOCK)
        rows = tl.load(negative + walk * most * SHARED + k, mask=k < count, other=0)
        tl.store(context_curvature + rows, tl.zeros([BLOCK], tl.float32), mask=k < count)
