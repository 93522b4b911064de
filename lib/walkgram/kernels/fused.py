"""Skip-gram with negative sampling on a CPU: walks in, two tables moved, tile by tile, with nothing written in between.

The mathematics is that of `walkgram.kernels.sgns` (its oracle), one tile of a walk a step: TILE centres, the contexts within
the window, K negatives that the tile shares. All of a tile fits the second cache; what is left is products of rows (`lanes`).
Small tiles matter twice: centres that share negatives share their noise, and steps taken at one point overshoot.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from walkgram import hashing
from walkgram.kernels import lanes
from walkgram.kernels.prefetch import prefetch

__all__ = ["Law", "Room", "law", "room", "train"]

FAST = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order; infinities and NaN stay what they are, and are found
jit = numba.njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
ONE, HALF, QUARTER = np.float32(1), np.float32(0.5), np.float32(0.25)


class Law(NamedTuple):
    """What is trained: window weights by distance -window..window (0 at 0), centres of a tile, negatives, their alias slots.

    weights (2 window + 1,) float32; slots (n, 2) uint32; keep (n,) float32: probability that a token of the row stays.
    """

    weights: NDArray[np.float32]
    tile: int
    shared: int
    each: np.float32
    slots: NDArray[np.uint32]
    keep: NDArray[np.float32]


class Room(NamedTuple):
    """One worker's scratch: the tile's rows and directions, its coefficients, and curvatures by table row (zeros between)."""

    rows: NDArray[np.float32]
    by: NDArray[np.float32]
    scores: NDArray[np.float32]
    squares: NDArray[np.float32]
    curves: NDArray[np.float32]
    curved: NDArray[np.float32]
    places: NDArray[np.int64]


def law(weights: NDArray[np.float32], tile: int, shared: int, negatives: float, slots: Any, keep: Any) -> Law:
    """A `Law`; weights (window + 1,) float32 by distance, 0 at 0; `negatives` is their weight a context."""
    both = np.concatenate([weights[:0:-1], weights])
    return Law(both, tile, shared if negatives else 0, np.float32(negatives / max(1, shared)), slots, keep)


def room(law: Law, n: int, dim: int) -> Room:
    """Scratch for tables (n, dim): 4 n bytes, and the tile's."""
    contexts = law.tile + len(law.weights) - 1
    rows = lanes.aligned(2 * (law.tile + contexts + law.shared), lanes.padded(dim))
    width = len(law.weights) + law.shared
    sizes = law.tile + contexts + law.shared
    by, scores = np.zeros(law.tile * width, np.float32), np.zeros(width, np.float32)
    squares, curves = np.zeros(sizes, np.float32), np.zeros(sizes, np.float32)
    return Room(rows, by, scores, squares, curves, np.zeros(n, np.float32), np.zeros(sizes, np.int64))


@numba.njit(inline="always")
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


@jit
def gather(table: Any, row: Any, rows: Any, at: Any, direction: Any) -> Any:
    """rows[at] = table[row], rows[direction] = 0; the row's square."""
    square = np.float32(0)
    for k in range(table.shape[1]):
        x = table[row, k]
        rows[at, k] = x
        square += x * x
    for k in range(rows.shape[1]):
        rows[direction, k] = 0
    return square


@jit
def ahead(table: Any, row: Any) -> None:
    """Ask for a row that is read soon."""
    line = table[row]
    for k in range(0, len(line), lanes.LANES):
        prefetch(line, np.uint64(k))


@jit
def draw(places: Any, at: Any, count: Any, slots: Any, of: Any, tile: Any) -> None:
    """The negatives of a tile: a function of (seed, epoch, walk, tile)."""
    n = np.uint64(len(slots))
    for k in range(count):
        word = hashing.bits(of, tile, k, 0)
        slot = np.int64(hashing.scale(word, n))
        kept = np.uint32((word * n) >> np.uint64(32)) <= slots[slot, 0]
        places[at + k] = slot if kept else np.int64(slots[slot, 1])


