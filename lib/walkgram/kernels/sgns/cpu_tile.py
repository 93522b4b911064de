"""One tile of the fused skip-gram kernel: its rows copied to a worker's room, scores, directions, and the bounded step.

A tile's rows lie in the room as centres, contexts, negatives; their directions in the same order behind them.
"""

import math
from typing import Any

import numpy as np

from walkgram import rng
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address
from walkgram.kernels.sgns import simd

__all__ = [
    "accumulate_centre",
    "apply_bounded_update",
    "draw_tile_negatives",
    "gather_tile",
    "prefetch_row",
    "sigmoid",
    "subsample",
    "tile_loss",
]

# Products may fuse into sums, but no sum may be reordered: what LLVM makes of a function differs between a process that
# compiles it and one that loads it from numba's cache, and the vectors of a seed must not.
sgns_jit = njit(fastmath={"contract"}, nogil=True, error_model="numpy")
ONE, HALF, QUARTER = np.float32(1), np.float32(0.5), np.float32(0.25)


@njit(inline="always")
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) to a relative 1e-4 (1e-5 within 10): exp is the 64th power of a Taylor series, all vector code."""
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
def gather_row(table: Any, row: Any, rows: Any, at: Any, squares: Any) -> Any:
    """rows[at] = table[row], and zeros for its direction; its square, also in squares[at]."""
    for k in range(table.shape[1]):
        rows[at, k] = table[row, k]
    direction = at + rows.shape[0] // 2
    for k in range(rows.shape[1]):
        rows[direction, k] = 0
    simd.dot_row(rows, at, rows, at, squares, at)
    return squares[at]


@sgns_jit
def prefetch_row(table: Any, row: Any) -> None:
    """Ask for a row that is read soon."""
    line = table[row]
    for k in range(0, len(line), simd.SIMD_WIDTH):
        prefetch_address(line, np.uint64(k))


@sgns_jit
def draw_tile_negatives(places: Any, at: Any, count: Any, slots: Any, of: Any, tile: Any) -> None:
    """The negatives of a tile: a function of (seed, epoch, walk, tile)."""
    n = np.uint64(len(slots))
    for k in range(count):
        word = rng.draw_bits(of, tile, k, 0)
        slot = np.int64(rng.scale_below(word, n))
        kept = np.uint32((word * n) >> np.uint64(32)) <= slots[slot, 0]
        places[at + k] = slot if kept else np.int64(slots[slot, 1])


@sgns_jit
def subsample(values: Any, start: Any, length: Any, keep: Any, coins: Any, out: Any, at: Any) -> Any:
    """Copy a walk's tokens, values[start : start + length], to out[at:] but those that subsampling takes; how many stay."""
    left = at
    for i in range(length):
        row = values[start + i]
        if keep[row] >= ONE or rng.to_unit(rng.draw_bits(coins, i, 0, 0)) < keep[row]:
            out[left] = row
            left += 1
    return left - at


@sgns_jit
def gather_tile(
    vector: Any, context: Any, walk: Any, a: Any, b: Any, first: Any, last: Any, contexts: Any, negatives: Any, shared: Any,
    rows: Any, squares: Any, places: Any,
) -> Any:  # fmt: skip
    """Copy a tile's rows: centres [a, b), contexts [first, last), negatives; sums of squares of all, and of the negatives."""
    everything, beyond = np.float32(0), np.float32(0)
    for i in range(a, b):
        row = np.int64(walk[i])
        places[i - a] = row
        everything += gather_row(vector, row, rows, i - a, squares)
    for j in range(first, last):
        at = contexts + j - first
        places[at] = np.int64(walk[j])
        everything += gather_row(context, places[at], rows, at, squares)
    for at in range(negatives, negatives + shared):
        beyond += gather_row(context, places[at], rows, at, squares)
    return everything + beyond, beyond


@sgns_jit
def accumulate_centre(
    i: Any, at: Any, first: Any, length: Any, rows: Any, by: Any, scores: Any, squares: Any, curves: Any, beyond: Any, law: Any
) -> Any:
    """Coefficients and direction of centre `at` (position i); the weight of its contexts.

    squares (m,): |row|^2 of the tile's rows; `beyond`: their sum over the negatives; curves (m,) gains what the centre adds
    to the curvature of its contexts.
    """
    weights, sums, tile, shared, share = law
    width, half = len(weights), rows.shape[0] // 2
    window, negatives = width // 2, 2 * tile + width - 1
    low, high = max(0, i - window), min(length, i + window + 1)
    shift, from_row, base = low - i + window, tile + low - first, at * len(scores)
    simd.dot_rows(rows, at, rows, from_row, from_row + high - low, scores, shift)
    simd.dot_rows(rows, at, rows, negatives, negatives + shared, scores, width)
    for s in range(shift, shift + high - low):
        by[base + s] = weights[s] * sigmoid(-scores[s])
    weight = sums[shift + high - low] - sums[shift]
    each, own, curvature = weight * share, QUARTER * squares[at], np.float32(0)
    for k in range(width, len(scores)):
        by[base + k] = -each * sigmoid(scores[k])
    for s in range(high - low):
        curves[from_row + s] += weights[shift + s] * own
    for s in range(high - low):  # apart: a sum keeps a loop from becoming vector code
        curvature += weights[shift + s] * squares[from_row + s]
    simd.add_rows(rows, half + at, rows, from_row, from_row + high - low, by, base + shift, 1)
    simd.add_rows(rows, half + at, rows, negatives, negatives + shared, by, base + width, 1)
    curves[at] = QUARTER * (curvature + each * beyond)
    return weight


@sgns_jit
def tile_loss(i: Any, length: Any, scores: Any, weights: Any, each: Any) -> Any:
    """The loss of the centre at position i, from its scores."""
    window, loss = len(weights) // 2, 0.0
    for s in range(max(0, window - i), min(len(weights), length - i + window)):
        loss += weights[s] * softplus(-scores[s])
    for k in range(len(weights), len(scores)):
        loss += each * softplus(scores[k])
    return loss


@sgns_jit
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), finite at any x."""
    return max(float(x), 0.0) + math.log1p(math.exp(-abs(float(x))))


@sgns_jit
def apply_bounded_update(
    table: Any, low: Any, high: Any, rate: Any, rows: Any, places: Any, curves: Any, curved: Any, pace: Any
) -> None:
    """table += rate * directions of the tile's rows [low, high), no row further than is stable (`sgns.climb`).

    pace (n,), or (0,): gains each row's step times its curvature.
    """
    half = rows.shape[0] // 2
    for r in range(low, high):
        curved[places[r]] += curves[r]
    for r in range(low, high):
        to, by = places[r], rate / max(ONE, curved[places[r]] * rate * HALF)
        for k in range(table.shape[1]):
            table[to, k] += by * rows[half + r, k]
    for r in range(low, high):
        if len(pace):
            pace[places[r]] += rate * curved[places[r]] / max(ONE, curved[places[r]] * rate * HALF)
        curved[places[r]] = 0
