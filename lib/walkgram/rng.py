"""Counter-based random numbers: every draw is a function of (seed, key, step, attempt, draw) and of nothing else.

The same numbers come out on one core and on a thousand, after a retry and on a rerun, in any order of evaluation.
The mixing function is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
generators", variant 13 of Stafford), applied twice so that streams of different keys never run in step. 64-bit
unsigned throughout; a range is taken by the high half of a 64 x 32-bit product, whose bias is below 2^-32.
"""

import hashlib
from typing import Any

import numpy as np

from walkgram.kernels.jit import njit

__all__ = [
    "derive_seed",
    "derive_stream",
    "draw_bits",
    "draw_bits_array",
    "draw_buffered_permutation",
    "draw_permutation",
    "draw_unit_matrix",
    "draw_units",
    "fill_uniform",
    "mix_bits",
    "scale_below",
    "to_unit",
]

U64 = np.uint64
GAMMA = U64(0x9E3779B97F4A7C15)
C1 = U64(0xBF58476D1CE4E5B9)
C2 = U64(0x94D049BB133111EB)
S30, S27, S31, S32, S11 = U64(30), U64(27), U64(31), U64(32), U64(11)
S8, S40 = U64(8), U64(40)
LOW32 = U64(0xFFFFFFFF)
TO_UNIT = 2.0**-53


@njit(inline="always")
def mix_bits(x: Any) -> Any:
    """A bijection of 64-bit words that changes each output bit with probability 1/2 for each input bit."""
    x = U64(x)
    x = (x ^ (x >> S30)) * C1
    x = (x ^ (x >> S27)) * C2
    return x ^ (x >> S31)


@njit(inline="always")
def derive_stream(seed: Any, key: Any) -> Any:
    """The stream of a key (a walk, an example, an epoch) under a seed."""
    return mix_bits(mix_bits(U64(seed) + GAMMA) ^ (U64(key) * GAMMA))


@njit(inline="always")
def draw_bits(of: Any, step: Any, attempt: Any, draw: Any) -> Any:
    """64 random bits of a stream: step below 2^24, attempt below 2^32, draw below 2^8."""
    counter = (U64(step) << S40) | (U64(attempt) << S8) | U64(draw)
    return mix_bits(U64(of) ^ mix_bits(counter + GAMMA))


@njit(inline="always")
def scale_below(word: Any, n: Any) -> Any:
    """A whole number below n (n < 2^32) from 64 random bits: the high half of word * n."""
    word, n = U64(word), U64(n)
    return ((word >> S32) * n + (((word & LOW32) * n) >> S32)) >> S32


@njit(inline="always")
def to_unit(word: Any) -> Any:
    """A float64 in [0, 1) from the upper 53 of 64 random bits."""
    return np.float64(U64(word) >> S11) * TO_UNIT


def derive_seed(seed: int, name: str) -> int:
    """The seed of one use of randomness (walks, negatives, order, ...) under the user's seed: uses never share numbers."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # below 2^63: numba takes it as an int64


@njit
def draw_bits_array(seed: Any, key: Any, count: Any, draw: Any) -> Any:
    """(count,) uint64: draw number `draw` of attempts 0..count-1 of the stream (seed, key)."""
    out = np.empty(count, np.uint64)
    of = derive_stream(seed, key)
    for i in range(count):
        out[i] = draw_bits(of, 0, i, draw)
    return out


@njit
def draw_unit_matrix(seed: Any, rows: Any, columns: Any, draw: Any) -> Any:
    """(rows, columns) float64 in [0, 1): entry (i, j) is attempt j of the stream (seed, i)."""
    out = np.empty((rows, columns), np.float64)
    for i in range(rows):
        of = derive_stream(seed, i)
        for j in range(columns):
            out[i, j] = to_unit(draw_bits(of, 0, j, draw))
    return out


@njit
def fill_uniform(out: Any, seed: Any, reach: Any, keys: Any = None) -> None:
    """Fill (rows, columns) float32 with numbers in [-reach, reach): entry (i, j) is attempt j of the stream (seed, i).

    With keys (rows,) int64 it is that of the stream (seed, keys[i]).
    """
    for i in range(out.shape[0]):
        of = derive_stream(seed, i if keys is None else keys[i])
        for j in range(out.shape[1]):
            out[i, j] = (2.0 * to_unit(draw_bits(of, 0, j, 0)) - 1.0) * reach


@njit
def draw_units(seed: Any, keys: Any) -> Any:
    """(m,) float64 in [0, 1): the first draw of each of the streams (seed, keys[i])."""
    out = np.empty(len(keys), np.float64)
    for i in range(len(keys)):
        out[i] = to_unit(draw_bits(derive_stream(seed, keys[i]), 0, 0, 0))
    return out


@njit
def draw_permutation(seed: Any, key: Any, n: Any) -> Any:
    """(n,) int64: 0..n-1 in an order that is a function of (seed, key); Fisher and Yates."""
    order = np.arange(n)
    of = derive_stream(seed, key)
    for i in range(n - 1, 0, -1):
        j = np.int64(scale_below(draw_bits(of, 0, i, 0), i + 1))
        order[i], order[j] = order[j], order[i]
    return order


@njit
def draw_buffered_permutation(seed: Any, key: Any, n: Any, buffer: Any) -> Any:
    """(n,) int64: the order in which a shuffle buffer gives back 0..n-1 (fill it, give a random entry, refill its place)."""
    out = np.empty(n, np.int64)
    held = np.empty(min(n, buffer), np.int64)
    of = derive_stream(seed, key)
    filled = len(held)
    for i in range(filled):
        held[i] = i
    fresh = filled
    for i in range(n):
        place = np.int64(scale_below(draw_bits(of, 0, i, 0), filled))
        out[i] = held[place]
        if fresh < n:
            held[place] = fresh
            fresh += 1
        else:
            filled -= 1
            held[place] = held[filled]
    return out