@jit
def load(
    vector: Any, context: Any, walk: Any, a: Any, b: Any, first: Any, last: Any, contexts: Any, negatives: Any, shared: Any,
    rows: Any, squares: Any, places: Any,
) -> Any:  # fmt: skip
    """Copy a tile's rows: centres [a, b), contexts [first, last), negatives; the sum of their squares, finite or not."""
    half, everything = rows.shape[0] // 2, np.float32(0)
    for i in range(a, b):
        row = np.int64(walk[i])
        places[i - a] = row
        square = gather(vector, row, rows, i - a, half + i - a)
        squares[i - a] = square
        everything += square
    for at in range(contexts, negatives + shared):
        if at < negatives:
            if at - contexts >= last - first:
                continue
            places[at] = np.int64(walk[first + at - contexts])
        square = gather(context, places[at], rows, at, half + at)
        squares[at] = square
        everything += square
    return everything


@jit
def centre(
    i: Any, at: Any, first: Any, length: Any, rows: Any, by: Any, scores: Any, squares: Any, curves: Any, law: Any
) -> Any:
    """Coefficients and direction of centre `at` (position i); the weight of its contexts.

    squares (m,): |row|^2 of the tile's rows; curves (m,) gains what the centre adds to the curvature of each.
    """
    weights, tile, shared, share = law
    width, half = len(weights), rows.shape[0] // 2
    window, negatives = width // 2, 2 * tile + width - 1
    low, high = max(0, i - window), min(length, i + window + 1)
    shift, from_row, base = low - i + window, tile + low - first, at * len(scores)
    lanes.dots(rows, at, rows, from_row, from_row + high - low, scores, shift)
    lanes.dots(rows, at, rows, negatives, negatives + shared, scores, width)
    weight, curvature, beyond = np.float32(0), np.float32(0), np.float32(0)
    for s in range(shift, shift + high - low):
        by[base + s] = weights[s] * sigmoid(-scores[s])
        weight += weights[s]
    each = weight * share
    for k in range(width, len(scores)):
        by[base + k] = -each * sigmoid(scores[k])
    own = QUARTER * squares[at]
    for s in range(high - low):
        curvature += weights[shift + s] * squares[from_row + s]
        curves[from_row + s] += weights[shift + s] * own
    for k in range(negatives, negatives + shared):
        beyond += squares[k]
        curves[k] += each * own
    lanes.add_rows(rows, half + at, rows, from_row, from_row + high - low, by, base + shift, 1)
    lanes.add_rows(rows, half + at, rows, negatives, negatives + shared, by, base + width, 1)
    curves[at] = QUARTER * (curvature + each * beyond)
    return weight


@jit
def lost(i: Any, length: Any, scores: Any, weights: Any, each: Any) -> Any:
    """The loss of the centre at position i, from its scores."""
    window, loss = len(weights) // 2, 0.0
    for s in range(max(0, window - i), min(len(weights), length - i + window)):
        loss += weights[s] * softplus(-scores[s])
    for k in range(len(weights), len(scores)):
        loss += each * softplus(scores[k])
    return loss


@jit
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), finite at any x."""
    return max(float(x), 0.0) + math.log1p(math.exp(-abs(float(x))))


@jit
def climb(table: Any, low: Any, high: Any, rate: Any, rows: Any, places: Any, curves: Any, curved: Any) -> None:
    """table += rate * directions of the tile's rows [low, high), no row further than is stable (`sgns.climb`)."""
    half = rows.shape[0] // 2
    for r in range(low, high):
        curved[places[r]] += curves[r]
    for r in range(low, high):
        to, by = places[r], rate / max(ONE, curved[places[r]] * rate * HALF)
        for k in range(table.shape[1]):
            table[to, k] += by * rows[half + r, k]
    for r in range(low, high):
        curved[places[r]] = 0


