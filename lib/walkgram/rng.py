"""Counter-based random numbers: every draw is a function of (seed, key, step, attempt, draw) alone.

The numbers do not depend on the number of cores, on retries and reruns, or on the order of evaluation (the principle of
Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). The mixing function is the finaliser of SplitMix64
(Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"; the constants are variant 13 of Stafford),
applied twice so that the streams of different keys are not correlated. All words are 64-bit unsigned; a range is taken by the
high half of a 64 x 32-bit product, whose bias is below 2^-32.
"""

import hashlib

import numpy as np

from walkgram.kernels.arrays import Float32Matrix, Float64Array, Float64Matrix, Int64Array, Integer, UInt64Array
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
def mix_bits(value: Integer) -> np.uint64:
    """Mix a 64-bit word: a bijection in which each input bit changes each output bit with probability 1/2."""
    x = U64(value)
    x = (x ^ (x >> S30)) * C1
    x = (x ^ (x >> S27)) * C2
    return x ^ (x >> S31)


@njit(inline="always")
def derive_stream(seed: Integer, key: Integer) -> np.uint64:
    """Return the stream of a key (a walk, an example, an epoch) under a seed."""
    return mix_bits(mix_bits(U64(seed) + GAMMA) ^ (U64(key) * GAMMA))


@njit(inline="always")
def draw_bits(stream: Integer, step: Integer, attempt: Integer, draw: Integer) -> np.uint64:
    """Draw 64 random bits of a stream: step below 2^24, attempt below 2^32, draw below 2^8."""
    counter = (U64(step) << S40) | (U64(attempt) << S8) | U64(draw)
    return mix_bits(U64(stream) ^ mix_bits(counter + GAMMA))


@njit(inline="always")
def scale_below(word: Integer, n: Integer) -> np.uint64:
    """Scale 64 random bits to an integer below n (n < 2^32): the high half of word * n (Lemire 2019, without rejection)."""
    bits, bound = U64(word), U64(n)
    return ((bits >> S32) * bound + (((bits & LOW32) * bound) >> S32)) >> S32


@njit(inline="always")
def to_unit(word: Integer) -> np.float64:
    """Convert the upper 53 of 64 random bits to a float64 in [0, 1)."""
    return np.float64(U64(word) >> S11) * TO_UNIT


def derive_seed(seed: int, name: str) -> int:
    """Return the seed of one use of randomness (walks, negatives, order, ...) under the user's seed: uses share no numbers."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # below 2^63: numba takes it as an int64


@njit
def draw_bits_array(seed: Integer, key: Integer, count: int, draw: Integer) -> UInt64Array:
    """Return (count,) uint64: draw number `draw` of attempts 0..count-1 of the stream (seed, key)."""
    out = np.empty(count, np.uint64)
    stream = derive_stream(seed, key)
    for i in range(count):
        out[i] = draw_bits(stream, 0, i, draw)
    return out


@njit
def draw_unit_matrix(seed: Integer, rows: int, columns: int, draw: Integer) -> Float64Matrix:
    """Return (rows, columns) float64 in [0, 1): entry (i, j) is attempt j of the stream (seed, i)."""
    out = np.empty((rows, columns), np.float64)
    for i in range(rows):
        stream = derive_stream(seed, i)
        for j in range(columns):
            out[i, j] = to_unit(draw_bits(stream, 0, j, draw))
    return out


@njit
def fill_uniform(out: Float32Matrix, seed: Integer, bound: float, keys: Int64Array | None = None) -> None:
    """Fill (rows, columns) float32 with numbers in [-bound, bound): entry (i, j) is attempt j of the stream (seed, i).

    With keys (rows,) int64 it is attempt j of the stream (seed, keys[i]).
    """
    for i in range(out.shape[0]):
        stream = derive_stream(seed, i if keys is None else keys[i])
        for j in range(out.shape[1]):
            out[i, j] = (2.0 * to_unit(draw_bits(stream, 0, j, 0)) - 1.0) * bound


@njit
def draw_units(seed: Integer, keys: Int64Array) -> Float64Array:
    """Return (m,) float64 in [0, 1): the first draw of each of the streams (seed, keys[i])."""
    out = np.empty(len(keys), np.float64)
    for i in range(len(keys)):
        out[i] = to_unit(draw_bits(derive_stream(seed, keys[i]), 0, 0, 0))
    return out


@njit
def draw_permutation(seed: Integer, key: Integer, n: int) -> Int64Array:
    """Return (n,) int64: 0..n-1 in an order that is a function of (seed, key), by Fisher and Yates."""
    order = np.arange(n)
    stream = derive_stream(seed, key)
    for i in range(n - 1, 0, -1):
        j = np.int64(scale_below(draw_bits(stream, 0, i, 0), i + 1))
        order[i], order[j] = order[j], order[i]
    return order


@njit
def draw_buffered_permutation(seed: Integer, key: Integer, n: int, buffer: int) -> Int64Array:
    """Return (n,) int64: the order in which a shuffle buffer emits 0..n-1.

    The buffer holds min(n, buffer) numbers. Each draw emits a random one of them and puts the next number in its place.
    """
    out = np.empty(n, np.int64)
    buffered = np.empty(min(n, buffer), np.int64)
    stream = derive_stream(seed, key)
    num_buffered = len(buffered)
    for i in range(num_buffered):
        buffered[i] = i
    next_number = num_buffered
    for i in range(n):
        position = np.int64(scale_below(draw_bits(stream, 0, i, 0), num_buffered))
        out[i] = buffered[position]
        if next_number < n:
            buffered[position] = next_number
            next_number += 1
        else:
            num_buffered -= 1
            buffered[position] = buffered[num_buffered]
    return out
