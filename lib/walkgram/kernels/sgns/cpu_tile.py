"""The parts of one tile's step: gather its rows, accumulate its directions, apply the bounded update.

A tile's rows lie in the workspace as centres, contexts, negatives; their ascent directions follow in the same order.
"""

import math
from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Float32Array, Float32Matrix, Int32Array, Int64Array
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address
from walkgram.kernels.sgns import simd
from walkgram.kernels.sgns.compile import sgns_jit
from walkgram.kernels.sgns.params import SgnsTables, Workspace

__all__ = [
    "TileArrays",
    "TileSpan",
    "accumulate_centre",
    "apply_bounded_update",
    "gather_tile",
    "locate_tile",
    "prefetch_tile",
    "sigmoid",
    "tile_loss",
]

ONE, HALF, QUARTER = np.float32(1), np.float32(0.5), np.float32(0.25)


class TileSpan(NamedTuple):
    """The place of a tile: centres [first_centre, end_centre), contexts [first_context, end_context), in a walk of `length`.

    In the workspace its centres begin at row 0, its contexts at `context_row`, its negatives at `negative_row`; they end at
    `end_row`.
    """

    first_centre: int
    end_centre: int
    first_context: int
    end_context: int
    length: int
    context_row: int
    negative_row: int
    end_row: int


class TileArrays(NamedTuple):
    """The arrays of `SgnsParams` and `Workspace` that a centre needs: numba passes and counts every array of a record."""

    window_weights: Float32Array
    weight_sums: Float32Array
    rows: Float32Matrix
    coefficients: Float32Array
    scores: Float32Array
    squared_norms: Float32Array
    curvatures: Float32Array


@njit(inline="always")
def sigmoid(x: np.float32) -> np.float32:
    """Return 1 / (1 + exp(-x)) to a relative 1e-4 (1e-5 within 10): exp is the 64th power of a Taylor series, vectorisable."""
    t = min(max(x, np.float32(-30)), np.float32(30)) * np.float32(-1 / 64)
    e = np.float32(1 / 120) + t * np.float32(1 / 720)
    e = ONE + t * (ONE + t * (HALF + t * (np.float32(1 / 6) + t * (np.float32(1 / 24) + t * e))))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return ONE / (ONE + e)


@sgns_jit
def prefetch_row(table: Float32Matrix, row: int) -> None:
    """Prefetch a row of a table into the cache."""
    line = table[row]
    for k in range(0, len(line), simd.SIMD_WIDTH):
        prefetch_address(line, np.uint64(k))


@sgns_jit
def locate_tile(first_centre: int, length: int, tile_size: int, window: int, shared_negatives: int) -> TileSpan:
    """Return the span of the tile that begins at a centre of a walk of `length` tokens."""
    end_centre, first_context = min(length, first_centre + tile_size), max(0, first_centre - window)
    end_context, negative_row = min(length, first_centre + tile_size + window), 2 * tile_size + 2 * window
    end_row = negative_row + shared_negatives
    return TileSpan(first_centre, end_centre, first_context, end_context, length, tile_size, negative_row, end_row)


@sgns_jit
def prefetch_tile(tables: SgnsTables, walk: Int32Array, span: TileSpan, row_indices: Int64Array) -> None:
    """Prefetch the rows of a tile's negatives, and those of the walk's next tile."""
    vector, context, tile_size = tables.vector, tables.context, span.context_row
    for r in range(span.negative_row, span.end_row):
        prefetch_row(context, row_indices[r])
    for i in range(span.end_centre, min(span.length, span.end_centre + tile_size)):
        prefetch_row(vector, walk[i])
    for j in range(span.end_context, min(span.length, span.end_context + tile_size)):
        prefetch_row(context, walk[j])


@sgns_jit
def gather_row(table: Float32Matrix, row: np.int64, rows: Float32Matrix, at: int, squared_norms: Float32Array) -> np.float32:
    """Copy table[row] to rows[at], clear its direction, and return its squared norm, also in squared_norms[at]."""
    for k in range(table.shape[1]):
        rows[at, k] = table[row, k]
    direction = at + rows.shape[0] // 2
    for k in range(rows.shape[1]):
        rows[direction, k] = 0
    simd.dot_row(rows, at, rows, at, squared_norms, at)
    squared_norm: np.float32 = squared_norms[at]
    return squared_norm


