"""What a batch of walks needs beside the walks where no kernel draws it: the negatives of every tile, and subsampling.

The same draws as in `walkgram.kernels.sgns.cpu`.
"""

from typing import Any

import numpy as np

from walkgram import rng
from walkgram.kernels.jit import njit
from walkgram.kernels.sgns.cpu_tile import draw_tile_negatives, subsample

__all__ = ["draw_negatives", "subsample_walks"]


@njit(nogil=True)
def draw_negatives(ids: Any, most: Any, shared: Any, slots: Any, seed: Any) -> Any:
    """(walks, most, shared) int32: the negatives of the first `most` tiles of every walk; ids (walks,) int64."""
    out = np.empty((len(ids), most, shared), np.int32)
    places = np.empty(shared, np.int64)
    for w in range(len(ids)):
        of = rng.derive_stream(seed, ids[w])
        for tile in range(most):
            draw_tile_negatives(places, 0, shared, slots, of, tile)
            out[w, tile] = places
    return out


@njit(nogil=True)
def subsample_walks(values: Any, starts: Any, lengths: Any, ids: Any, keep: Any, seed: Any) -> Any:
    """(values, starts, lengths) of the walks without the tokens that subsampling takes; keep (n,) float32 by row."""
    out, begins, counts = np.empty(lengths.sum(), np.int32), np.empty(len(ids), np.int64), np.empty(len(ids), np.int64)
    at = 0
    for w in range(len(ids)):
        begins[w] = at
        counts[w] = subsample(values, starts[w], lengths[w], keep, rng.derive_stream(seed, ids[w]), out, at)
        at += counts[w]
    return out[:at], begins, counts
