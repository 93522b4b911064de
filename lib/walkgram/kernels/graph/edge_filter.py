"""A filter over the edges of a graph: a "no" is certain, a "yes" must be checked. One cache line a question.

Register-blocked Bloom filter (Lang et al. 2019, "Performance-optimal filtering", PVLDB 12(5)): an edge sets four bits of
one 64-bit word. At 12 bits an edge about 1% of the non-edges are answered "yes".
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit
from walkgram.rng import mix_bits

__all__ = ["BITS", "build_edge_filter", "may_contain"]

BITS = 12  # of filter for each edge
U64 = np.uint64
SIX, TWELVE, EIGHTEEN, THIRTY_TWO, LOW6, ONE = U64(6), U64(12), U64(18), U64(32), U64(63), U64(1)


@njit(inline="always")
def hash_edge(a: Any, b: Any, symmetric: bool) -> Any:
    """64 mixed bits of an edge; the same for both directions where the graph is symmetric. Nodes are below 2^32."""
    a, b = U64(a), U64(b)
    low = min(a, b) if symmetric else a  # selections: a branch on random ends is mispredicted every other time
    return mix_bits((low << THIRTY_TWO) | (a ^ b ^ low))


@njit(inline="always")
def locate_word(mixed: Any, words: Any) -> Any:
    """The word of a key: the high half of its upper 32 bits times the number of words."""
    return ((mixed >> THIRTY_TWO) * U64(words)) >> THIRTY_TWO


@njit(inline="always")
def make_mask(mixed: Any) -> Any:
    """The key's four bits, from its lower 24."""
    first = (ONE << (mixed & LOW6)) | (ONE << ((mixed >> SIX) & LOW6))
    return first | (ONE << ((mixed >> TWELVE) & LOW6)) | (ONE << ((mixed >> EIGHTEEN) & LOW6))


@njit
def build_edge_filter(indptr: NDArray[np.int64], indices: NDArray[np.integer[Any]], symmetric: bool) -> NDArray[np.uint64]:
    """(words,) uint64: the filter of the CSR rows 0, 1, ... of a graph.

    A symmetric graph enters each pair of nodes once, so that the filter is half as large.
    """
    edges = 0
    for row in range(len(indptr) - 1):
        for at in range(indptr[row], indptr[row + 1]):
            edges += 0 if symmetric and indices[at] < row else 1
    words = np.zeros(max(1, edges * BITS // 64), np.uint64)
    for row in range(len(indptr) - 1):
        for at in range(indptr[row], indptr[row + 1]):
            if not (symmetric and indices[at] < row):
                mixed = hash_edge(row, indices[at], symmetric)
                words[locate_word(mixed, len(words))] |= make_mask(mixed)
    return words


@njit(inline="always")
def may_contain(words: Any, mixed: Any) -> bool:
    """False: the edge of this key is surely not there. True: it may be."""
    bits = make_mask(mixed)
    return bool((words[locate_word(mixed, len(words))] & bits) == bits)
