"""A filter over the edges of a graph: a negative answer is certain, a positive one must be checked. One cache line a query.

Register-blocked Bloom filter (Lang et al. 2019, "Performance-optimal filtering: Bloom overtakes cuckoo at high throughput",
PVLDB 12(5)): an edge sets four bits of one 64-bit word. At 12 bits an edge about 1% of the non-edges are false positives.
"""

import numpy as np

from walkgram.kernels.arrays import Int64Array, IntArray, Integer, UInt64Array
from walkgram.kernels.jit import njit
from walkgram.rng import mix_bits

__all__ = ["BITS_PER_EDGE", "build_edge_filter", "hash_edge", "locate_word", "may_contain"]

BITS_PER_EDGE = 12
U64 = np.uint64
SIX, TWELVE, EIGHTEEN, THIRTY_TWO, LOW6, ONE = U64(6), U64(12), U64(18), U64(32), U64(63), U64(1)


@njit(inline="always")
def hash_edge(src: Integer, dst: Integer, is_symmetric: bool) -> np.uint64:
    """Return the 64-bit hash of an edge, the same for both directions of a symmetric graph. Nodes are below 2^32."""
    a, b = U64(src), U64(dst)
    low = min(a, b) if is_symmetric else a  # a selection: a branch on random ends is mispredicted every other time
    return mix_bits((low << THIRTY_TWO) | (a ^ b ^ low))


@njit(inline="always")
def locate_word(edge_hash: np.uint64, num_words: int) -> np.uint64:
    """Return the index of a hash's word: the upper half of (its upper 32 bits times the number of words)."""
    return ((edge_hash >> THIRTY_TWO) * U64(num_words)) >> THIRTY_TWO


@njit(inline="always")
def make_mask(edge_hash: np.uint64) -> np.uint64:
    """Return the four bits of a hash, chosen by its lower 24 bits."""
    first_two = (ONE << (edge_hash & LOW6)) | (ONE << ((edge_hash >> SIX) & LOW6))
    return first_two | (ONE << ((edge_hash >> TWELVE) & LOW6)) | (ONE << ((edge_hash >> EIGHTEEN) & LOW6))


@njit
def build_edge_filter(indptr: Int64Array, indices: IntArray, is_symmetric: bool) -> UInt64Array:
    """Return the filter (words,) uint64 of the CSR rows 0, 1, ... of a graph. O(edges).

    A symmetric graph enters each pair of nodes once, so that the filter is half as large.
    """
    num_entries = 0
    for row in range(len(indptr) - 1):
        for edge in range(indptr[row], indptr[row + 1]):
            num_entries += 0 if is_symmetric and indices[edge] < row else 1
    words = np.zeros(max(1, num_entries * BITS_PER_EDGE // 64), np.uint64)
    for row in range(len(indptr) - 1):
        for edge in range(indptr[row], indptr[row + 1]):
            if not (is_symmetric and indices[edge] < row):
                edge_hash = hash_edge(row, indices[edge], is_symmetric)
                words[locate_word(edge_hash, len(words))] |= make_mask(edge_hash)
    return words


@njit(inline="always")
def may_contain(words: UInt64Array, edge_hash: np.uint64) -> bool:
    """Return False if the edge of this hash is certainly absent, True if it may exist."""
    mask = make_mask(edge_hash)
    return bool((words[locate_word(edge_hash, len(words))] & mask) == mask)
