"""The Triton kernels of `sgns_triton.step`, which launches them and says what they do and what they are given.

Tiles of ROWS >= TILE centres, contexts in blocks of BLOCK, negatives in blocks of SHARES, the tables' DIM columns padded to
WIDE; products of float32, added up in float32. Annotations say `tl.tensor`, of pointers and numbers too, because Triton
reads the names in a signature and knows only its own.
"""

import triton
import triton.language as tl

__all__ = ["apply_kernel", "gradients_kernel"]


@triton.jit
def values(table: tl.tensor, rows: tl.tensor, valid: tl.tensor, DIM: tl.constexpr, WIDE: tl.constexpr) -> tl.tensor:
    """(places, WIDE) float32 of a table's rows, 0 where not valid."""
    column = tl.arange(0, WIDE)
    at = rows.to(tl.int64)[:, None] * DIM + column[None, :]
    return tl.load(table + at, mask=valid[:, None] & (column < DIM)[None, :], other=0.0).to(tl.float32)


@triton.jit
def pair_weights(
    window_weights: tl.tensor, window: tl.tensor, i: tl.tensor, mine: tl.tensor, j: tl.tensor, theirs: tl.tensor
) -> tl.tensor:
    """(centres, contexts) float32; beyond the window and outside the walk 0, by its first entry on the diagonal 0."""
    apart = tl.abs(i[:, None] - j[None, :])
    inside = (apart <= window) & mine[:, None] & theirs[None, :]
    return tl.load(window_weights + apart, mask=inside, other=0.0)


@triton.jit
def log_sigmoid(x: tl.tensor) -> tl.tensor:
    """Finite for every finite x."""
    return tl.minimum(x, 0.0) - tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit
def add(
    sums: tl.tensor, curvatures: tl.tensor, slots: tl.tensor, valid: tl.tensor, more: tl.tensor, curvature: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr,
) -> None:  # fmt: skip
    """sums[slots] += more, (places, WIDE), and curvatures[slots] += curvature, (places,), by atomics."""
    column = tl.arange(0, WIDE)
    at = slots.to(tl.int64)[:, None] * DIM + column[None, :]
    tl.atomic_add(sums + at, more, mask=valid[:, None] & (column < DIM)[None, :], sem="relaxed")
    tl.atomic_add(curvatures + slots, curvature, mask=valid, sem="relaxed")


