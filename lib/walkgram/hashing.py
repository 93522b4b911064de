"""Counter-based random numbers: every draw is a function of (seed, key, step, attempt, draw) and of nothing else.

The same numbers come out on one core and on a thousand, after a retry and on a rerun, in any order of evaluation.
The mixing function is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
generators", variant 13 of Stafford), applied twice so that streams of different keys never run in step. 64-bit
unsigned throughout; a range is taken by the high half of a 64 x 32-bit product, whose bias is below 2^-32.
"""

import hashlib
from typing import Any

import numba
import numpy as np

__all__ = [
    "bits",
    "bits_array",
    "buffered_permutation",
    "fill_uniform",
    "mix",
    "permutation",
    "purpose",
    "scale",
    "stream",
    "unit",
    "unit_matrix",
    "units",
]

U64 = np.uint64
GAMMA = U64(0x9E3779B97F4A7C15)
C1 = U64(0xBF58476D1CE4E5B9)
C2 = U64(0x94D049BB133111EB)
S30, S27, S31, S32, S11 = U64(30), U64(27), U64(31), U64(32), U64(11)
S8, S40 = U64(8), U64(40)
LOW32 = U64(0xFFFFFFFF)
TO_UNIT = 2.0**-53


@numba.njit(inline="always", cache=True)
def mix(x: Any) -> Any:
    """A bijection of 64-bit words that changes each output bit with probability 1/2 for each input bit."""
    x = U64(x)
    x = (x ^ (x >> S30)) * C1
    x = (x ^ (x >> S27)) * C2
    return x ^ (x >> S31)


@numba.njit(inline="always", cache=True)
def stream(seed: Any, key: Any) -> Any:
    """The stream of a key (a walk, an example, an epoch) under a seed."""
    return mix(mix(U64(seed) + GAMMA) ^ (U64(key) * GAMMA))


@numba.njit(inline="always", cache=True)
def bits(of: Any, step: Any, attempt: Any, draw: Any) -> Any:
    """64 random bits of a stream: step below 2^24, attempt below 2^32, draw below 2^8."""
    counter = (U64(step) << S40) | (U64(attempt) << S8) | U64(draw)
    return mix(U64(of) ^ mix(counter + GAMMA))


@numba.njit(inline="always", cache=True)
def scale(word: Any, n: Any) -> Any:
    """A whole number below n (n < 2^32) from 64 random bits: the high half of word * n."""
    word, n = U64(word), U64(n)
    return ((word >> S32) * n + (((word & LOW32) * n) >> S32)) >> S32


@numba.njit(inline="always", cache=True)
def unit(word: Any) -> Any:
    """A float64 in [0, 1) from the upper 53 of 64 random bits."""
    return np.float64(U64(word) >> S11) * TO_UNIT


def purpose(seed: int, name: str) -> int:
    """The seed of one use of randomness (walks, negatives, order, ...) under the user's seed: uses never share numbers."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # below 2^63: numba takes it as an int64


@numba.njit(cache=True)
def bits_array(seed: Any, key: Any, count: Any, draw: Any) -> Any:
    """(count,) uint64: draw number `draw` of attempts 0..count-1 of the stream (seed, key)."""
    out = np.empty(count, np.uint64)
    of = stream(seed, key)
    for i in range(count):
        out[i] = bits(of, 0, i, draw)
    return out


@numba.njit(cache=True)
def unit_matrix(seed: Any, rows: Any, columns: Any, draw: Any) -> Any:
    """(rows, columns) float64 in [0, 1): entry (i, j) is attempt j of the stream (seed, i)."""
    out = np.empty((rows, columns), np.float64)
    for i in range(rows):
        of = stream(seed, i)
        for j in range(columns):
            out[i, j] = unit(bits(of, 0, j, draw))
    return out


@numba.njit(cache=True)
def fill_uniform(out: Any, seed: Any, reach: Any, keys: Any = None) -> None:
    """Fill (rows, columns) float32 with numbers in [-reach, reach): entry (i, j) is attempt j of the stream (seed, i).

    With keys (rows,) int64 it is that of the stream (seed, keys[i]).
    """
    for i in range(out.shape[0]):
        of = stream(seed, i if keys is None else keys[i])
        for j in range(out.shape[1]):
            out[i, j] = (2.0 * unit(bits(of, 0, j, 0)) - 1.0) * reach


@numba.njit(cache=True)
def units(seed: Any, keys: Any) -> Any:
    """(m,) float64 in [0, 1): the first draw of each of the streams (seed, keys[i])."""
    out = np.empty(len(keys), np.float64)
    for i in range(len(keys)):
        out[i] = unit(bits(stream(seed, keys[i]), 0, 0, 0))
    return out


@numba.njit(cache=True)
def permutation(seed: Any, key: Any, n: Any) -> Any:
    """(n,) int64: 0..n-1 in an order that is a function of (seed, key); Fisher and Yates."""
    order = np.arange(n)
    of = stream(seed, key)
    for i in range(n - 1, 0, -1):
        j = np.int64(scale(bits(of, 0, i, 0), i + 1))
        order[i], order[j] = order[j], order[i]
    return order


@numba.njit(cache=True)
def buffered_permutation(seed: Any, key: Any, n: Any, buffer: Any) -> Any:
    """(n,) int64: the order in which a shuffle buffer gives back 0..n-1 (fill it, give a random entry, refill its place)."""
    out = np.empty(n, np.int64)
    held = np.empty(min(n, buffer), np.int64)
    of = stream(seed, key)
    filled = len(held)
    for i in range(filled):
        held[i] = i
    fresh = filled
    for i in range(n):
        place = np.int64(scale(bits(of, 0, i, 0), filled))
        out[i] = held[place]
        if fresh < n:
            held[place] = fresh
            fresh += 1
        else:
            filled -= 1
            held[place] = held[filled]
    return out
