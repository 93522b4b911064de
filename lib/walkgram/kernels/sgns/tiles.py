"""Cut walks into tiles: up to `tile_size` centres in a row, the positions in their windows, and the weight of each pair.

The tiles of a walk of L positions have the centres [t * tile_size, min(L, (t + 1) * tile_size)); a tile's contexts are the
positions from `window` before its first centre to `window` behind its last. Every pair of the window lies in exactly one
tile, that of its centre. The products over a tile are tile_size * (tile_size + 2 * window) scores, of which
2 * window * tile_size count: for walks longer than their window far fewer than length^2.
"""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolMatrix, Float32Array, Float32Tensor, Int64Array, Int64Matrix, IntArray, IntMatrix
from walkgram.kernels.jit import njit

__all__ = ["Tiles", "compute_window_weights", "cut_tiles"]


class Tiles(NamedTuple):
    """The tiles of a batch of walks, by walk, then by tile index; G = tile_size, T = G + 2 * window.

    centre_rows (tiles, G) int64 and context_rows (tiles, T) int64: rows of the tables, 0 outside the walk, where the masks
    centre_mask (tiles, G) and context_mask (tiles, T) are False. pair_weights (tiles, G, T) float32 of each (centre, context):
    0 beyond the window, on a position with itself, and outside the walk. walk_index (tiles,) int64: the walk's place in the
    batch. tile_index (tiles,) int64: the tile's place in its walk.
    """

    centre_rows: Int64Matrix
    centre_mask: BoolMatrix
    context_rows: Int64Matrix
    context_mask: BoolMatrix
    pair_weights: Float32Tensor
    walk_index: Int64Array
    tile_index: Int64Array


def compute_window_weights(window: int, dynamic: bool) -> Float32Array:
    """Return (window + 1,) float32: the weight of a context by its distance from the centre, 0 at distance 0.

    Flat: 1. Dynamic: (window - distance + 1) / window, the expectation of word2vec's window, which is drawn anew for each
    centre from 1..window (Mikolov et al. 2013a, section 3.2).
    """
    distance = np.arange(window + 1)
    weights = (window - distance + 1) / max(1, window) if dynamic else np.ones(window + 1)
    return np.where(distance > 0, weights, 0.0).astype(np.float32)


def cut_tiles(walks: IntMatrix, lengths: IntArray, tile_size: int, distance_weights: Float32Array) -> Tiles:
    """Cut padded walks (m, longest), int64 or int32 rows valid up to lengths (m,), into tiles.

    distance_weights: (window + 1,), of `compute_window_weights`. A walk of one position has no pairs and no tiles.
    O(tiles * G * T) time and memory: the pair weights.
    """
    walk_index, tile_index = number_tiles(lengths, tile_size)
    return fill_tiles(walks, lengths, tile_size, distance_weights, walk_index, tile_index)


@njit
def number_tiles(lengths: IntArray, tile_size: int) -> tuple[Int64Array, Int64Array]:
    """Return (walk_index, tile_index) of every tile."""
    num_tiles = 0
    for length in lengths:
        if length > 1:
            num_tiles += (length + tile_size - 1) // tile_size
    walk_index, tile_index = np.empty(num_tiles, np.int64), np.empty(num_tiles, np.int64)
    end = 0
    for walk in range(len(lengths)):
        if lengths[walk] > 1:
            for tile in range((lengths[walk] + tile_size - 1) // tile_size):
                walk_index[end], tile_index[end] = walk, tile
                end += 1
    return walk_index, tile_index


@njit
def fill_tiles(
    walks: IntMatrix,
    lengths: IntArray,
    tile_size: int,
    distance_weights: Float32Array,
    walk_index: Int64Array,
    tile_index: Int64Array,
) -> Tiles:
    """Return the tiles with these indices."""
    window, num_tiles = len(distance_weights) - 1, len(walk_index)
    width = tile_size + 2 * window
    centre_rows, centre_mask = np.zeros((num_tiles, tile_size), np.int64), np.zeros((num_tiles, tile_size), np.bool_)
    context_rows, context_mask = np.zeros((num_tiles, width), np.int64), np.zeros((num_tiles, width), np.bool_)
    pair_weights = np.zeros((num_tiles, tile_size, width), np.float32)
    for t in range(num_tiles):
        walk, first = walk_index[t], tile_index[t] * tile_size
        length = np.int64(lengths[walk])
        for j in range(max(0, window - first), min(width, length - first + window)):
            context_rows[t, j], context_mask[t, j] = walks[walk, first - window + j], True
        for i in range(min(tile_size, length - first)):
            centre_rows[t, i], centre_mask[t, i] = walks[walk, first + i], True
            for distance in range(1, window + 1):
                if first + i - distance >= 0:
                    pair_weights[t, i, i + window - distance] = distance_weights[distance]
                if first + i + distance < length:
                    pair_weights[t, i, i + window + distance] = distance_weights[distance]
    return Tiles(centre_rows, centre_mask, context_rows, context_mask, pair_weights, walk_index, tile_index)
