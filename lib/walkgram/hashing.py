"""Counter-based random numbers: every draw is a function of (seed, key, step, attempt, draw) and of nothing else.

The same numbers come out on one core and on a thousand, after a retry and on a rerun, in any order of evaluation.
The mixing function is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
generators", variant 13 of Stafford), applied twice so that streams of different keys never run in step. 64-bit
unsigned throughout; a range is taken by the high half of a 64 x 32-bit product, whose bias is below 2^-32.
"""

from typing import Any

import numba
import numpy as np

__all__ = ["bits", "bits_array", "mix", "scale", "stream", "unit"]

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


@numba.njit(cache=True)
def bits_array(seed: Any, key: Any, count: Any, draw: Any) -> Any:
    """(count,) uint64: draw number `draw` of attempts 0..count-1 of the stream (seed, key)."""
    out = np.empty(count, np.uint64)
    of = stream(seed, key)
    for i in range(count):
        out[i] = bits(of, 0, i, draw)
    return out
