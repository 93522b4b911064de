"""Hashes of ids, longs or text: the same on every machine, and whatever else is in the table."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.inverted_lists import count_offsets, scatter_positions
from walkgram.rng import GAMMA, derive_stream, mix_bits

__all__ = ["hash_longs", "hash_strings", "partition_by_hash", "sample_keys"]

U64 = np.uint64
Hashes = NDArray[np.uint64]


@njit
def hash_longs(ids: Any) -> Any:
    """(m,) uint64 of ids (m,) int64."""
    out = np.empty(len(ids), np.uint64)
    for k in range(len(ids)):
        out[k] = mix_bits(U64(ids[k]) + GAMMA)
    return out


@njit
def hash_strings(offsets: Any, data: Any) -> Any:
    """(m,) uint64 of texts: bytes offsets[k]..offsets[k + 1] of data (b,) uint8; eight at a time, the least first."""
    out = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(out)):
        low, high = offsets[k], offsets[k + 1]
        found = U64(high - low) * GAMMA
        for start in range(low, high, 8):
            word = U64(0)
            for at in range(start, min(start + 8, high)):
                word |= U64(data[at]) << U64(8 * (at - start))
            found = mix_bits(found ^ word) + GAMMA
        out[k] = mix_bits(found)
    return out


def sample_keys(users: Hashes, items: Hashes, seed: int) -> NDArray[np.int64]:
    """(m,) int64 >= 0: the lot of each (user, item), from the hashes of their ids. It depends on these and the seed alone."""
    return draw_sample_keys(users, items, U64(seed)).view(np.int64)  # type: ignore[no-any-return]


@njit
def draw_sample_keys(users: Hashes, items: Hashes, seed: Any) -> Any:
    """`lots`, compiled."""
    out = np.empty(len(users), np.uint64)
    for k in range(len(users)):
        out[k] = mix_bits(derive_stream(seed, users[k]) ^ items[k]) >> U64(1)
    return out


def partition_by_hash(hashes: Hashes, receivers: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """(order (m,) uint32, ends (receivers + 1,) int64): entries by the receiver that their hash chooses, each in its order."""
    to = (hashes % U64(receivers)).astype(np.uint32)
    indptr = count_offsets(to, receivers)
    return scatter_positions(to, indptr), indptr
