"""Skip-gram with negative sampling on a CPU: walks in, two tables moved, tile by tile, with nothing written in between.

The mathematics is that of `torch_step` (its oracle), one tile of a walk a step: TILE centres, the contexts within the window,
K negatives that the tile shares. All of a tile fits the second cache; what is left is products of rows (`simd`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram import rng
from walkgram.kernels.sgns import simd
from walkgram.kernels.sgns.cpu_tile import (
    QUARTER,
    accumulate_centre,
    apply_bounded_update,
    draw_tile_negatives,
    gather_tile,
    prefetch_row,
    sgns_jit,
    subsample,
    tile_loss,
)

__all__ = ["SgnsParams", "Workspace", "make_sgns_params", "make_workspace", "train_walks"]


class SgnsParams(NamedTuple):
    """What is trained: window weights by distance -window..window (0 at 0), centres of a tile, negatives, their alias slots.

    weights (2 window + 1,) float32; sums (2 window + 2,) of those before each; slots (n, 2) uint32; keep (n,) float32: the
    probability that a token of the row stays.
    """

    weights: NDArray[np.float32]
    sums: NDArray[np.float32]
    tile: int
    shared: int
    each: np.float32
    slots: NDArray[np.uint32]
    keep: NDArray[np.float32]


class Workspace(NamedTuple):
    """One worker's scratch: the tile's rows and directions, its coefficients, and curvatures by table row (zeros between).

    pace (2, n) float32, or (2, 0) where nobody asks: of both tables' rows, the sum of their steps times their curvatures.
    """

    rows: NDArray[np.float32]
    by: NDArray[np.float32]
    scores: NDArray[np.float32]
    squares: NDArray[np.float32]
    curves: NDArray[np.float32]
    curved: NDArray[np.float32]
    places: NDArray[np.int64]
    pace: NDArray[np.float32]


def make_sgns_params(
    weights: NDArray[np.float32], tile: int, shared: int, negatives: float, slots: Any, keep: Any
) -> SgnsParams:
    """A `Law`; weights (window + 1,) float32 by distance, 0 at 0; `negatives` is their weight a context."""
    both = np.concatenate([weights[:0:-1], weights])
    sums = np.append(0, np.cumsum(both, dtype=np.float64)).astype(np.float32)
    return SgnsParams(both, sums, tile, shared if negatives else 0, np.float32(negatives / max(1, shared)), slots, keep)


def make_workspace(law: SgnsParams, n: int, dim: int, paced: bool = False) -> Workspace:
    """Scratch for tables (n, dim): 4 n bytes (12 n where it is `paced`), and the tile's."""
    sizes, width = 2 * law.tile + len(law.weights) - 1 + law.shared, len(law.weights) + law.shared
    rows = simd.allocate_aligned(2 * sizes, simd.pad_dim(dim))
    by, scores = np.zeros(law.tile * width, np.float32), np.zeros(width, np.float32)
    squares, curves = np.zeros(sizes, np.float32), np.zeros(sizes, np.float32)
    pace = np.zeros((2, n if paced else 0), np.float32)
    return Workspace(rows, by, scores, squares, curves, np.zeros(n, np.float32), np.zeros(sizes, np.int64), pace)


@sgns_jit
def train_tile(
    vector: Any, context: Any, walk: Any, length: Any, a: Any, law: Any, of: Any, rate: Any, room: Any, told: Any
) -> Any:
    """One tile: centres from a; (sum of the loss, its weight) where it is told. NaN: a row of the tile is not finite."""
    weights, sums, tile, shared, share, slots, _ = law
    rows, by, scores, squares, curves, curved, places, pace = room
    window, half, width = len(weights) // 2, rows.shape[0] // 2, len(scores)
    contexts, negatives = tile, 2 * tile + 2 * window
    b, first, last = min(length, a + tile), max(0, a - window), min(length, a + tile + window)
    draw_tile_negatives(places, negatives, shared, slots, of, a // tile)
    for r in range(negatives, negatives + shared):
        prefetch_row(context, places[r])
    for i in range(b, min(length, b + tile)):
        prefetch_row(vector, walk[i])
    for j in range(last, min(length, last + tile)):
        prefetch_row(context, walk[j])
    found = gather_tile(vector, context, walk, a, b, first, last, tile, negatives, shared, rows, squares, places)
    if not math.isfinite(found[0]):
        return math.nan, 0.0
    curves[:] = 0
    loss, weight, pushed = 0.0, 0.0, np.float32(0)
    limits = (weights, sums, tile, shared, share)
    for i in range(a, b):
        weighed = accumulate_centre(i, i - a, first, length, rows, by, scores, squares, curves, found[1], limits)
        pushed += QUARTER * weighed * share * squares[i - a]
        if told:
            weight += weighed
            loss += tile_loss(i, length, scores, weights, weighed * share)
    for j in range(first, last):
        low, high = max(a, j - window), min(b, j + window + 1)
        start = (low - a) * width + j - low + window
        simd.add_rows(rows, half + contexts + j - first, rows, low - a, high - a, by, start, width - 1)
    for k in range(shared):
        simd.add_rows(rows, half + negatives + k, rows, 0, b - a, by, len(weights) + k, width)
        curves[negatives + k] = pushed
    apply_bounded_update(vector, 0, b - a, rate, rows, places, curves, curved, pace[0])
    for r in range(contexts + last - first, negatives):
        places[r] = places[contexts]  # a tile at a walk's end has fewer contexts: the rest moves nothing
        rows[half + r] = 0
    apply_bounded_update(context, contexts, negatives + shared, rate, rows, places, curves, curved, pace[1])
    return loss, weight


@sgns_jit
def train_walks(
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
        of, coins = rng.derive_stream(keys[0], ids[w]), rng.derive_stream(keys[1], ids[w])
        length = subsample(values, starts[w], lengths[w], law.keep, coins, kept, 0)
        tokens += lengths[w]
        if length < 2:
            continue
        lot = rng.draw_bits(of, 0, 0, 1)
        chosen = np.int64(lot >> np.uint64(32)) % (-(-length // law.tile)) if lot % np.uint64(every) == 0 else -1
        for a in range(0, length, law.tile):
            found = train_tile(vector, context, kept, length, a, law, of, rate, room, chosen == a // law.tile)
            if math.isnan(found[0]):
                return loss, weight, tokens, w
            loss += found[0]
            weight += found[1]
    return loss, weight, tokens, -1
