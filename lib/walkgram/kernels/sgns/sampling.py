"""The random draws of a walk: the negatives of each of its tiles, and the tokens that subsampling keeps."""

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Float32Array, Int32Array, Int64Array, UInt32Matrix
from walkgram.kernels.sgns.compile import sgns_jit

__all__ = ["draw_tile_negatives", "subsample"]

ONE = np.float32(1)


@sgns_jit
def draw_tile_negatives(
    out: Int64Array, first: int, count: int, alias_table: UInt32Matrix, stream: np.uint64, tile_index: int
) -> None:
    """Draw a tile's negatives into out[first : first + count], a function of the walk's stream and the tile's index."""
    n = np.uint64(len(alias_table))
    for k in range(count):
        bits = rng.draw_bits(stream, tile_index, k, 0)
        slot = np.int64(rng.scale_below(bits, n))
        takes_slot = np.uint32((bits * n) >> np.uint64(32)) <= alias_table[slot, 0]
        out[first + k] = slot if takes_slot else np.int64(alias_table[slot, 1])


@sgns_jit
def subsample(
    tokens: Int32Array, start: int, length: int, keep_probability: Float32Array, stream: np.uint64, out: Int32Array, first: int
) -> int:
    """Copy the tokens that subsampling keeps of tokens[start : start + length] to out[first:]; return their number.

    Mikolov et al. 2013b, section 2.3; keep_probability (n,) by row of the tables.
    """
    end = first
    for i in range(length):
        row = tokens[start + i]
        if keep_probability[row] >= ONE or rng.to_unit(rng.draw_bits(stream, i, 0, 0)) < keep_probability[row]:
            out[end] = row
            end += 1
    return end - first
