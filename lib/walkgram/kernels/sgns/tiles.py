"""Walks -> tiles: up to `tile` centres in a row, the positions their windows reach, and the weight of each pair.

A walk of L positions has the tiles of centres [t * tile, min(L, (t + 1) * tile)); a tile's contexts are the positions from
`window` before its first centre to `window` behind its last. Every pair of the window lies in exactly one tile, that of its
centre, and the products over a tile are tile * (tile + 2 * window) scores of which 2 * window * tile count: for walks longer
than their window far fewer than length^2.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["Tiles", "compute_window_weights", "cut_tiles"]


class Tiles(NamedTuple):
    """The tiles of a batch of walks, by walk, then by number; G = tile, T = G + 2 * window.

    centre (tiles, G) int64 and context (tiles, T) int64: rows of the tables, 0 where `centred` (tiles, G) or `reached`
    (tiles, T) bool are False: places outside the walk. weights (tiles, G, T) float32 of each (centre, context): 0 beyond the
    window, for a place with itself, and where either is outside. walk (tiles,) int64: its place in the batch; number
    (tiles,) int64: which of the walk's tiles.
    """

    centre: NDArray[np.int64]
    centred: NDArray[np.bool_]
    context: NDArray[np.int64]
    reached: NDArray[np.bool_]
    weights: NDArray[np.float32]
    walk: NDArray[np.int64]
    number: NDArray[np.int64]


def compute_window_weights(window: int, dynamic: bool) -> NDArray[np.float32]:
    """(window + 1,) float32: the weight of a context by its distance from the centre, 0 at distance 0.

    Flat: 1. Dynamic: (window - distance + 1) / window, the expectation of word2vec's window, which is drawn anew for each
    centre from 1..window (Mikolov et al. 2013a, section 3.2).
    """
    apart = np.arange(window + 1)
    weights = (window - apart + 1) / max(1, window) if dynamic else np.ones(window + 1)
    return np.where(apart > 0, weights, 0.0).astype(np.float32)


def cut_tiles(
    walks: NDArray[np.integer[Any]], lengths: NDArray[np.integer[Any]], tile: int, weights: NDArray[np.float32]
) -> Tiles:
    """The tiles of padded walks (m, longest), int64 or int32 rows valid up to lengths (m,).

    weights: (window + 1,) by distance (`window_weights`). A walk of one position has no pairs and no tiles.
    O(tiles * G * T) time and memory: the weights.
    """
    walk, number = number_tiles(lengths, tile)
    return Tiles(*fill_tiles(walks, lengths, tile, weights, walk, number), walk, number)


@njit
def number_tiles(lengths: NDArray[np.integer[Any]], tile: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(walk, number) of every tile."""
    total = 0
    for length in lengths:
        if length > 1:
            total += (length + tile - 1) // tile
    walk, number = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for i in range(len(lengths)):
        if lengths[i] > 1:
            for t in range((lengths[i] + tile - 1) // tile):
                walk[at], number[at] = i, t
                at += 1
    return walk, number


@njit
def fill_tiles(
    walks: NDArray[np.integer[Any]],
    lengths: NDArray[np.integer[Any]],
    tile: int,
    weights: NDArray[np.float32],
    walk: NDArray[np.int64],
    number: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    """(centre, centred, context, reached, weights) of the tiles."""
    window = len(weights) - 1
    count, wide = len(walk), tile + 2 * window
    centre, centred = np.zeros((count, tile), np.int64), np.zeros((count, tile), np.bool_)
    context, reached = np.zeros((count, wide), np.int64), np.zeros((count, wide), np.bool_)
    pairs = np.zeros((count, tile, wide), np.float32)
    for t in range(count):
        row, first = walk[t], number[t] * tile
        length = np.int64(lengths[row])
        for place in range(max(0, window - first), min(wide, length - first + window)):
            context[t, place], reached[t, place] = walks[row, first - window + place], True
        for i in range(min(tile, length - first)):
            centre[t, i], centred[t, i] = walks[row, first + i], True
            for apart in range(1, window + 1):
                if first + i - apart >= 0:
                    pairs[t, i, i + window - apart] = weights[apart]
                if first + i + apart < length:
                    pairs[t, i, i + window + apart] = weights[apart]
    return centre, centred, context, reached, pairs