@sgns_jit
def gather_tile(
    tables: SgnsTables,
    walk: Int32Array,
    span: TileSpan,
    rows: Float32Matrix,
    squared_norms: Float32Array,
    row_indices: Int64Array,
) -> tuple[np.float32, np.float32]:
    """Copy a tile's rows to the workspace, whose row_indices hold the negatives already, and write the other row_indices.

    Return the sums of the squared norms of all rows, and of the negatives alone.
    """
    vector, context = tables.vector, tables.context
    pair_norms, negative_norms = np.float32(0), np.float32(0)
    for i in range(span.first_centre, span.end_centre):
        row = np.int64(walk[i])
        row_indices[i - span.first_centre] = row
        pair_norms += gather_row(vector, row, rows, i - span.first_centre, squared_norms)
    for j in range(span.first_context, span.end_context):
        at = span.context_row + j - span.first_context
        row_indices[at] = np.int64(walk[j])
        pair_norms += gather_row(context, row_indices[at], rows, at, squared_norms)
    for at in range(span.negative_row, span.end_row):
        negative_norms += gather_row(context, row_indices[at], rows, at, squared_norms)
    return pair_norms + negative_norms, negative_norms


@sgns_jit
def accumulate_centre(
    position: int, span: TileSpan, arrays: TileArrays, negative_scale: np.float32, negative_norms: np.float32
) -> np.float32:
    """Compute the coefficients, direction and curvature of the centre at a position; return the weight of its contexts.

    negative_norms: the sum of the negatives' squared norms. The contexts' curvatures gain what the centre adds to them.
    """
    window_weights, weight_sums, rows, coefficients, scores, squared_norms, curvatures = arrays
    width, half = len(window_weights), rows.shape[0] // 2
    centre, negatives = position - span.first_centre, span.negative_row
    window = width // 2
    low, high = max(0, position - window), min(span.length, position + window + 1)
    first_offset, context = low - position + window, span.context_row + low - span.first_context
    base = centre * len(scores)
    simd.dot_rows(rows, centre, rows, context, context + high - low, scores, first_offset)
    simd.dot_rows(rows, centre, rows, negatives, span.end_row, scores, width)
    for s in range(first_offset, first_offset + high - low):
        coefficients[base + s] = window_weights[s] * sigmoid(-scores[s])
    weight: np.float32 = weight_sums[first_offset + high - low] - weight_sums[first_offset]
    negative_weight, centre_curvature = weight * negative_scale, QUARTER * squared_norms[centre]
    curvature = np.float32(0)
    for k in range(width, len(scores)):
        coefficients[base + k] = -negative_weight * sigmoid(scores[k])
    for s in range(high - low):
        curvatures[context + s] += window_weights[first_offset + s] * centre_curvature
    for s in range(high - low):  # a loop of its own: a sum in it keeps LLVM from vectorising
        curvature += window_weights[first_offset + s] * squared_norms[context + s]
    simd.add_rows(rows, half + centre, rows, context, context + high - low, coefficients, base + first_offset, 1)
    simd.add_rows(rows, half + centre, rows, negatives, span.end_row, coefficients, base + width, 1)
    curvatures[centre] = QUARTER * (curvature + negative_weight * negative_norms)
    return weight


@sgns_jit
def tile_loss(
    position: int, length: int, scores: Float32Array, window_weights: Float32Array, negative_weight: np.float32
) -> float:
    """Return the loss of the centre at a position of a walk of `length` tokens, from its scores."""
    window, loss = len(window_weights) // 2, 0.0
    for s in range(max(0, window - position), min(len(window_weights), length - position + window)):
        loss += window_weights[s] * softplus(-scores[s])
    for k in range(len(window_weights), len(scores)):
        loss += float(negative_weight) * softplus(scores[k])
    return loss


@sgns_jit
def softplus(x: np.float32) -> float:
    """Return log(1 + exp(x)), finite for every finite x."""
    return max(float(x), 0.0) + math.log1p(math.exp(-abs(float(x))))


@sgns_jit
def apply_bounded_update(
    table: Float32Matrix, table_index: int, low: int, high: int, learning_rate: np.float32, workspace: Workspace
) -> None:
    """Add learning_rate * direction of the tile's rows [low, high) to the table, each row no further than is stable.

    `torch_step.apply_bounded_update` has the bound. Where the workspace has a step curvature, its row `table_index` gains
    each row's step times its curvature.
    """
    rows, row_indices, step_curvature = workspace.rows, workspace.row_indices, workspace.step_curvature
    curvatures, curvature_by_row = workspace.curvatures, workspace.curvature_by_row
    half = rows.shape[0] // 2
    for r in range(low, high):
        curvature_by_row[row_indices[r]] += curvatures[r]
    for r in range(low, high):
        row = row_indices[r]
        step_size = learning_rate / max(ONE, curvature_by_row[row] * learning_rate * HALF)
        for k in range(table.shape[1]):
            table[row, k] += step_size * rows[half + r, k]
    for r in range(low, high):
        row = row_indices[r]
        if step_curvature.shape[1]:
            curvature = curvature_by_row[row]
            step_curvature[table_index, row] += learning_rate * curvature / max(ONE, curvature * learning_rate * HALF)
        curvature_by_row[row] = 0
