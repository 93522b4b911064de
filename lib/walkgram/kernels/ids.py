"""Hashes of ids, longs or text: the same on every machine, and whatever else is in the table."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from walkgram.hashing import GAMMA, mix, stream
from walkgram.kernels.lists import ends, places

__all__ = ["dealt", "hashed_longs", "hashed_text", "lots"]

U64 = np.uint64
Hashes = NDArray[np.uint64]


@numba.njit(cache=True)
def hashed_longs(ids: Any) -> Any:
    """(m,) uint64 of ids (m,) int64."""
    out = np.empty(len(ids), np.uint64)
    for k in range(len(ids)):
        out[k] = mix(U64(ids[k]) + GAMMA)
    return out


@numba.njit(cache=True)
def hashed_text(offsets: Any, data: Any) -> Any:
    """(m,) uint64 of texts: bytes offsets[k]..offsets[k + 1] of data (b,) uint8; eight at a time, the least first."""
    out = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(out)):
        low, high = offsets[k], offsets[k + 1]
        found = U64(high - low) * GAMMA
        for start in range(low, high, 8):
            word = U64(0)
            for at in range(start, min(start + 8, high)):
                word |= U64(data[at]) << U64(8 * (at - start))
            found = mix(found ^ word) + GAMMA
        out[k] = mix(found)
    return out


def lots(users: Hashes, items: Hashes, seed: int) -> NDArray[np.int64]:
    """(m,) int64 >= 0: the lot of each (user, item), from the hashes of their ids. It depends on these and the seed alone."""
    return draw(users, items, U64(seed)).view(np.int64)  # type: ignore[no-any-return]


@numba.njit(cache=True)
def draw(users: Hashes, items: Hashes, seed: Any) -> Any:
    """`lots`, compiled."""
    out = np.empty(len(users), np.uint64)
    for k in range(len(users)):
        out[k] = mix(stream(seed, users[k]) ^ items[k]) >> U64(1)
    return out


def dealt(hashes: Hashes, receivers: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """(order (m,) uint32, ends (receivers + 1,) int64): entries by the receiver that their hash chooses, each in its order."""
    to = (hashes % U64(receivers)).astype(np.uint32)
    indptr = ends(to, receivers)
    return places(to, indptr), indptr
