"""The parameters of the skip-gram kernels and the first values of its tables, by the configuration and the token counts."""

import numpy as np
from numpy.typing import NDArray

from walkgram import rng
from walkgram.config.train import Train
from walkgram.kernels.sgns import negatives, tiles
from walkgram.kernels.sgns.params import SgnsParams, make_sgns_params

__all__ = ["epoch_seeds", "init_vectors", "keep_probabilities", "make_params"]


def make_params(config: Train, counts: NDArray[np.int64]) -> SgnsParams:
    """Return the parameters of the kernel; counts (n,) int64. Memory: 12 bytes a row."""
    options = config.skipgram
    alias_table = negatives.build_unigram_table(counts, options.ns_exponent).alias_table
    weights = tiles.compute_window_weights(config.window, options.dynamic_window)
    keep = keep_probabilities(counts, options.subsample)
    return make_sgns_params(weights, options.tile, options.shared_negatives, config.negatives, alias_table, keep)


def epoch_seeds(seed: int, epoch: int) -> tuple[int, int]:
    """Return the seeds of an epoch's negatives and of its subsampling."""
    return rng.derive_seed(seed, f"negatives {epoch}"), rng.derive_seed(seed, f"subsampling {epoch}")


def init_vectors(vector: NDArray[np.float32], seed: int, norm: float, rows: NDArray[np.int64] | None = None) -> None:
    """Fill (n, dim) with uniform numbers whose rows have a root mean square length of `norm`, by the seed and row alone.

    rows (n,) int64: the numbers of these rows in the table; without them, 0 to n - 1. The length of word2vec, 0.3 / sqrt(dim),
    is an eighth of the default: from there one epoch over a large graph passes before the vectors have left the origin.
    """
    bound = norm * (3 / vector.shape[1]) ** 0.5
    rng.fill_uniform(vector, seed, bound, rows)


def keep_probabilities(counts: NDArray[np.int64], t: float) -> NDArray[np.float32]:
    """Return (n,) float32: the probability that a token is kept.

    word2vec.c: sqrt(t/f) + t/f, where f is the row's share of all tokens.
    """
    if not t:
        return np.ones(len(counts), np.float32)
    share = np.maximum(counts, 1) / max(1, int(counts.sum()))
    return np.minimum(1.0, np.sqrt(t / share) + t / share).astype(np.float32)