@triton.jit
def gradients_kernel(
    vector: tl.tensor, context: tl.tensor, vector_sums: tl.tensor, context_sums: tl.tensor,
    vector_curvature: tl.tensor, context_curvature: tl.tensor,
    walks: tl.tensor, walk_slots: tl.tensor, lengths: tl.tensor, negative: tl.tensor, negative_slots: tl.tensor,
    longest: tl.tensor, most: tl.tensor, window_weights: tl.tensor, window: tl.tensor, share: tl.tensor, totals: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr, TILE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
    SHARED: tl.constexpr, SHARES: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    """One program a walk: its directions and curvatures to the slots of their rows, its loss and weight to the totals."""
    walk = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + walk).to(tl.int32)
    walks += walk * longest
    walk_slots += walk * longest
    count = tl.where(length > 1, tl.cdiv(length, TILE), 0)
    loss, weight = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
    for tile in range(count):
        first = tile * TILE
        i = first + tl.arange(0, ROWS)
        mine = (i < first + TILE) & (i < length)
        x = values(vector, tl.load(walks + i, mask=mine, other=0), mine, DIM, WIDE)
        own = tl.sum(x * x, 1) * 0.25
        total, curvature = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
        direction = tl.zeros([ROWS, WIDE], tl.float32)
        stop = tl.minimum(length, first + TILE + window)
        for begin in range(tl.maximum(0, first - window), stop, BLOCK):
            j = begin + tl.arange(0, BLOCK)
            theirs = j < stop
            c = values(context, tl.load(walks + j, mask=theirs, other=0), theirs, DIM, WIDE)
            weights = pair_weights(window_weights, window, i, mine, j, theirs)
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            total += tl.sum(weights, 1)
            loss -= tl.sum(weights * log_sigmoid(scores), 1)
            curvature += tl.sum(weights * (tl.sum(c * c, 1) * 0.25)[None, :], 1)
            pull = weights * tl.sigmoid(-scores)
            direction += tl.dot(pull, c, input_precision=PRECISION)
            more = tl.dot(tl.trans(pull), x, input_precision=PRECISION)
            slots = tl.load(walk_slots + j, mask=theirs, other=0)
            add(context_sums, context_curvature, slots, theirs, more, tl.sum(weights * own[:, None], 0), DIM, WIDE)
        weight += total
        each = total * share
        pushed = tl.sum(each * own, 0)
        drawn = (walk * most + tile) * SHARED
        for begin in range(0, SHARED, SHARES):
            k = begin + tl.arange(0, SHARES)
            far = k < SHARED
            c = values(context, tl.load(negative + drawn + k, mask=far, other=0), far, DIM, WIDE)
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            push = tl.where(far[None, :], each[:, None], 0.0)
            loss -= tl.sum(push * log_sigmoid(-scores), 1)
            curvature += each * (tl.sum(tl.sum(c * c, 1), 0) * 0.25)
            push *= tl.sigmoid(scores)
            direction -= tl.dot(push, c, input_precision=PRECISION)
            more = -tl.dot(tl.trans(push), x, input_precision=PRECISION)
            slots = tl.load(negative_slots + drawn + k, mask=far, other=0)
            add(context_sums, context_curvature, slots, far, more, tl.zeros([SHARES], tl.float32) + pushed, DIM, WIDE)
        slots = tl.load(walk_slots + i, mask=mine, other=0)
        add(vector_sums, vector_curvature, slots, mine, direction, curvature, DIM, WIDE)
    tl.atomic_add(totals, tl.sum(loss, 0), sem="relaxed")
    tl.atomic_add(totals + 1, tl.sum(weight, 0), sem="relaxed")


@triton.jit
def apply_kernel(
    table: tl.tensor, sums: tl.tensor, curvatures: tl.tensor, rows: tl.tensor, slots: tl.tensor,
    places: tl.tensor, rate: tl.tensor, seed: tl.tensor, kind: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr, DITHER: tl.constexpr,
) -> None:  # fmt: skip
    """BLOCK places a program: those that are the slots of their rows move them, at the rate that the curvature allows.

    DITHER, for bfloat16: its 8 bits would lose every addition below half the unit in the last place of the value it meets.
    The sum is rounded up with the probability of what is cut off instead: right on average, never off by a whole unit. The
    draw is keyed by (seed, table, row, column), not by when it happens.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = place < places
    row = tl.load(rows + place, mask=valid, other=0)
    valid &= tl.load(slots + place, mask=valid, other=-1) == place
    curvature = tl.load(curvatures + place, mask=valid, other=0.0)
    valid &= curvature > 0.0  # no pair, or none but of rows of zeros, from which no gradient comes
    allowed = rate / tl.maximum(curvature * rate * 0.5, 1.0)
    more = values(sums, place, valid, DIM, WIDE) * allowed[:, None]
    new = values(table, row, valid, DIM, WIDE) + more
    column = tl.arange(0, WIDE)
    if DITHER:
        key = row[:, None] + 0 * column[None, :]
        zero = key * 0
        # Seven rounds of Philox pass BigCrush (Salmon et al. 2011).
        drawn, _, _, _ = tl.philox(seed, key, zero + column[None, :], zero + kind, zero, 7)
        bits = new.to(tl.int32, bitcast=True) + (drawn & 0xFFFF).to(tl.int32)
        new = (bits & -65536).to(tl.float32, bitcast=True)
    at = row.to(tl.int64)[:, None] * DIM + column[None, :]
    tl.store(table + at, new.to(table.dtype.element_ty), mask=valid[:, None] & (column < DIM)[None, :])
