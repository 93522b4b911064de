"""The two Triton kernels that `triton_step` launches: gradients of a batch, and the bounded update of a table.

Tiles have ROWS >= TILE centres, contexts in blocks of BLOCK, negatives in blocks of SHARES; the tables' DIM columns are padded
to WIDE. Products are of float32, added up in float32. Annotations say `tl.tensor`, of pointers and numbers too, because
Triton reads the names in a signature and knows only its own. A slot is the place of the batch that accumulates a row's sums.
"""

import triton
import triton.language as tl

__all__ = ["apply_kernel", "gradients_kernel"]


@triton.jit
def load_rows(table: tl.tensor, rows: tl.tensor, valid: tl.tensor, DIM: tl.constexpr, WIDE: tl.constexpr) -> tl.tensor:
    """Load (places, WIDE) float32 of a table's rows, 0 where not valid."""
    column = tl.arange(0, WIDE)
    offset = rows.to(tl.int64)[:, None] * DIM + column[None, :]
    return tl.load(table + offset, mask=valid[:, None] & (column < DIM)[None, :], other=0.0).to(tl.float32)


@triton.jit
def load_pair_weights(
    distance_weights: tl.tensor, window: tl.tensor, i: tl.tensor, is_centre: tl.tensor, j: tl.tensor, is_context: tl.tensor
) -> tl.tensor:
    """Load (centres, contexts) float32: 0 beyond the window and outside the walk; on the diagonal the first weight, 0."""
    distance = tl.abs(i[:, None] - j[None, :])
    in_window = (distance <= window) & is_centre[:, None] & is_context[None, :]
    return tl.load(distance_weights + distance, mask=in_window, other=0.0)


@triton.jit
def log_sigmoid(x: tl.tensor) -> tl.tensor:
    """Return log(sigmoid(x)), finite for every finite x."""
    return tl.minimum(x, 0.0) - tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit
def accumulate_rows(
    sums: tl.tensor, curvatures: tl.tensor, slots: tl.tensor, valid: tl.tensor, directions: tl.tensor, curvature: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr,
) -> None:  # fmt: skip
    """Add directions (places, WIDE) to sums[slots] and curvature (places,) to curvatures[slots], by atomics."""
    column = tl.arange(0, WIDE)
    offset = slots.to(tl.int64)[:, None] * DIM + column[None, :]
    tl.atomic_add(sums + offset, directions, mask=valid[:, None] & (column < DIM)[None, :], sem="relaxed")
    tl.atomic_add(curvatures + slots, curvature, mask=valid, sem="relaxed")


