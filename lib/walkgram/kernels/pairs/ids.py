"""Hashes of ids, longs or strings: a function of the id alone, the same on every machine and in every table."""

import numpy as np

from walkgram.kernels.arrays import Int32Array, Int64Array, UInt8Array, UInt32Array, UInt64Array
from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.inverted_lists import count_offsets, scatter_positions
from walkgram.rng import GAMMA, derive_stream, mix_bits

__all__ = ["hash_longs", "hash_strings", "partition_by_hash", "sample_keys"]

U64 = np.uint64


@njit
def hash_longs(ids: Int64Array) -> UInt64Array:
    """Return the hashes (m,) uint64 of ids (m,) int64."""
    hashes = np.empty(len(ids), np.uint64)
    for k in range(len(ids)):
        hashes[k] = mix_bits(U64(ids[k]) + GAMMA)
    return hashes


@njit
def hash_strings(offsets: Int32Array, data: UInt8Array) -> UInt64Array:
    """Return the hashes (m,) uint64 of strings, in words of eight bytes, little-endian.

    String k is the bytes offsets[k]..offsets[k + 1] of data (b,) uint8; offsets (m + 1,) int32.
    """
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        start, stop = offsets[k], offsets[k + 1]
        state = U64(stop - start) * GAMMA
        for word_start in range(start, stop, 8):
            word = U64(0)
            for byte in range(word_start, min(word_start + 8, stop)):
                word |= U64(data[byte]) << U64(8 * (byte - word_start))
            state = mix_bits(state ^ word) + GAMMA
        hashes[k] = mix_bits(state)
    return hashes


def sample_keys(users: UInt64Array, items: UInt64Array, seed: int) -> Int64Array:
    """Draw the sort key (m,) int64 >= 0 of each (user, item): a function of the hashes of their ids and the seed alone."""
    return draw_sample_keys(users, items, U64(seed)).view(np.int64)


@njit
def draw_sample_keys(users: UInt64Array, items: UInt64Array, seed: np.uint64) -> UInt64Array:
    """Draw the keys of `sample_keys`."""
    keys = np.empty(len(users), np.uint64)
    for k in range(len(users)):
        keys[k] = mix_bits(derive_stream(seed, users[k]) ^ items[k]) >> U64(1)
    return keys


def partition_by_hash(hashes: UInt64Array, num_parts: int) -> tuple[UInt32Array, Int64Array]:
    """Return (order (m,) uint32, indptr (num_parts + 1,) int64): entries by hash modulo num_parts, in their order."""
    part = (hashes % U64(num_parts)).astype(np.uint32)
    indptr = count_offsets(part, num_parts)
    return scatter_positions(part, indptr), indptr