@jit
def step(vector: Any, context: Any, walk: Any, length: Any, a: Any, law: Any, of: Any, rate: Any, room: Any, told: Any) -> Any:
    """One tile: centres from a; (sum of the loss, its weight) where it is told. NaN: a row of the tile is not finite."""
    weights, tile, shared, share, slots, _ = law
    rows, by, scores, squares, curves, curved, places = room
    window, half, width = len(weights) // 2, rows.shape[0] // 2, len(scores)
    contexts, negatives = tile, 2 * tile + 2 * window
    b, first, last = min(length, a + tile), max(0, a - window), min(length, a + tile + window)
    draw(places, negatives, shared, slots, of, a // tile)
    for r in range(negatives, negatives + shared):
        ahead(context, places[r])
    for i in range(b, min(length, b + tile)):
        ahead(vector, walk[i])
    for j in range(last, min(length, last + tile)):
        ahead(context, walk[j])
    if not math.isfinite(load(vector, context, walk, a, b, first, last, tile, negatives, shared, rows, squares, places)):
        return math.nan, 0.0
    curves[:] = 0
    loss = weight = 0.0
    for i in range(a, b):
        weighed = centre(i, i - a, first, length, rows, by, scores, squares, curves, (weights, tile, shared, share))
        if told:
            weight += weighed
            loss += lost(i, length, scores, weights, weighed * share)
    for j in range(first, last):
        low, high = max(a, j - window), min(b, j + window + 1)
        start = (low - a) * width + j - low + window
        lanes.add_rows(rows, half + contexts + j - first, rows, low - a, high - a, by, start, width - 1)
    for k in range(shared):
        lanes.add_rows(rows, half + negatives + k, rows, 0, b - a, by, len(weights) + k, width)
    climb(vector, 0, b - a, rate, rows, places, curves, curved)
    for r in range(contexts + last - first, negatives):
        places[r] = places[contexts]  # a tile at a walk's end has fewer contexts: the rest moves nothing
        rows[half + r] = 0
    climb(context, contexts, negatives + shared, rate, rows, places, curves, curved)
    return loss, weight


@jit
def train(
    vector: Any,
    context: Any,
    values: Any,
    starts: Any,
    lengths: Any,
    ids: Any,
    law: Any,
    keys: Any,
    rates: Any,
    every: Any,
    room: Any,
) -> Any:
    """Walks in turn, tile by tile; (sum of the loss, its weight, tokens trained, the first walk with a row not finite or -1).

    vector, context (n, dim) float32, moved in place; values (t,) int32 rows of the tables; starts, lengths, ids (m,) int64;
    keys: seeds of the negatives and of subsampling; rates: of the first walk and behind the last; the loss is measured on
    one tile of one walk in `every`.
    """  # fmt: skip
    loss, weight, tokens = 0.0, 0.0, 0
    kept = np.empty(lengths.max() if len(lengths) else 0, np.int32)
    for w in range(len(ids)):
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * w / len(ids))
        of, coins = hashing.stream(keys[0], ids[w]), hashing.stream(keys[1], ids[w])
        length = 0
        for i in range(lengths[w]):
            row = values[starts[w] + i]
            if law.keep[row] >= ONE or hashing.unit(hashing.bits(coins, i, 0, 0)) < law.keep[row]:
                kept[length] = row
                length += 1
        tokens += lengths[w]
        if length < 2:
            continue
        lot = hashing.bits(of, 0, 0, 1)
        chosen = np.int64(lot >> np.uint64(32)) % (-(-length // law.tile)) if lot % np.uint64(every) == 0 else -1
        for a in range(0, length, law.tile):
            found = step(vector, context, kept, length, a, law, of, rate, room, chosen == a // law.tile)
            if math.isnan(found[0]):
                return loss, weight, tokens, w
            loss += found[0]
            weight += found[1]
    return loss, weight, tokens, -1