@triton.jit
def gradients_kernel(
    vector: tl.tensor, context: tl.tensor, vector_sums: tl.tensor, context_sums: tl.tensor, vector_curvature: tl.tensor,
    context_curvature: tl.tensor, walks: tl.tensor, walk_slots: tl.tensor, lengths: tl.tensor, negative_rows: tl.tensor,
    negative_slots: tl.tensor, max_length: tl.tensor, max_tiles: tl.tensor, distance_weights: tl.tensor, window: tl.tensor,
    negative_scale: tl.tensor, totals: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr, TILE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
    SHARED: tl.constexpr, SHARES: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    """Add a walk's directions and curvatures to the slots of their rows, loss and weight to the totals; one program a walk."""
    walk = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + walk).to(tl.int32)
    walks += walk * max_length
    walk_slots += walk * max_length
    loss, weight = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
    for tile in range(tl.where(length > 1, tl.cdiv(length, TILE), 0)):
        first_centre = tile * TILE
        i = first_centre + tl.arange(0, ROWS)
        is_centre = (i < first_centre + TILE) & (i < length)
        x = load_rows(vector, tl.load(walks + i, mask=is_centre, other=0), is_centre, DIM, WIDE)
        centre_curvature = tl.sum(x * x, 1) * 0.25
        centre_weight, curvature = tl.zeros([ROWS], tl.float32), tl.zeros([ROWS], tl.float32)
        direction = tl.zeros([ROWS, WIDE], tl.float32)
        end_context = tl.minimum(length, first_centre + TILE + window)
        for begin in range(tl.maximum(0, first_centre - window), end_context, BLOCK):
            j = begin + tl.arange(0, BLOCK)
            is_context = j < end_context
            c = load_rows(context, tl.load(walks + j, mask=is_context, other=0), is_context, DIM, WIDE)
            pair_weights = load_pair_weights(distance_weights, window, i, is_centre, j, is_context)
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            centre_weight += tl.sum(pair_weights, 1)
            loss -= tl.sum(pair_weights * log_sigmoid(scores), 1)
            curvature += tl.sum(pair_weights * (tl.sum(c * c, 1) * 0.25)[None, :], 1)
            attraction = pair_weights * tl.sigmoid(-scores)
            direction += tl.dot(attraction, c, input_precision=PRECISION)
            context_direction = tl.dot(tl.trans(attraction), x, input_precision=PRECISION)
            slots = tl.load(walk_slots + j, mask=is_context, other=0)
            curvatures = tl.sum(pair_weights * centre_curvature[:, None], 0)
            accumulate_rows(context_sums, context_curvature, slots, is_context, context_direction, curvatures, DIM, WIDE)
        weight += centre_weight
        negative_weight = centre_weight * negative_scale
        negative_curvature = tl.sum(negative_weight * centre_curvature, 0)
        first_negative = (walk * max_tiles + tile) * SHARED
        for begin in range(0, SHARED, SHARES):
            k = begin + tl.arange(0, SHARES)
            is_negative = k < SHARED
            c = load_rows(
                context, tl.load(negative_rows + first_negative + k, mask=is_negative, other=0), is_negative, DIM, WIDE
            )
            scores = tl.dot(x, tl.trans(c), input_precision=PRECISION)
            repulsion = tl.where(is_negative[None, :], negative_weight[:, None], 0.0)
            loss -= tl.sum(repulsion * log_sigmoid(-scores), 1)
            curvature += negative_weight * (tl.sum(tl.sum(c * c, 1), 0) * 0.25)
            repulsion *= tl.sigmoid(scores)
            direction -= tl.dot(repulsion, c, input_precision=PRECISION)
            context_direction = -tl.dot(tl.trans(repulsion), x, input_precision=PRECISION)
            slots = tl.load(negative_slots + first_negative + k, mask=is_negative, other=0)
            curvatures = tl.zeros([SHARES], tl.float32) + negative_curvature
            accumulate_rows(context_sums, context_curvature, slots, is_negative, context_direction, curvatures, DIM, WIDE)
        slots = tl.load(walk_slots + i, mask=is_centre, other=0)
        accumulate_rows(vector_sums, vector_curvature, slots, is_centre, direction, curvature, DIM, WIDE)
    tl.atomic_add(totals, tl.sum(loss, 0), sem="relaxed")
    tl.atomic_add(totals + 1, tl.sum(weight, 0), sem="relaxed")


@triton.jit
def apply_kernel(
    table: tl.tensor, sums: tl.tensor, curvatures: tl.tensor, rows: tl.tensor, slots: tl.tensor,
    num_places: tl.tensor, learning_rate: tl.tensor, seed: tl.tensor, table_index: tl.tensor,
    DIM: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr, DITHER: tl.constexpr,
) -> None:  # fmt: skip
    """Update the rows whose slots are among a program's BLOCK places, at the rate that the curvature allows.

    DITHER, for bfloat16: its 8 bits would lose every addition below half the unit in the last place of the value it meets.
    The sum is rounded up with the probability of what is cut off instead: right on average, never off by a whole unit. The
    draw is keyed by (seed, table_index, row, column), not by when it happens.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = place < num_places
    row = tl.load(rows + place, mask=valid, other=0)
    valid &= tl.load(slots + place, mask=valid, other=-1) == place
    curvature = tl.load(curvatures + place, mask=valid, other=0.0)
    valid &= curvature > 0.0  # 0: the row has no pair, or pairs with rows of zeros alone, which give no gradient
    step_size = learning_rate / tl.maximum(curvature * learning_rate * 0.5, 1.0)
    change = load_rows(sums, place, valid, DIM, WIDE) * step_size[:, None]
    new = load_rows(table, row, valid, DIM, WIDE) + change
    column = tl.arange(0, WIDE)
    if DITHER:
        key = row[:, None] + 0 * column[None, :]
        zero = key * 0
        # Seven rounds of Philox pass BigCrush (Salmon et al. 2011).
        random, _, _, _ = tl.philox(seed, key, zero + column[None, :], zero + table_index, zero, 7)
        bits = new.to(tl.int32, bitcast=True) + (random & 0xFFFF).to(tl.int32)
        new = (bits & -65536).to(tl.float32, bitcast=True)
    offset = row.to(tl.int64)[:, None] * DIM + column[None, :]
    tl.store(table + offset, new.to(table.dtype.element_ty), mask=valid[:, None] & (column < DIM)[None, :])
