"""Negatives: the unigram^a distribution of word2vec (Mikolov et al. 2013b, section 2.2), and keyed draws from it."""

from typing import NamedTuple

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Int64Array, UInt32Array, UInt32Matrix, UInt64Array
from walkgram.kernels.graph import csr
from walkgram.kernels.jit import njit

__all__ = ["UnigramTable", "build_unigram_table", "draw_uniform_negatives"]


class UnigramTable(NamedTuple):
    """A distribution over rows 0..n-1: alias_table (n, 2) uint32, the threshold and alias of every slot."""

    alias_table: UInt32Matrix

    def draw(self, seed: int, step: int, count: int) -> Int64Array:
        """Draw (count,) int64 rows: those of batch `step` under a seed."""
        words = rng.draw_bits_array(seed, step, count, 0)
        slots, coins = split_words(words, len(self.alias_table))
        return np.where(coins <= self.alias_table[slots, 0], slots, self.alias_table[slots, 1]).astype(np.int64)


def build_unigram_table(counts: Int64Array, exponent: float) -> UnigramTable:
    """Build the distribution proportional to counts^exponent; counts (n,) int64.

    At least one count is above 0; a row of count 0 has probability 2^-32 / n.
    """
    weights = np.asarray(counts, np.float64) ** exponent
    return UnigramTable(csr.build_alias_table(np.array([0, len(weights)], np.int64), weights))


def split_words(words: UInt64Array, n: int) -> tuple[Int64Array, UInt32Array]:
    """Split 64-bit words into (slots below n, 32-bit coins); n is below 2^32."""
    low, high = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
    slots = (high * np.uint64(n) + ((low * np.uint64(n)) >> np.uint64(32))) >> np.uint64(32)
    return slots.astype(np.int64), ((words * np.uint64(n)) >> np.uint64(32)).astype(np.uint32)


@njit
def draw_uniform_negatives(
    seed: int, walk_ids: Int64Array, pair_counts: Int64Array, negatives: int, n: int, attempt: int
) -> Int64Array:
    """Draw (sum(pair_counts) * negatives,) int64 rows, uniform below n; those of pair i are a function of its walk_id and i.

    pair_counts: (walks,) int64, the pairs of each walk, at most 2^24. Another `attempt` gives other draws for the same pairs.
    """
    out = np.empty(pair_counts.sum() * negatives, np.int64)
    end = 0
    for walk in range(len(walk_ids)):
        stream = rng.derive_stream(seed, walk_ids[walk])
        for pair in range(pair_counts[walk]):
            for k in range(negatives):
                out[end] = np.int64(rng.scale_below(rng.draw_bits(stream, pair, (attempt << 16) + k, 0), n))
                end += 1
    return out
