"""Negatives: the unigram^a distribution of word2vec (Mikolov et al. 2013b, section 2.2), and keyed draws from it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram import rng
from walkgram.kernels.graph import csr
from walkgram.kernels.jit import njit

__all__ = ["UnigramTable", "build_unigram_table", "draw_uniform_negatives"]


class UnigramTable(NamedTuple):
    """Alias slots over rows 0..n-1."""

    slots: NDArray[np.uint32]

    def draw(self, seed: int, step: int, count: int) -> NDArray[np.int64]:
        """(count,) int64 rows: the draws of batch `step` under a seed."""
        words = rng.draw_bits_array(seed, step, count, 0)
        slot, coin = split_words(words, len(self.slots))
        return np.where(coin <= self.slots[slot, 0], slot, self.slots[slot, 1]).astype(np.int64)


def build_unigram_table(counts: NDArray[np.int64], exponent: float) -> UnigramTable:
    """The distribution proportional to counts^exponent; counts (n,) int64.

    At least one count is above 0; a row of count 0 has probability 2^-32 / n.
    """
    weights = np.asarray(counts, np.float64) ** exponent
    return UnigramTable(csr.build_alias_table(np.array([0, len(weights)], np.int64), weights))


def split_words(words: NDArray[np.uint64], n: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """(slot below n, 32-bit coin) of 64-bit words, n below 2^32."""
    low, high = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
    slot = (high * np.uint64(n) + ((low * np.uint64(n)) >> np.uint64(32))) >> np.uint64(32)
    return slot.astype(np.int64), ((words * np.uint64(n)) >> np.uint64(32)).astype(np.uint32)


@njit
def draw_uniform_negatives(
    seed: int, walk_ids: NDArray[np.int64], pairs: NDArray[np.int64], negatives: int, n: int, attempt: int
) -> NDArray[np.int64]:
    """(sum(pairs) * negatives,) int64 rows below n, uniform: draw k of pair i of a walk is a function of its walk_id.

    pairs: (walks,) int64, the pairs of each walk, at most 2^24; `attempt` gives fresh draws for the same places.
    """
    out = np.empty(pairs.sum() * negatives, np.int64)
    at = 0
    for walk in range(len(walk_ids)):
        of = rng.derive_stream(seed, walk_ids[walk])
        for pair in range(pairs[walk]):
            for k in range(negatives):
                out[at] = np.int64(rng.scale_below(rng.draw_bits(of, pair, (attempt << 16) + k, 0), n))
                at += 1
    return out
