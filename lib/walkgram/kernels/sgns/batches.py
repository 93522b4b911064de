"""Negatives and subsampling of whole batches of walks, for the batched trainers: the draws of the CPU kernel (`cpu`)."""

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Float32Array, Int32Tensor, Int64Array, UInt32Matrix
from walkgram.kernels.jit import njit
from walkgram.kernels.sgns.params import RaggedWalks
from walkgram.kernels.sgns.sampling import draw_tile_negatives, subsample

__all__ = ["draw_negatives", "subsample_walks"]


@njit(nogil=True)
def draw_negatives(
    walk_ids: Int64Array, max_tiles: int, shared_negatives: int, alias_table: UInt32Matrix, seed: int
) -> Int32Tensor:
    """Draw (walks, max_tiles, shared_negatives) int32 rows: the negatives of the first `max_tiles` tiles of every walk."""
    out = np.empty((len(walk_ids), max_tiles, shared_negatives), np.int32)
    rows = np.empty(shared_negatives, np.int64)
    for w in range(len(walk_ids)):
        stream = rng.derive_stream(seed, walk_ids[w])
        for tile_index in range(max_tiles):
            draw_tile_negatives(rows, 0, shared_negatives, alias_table, stream, tile_index)
            out[w, tile_index] = rows
    return out


@njit(nogil=True)
def subsample_walks(walks: RaggedWalks, keep_probability: Float32Array, seed: int) -> RaggedWalks:
    """Return the walks without the tokens that subsampling removes; keep_probability (n,) by row of the tables."""
    starts, lengths, walk_ids = walks.starts, walks.lengths, walks.walk_ids
    tokens = np.empty(lengths.sum(), np.int32)
    new_starts, new_lengths = np.empty(len(walk_ids), np.int64), np.empty(len(walk_ids), np.int64)
    end = 0
    for w in range(len(walk_ids)):
        stream = rng.derive_stream(seed, walk_ids[w])
        new_starts[w] = end
        new_lengths[w] = subsample(walks.values, starts[w], lengths[w], keep_probability, stream, tokens, end)
        end += new_lengths[w]
    return RaggedWalks(tokens[:end], new_starts, new_lengths, walk_ids)
