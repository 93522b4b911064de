"""Users' lists of items as the blocks that pair counting maps: for every item, which ranges of the lists count for it.

A block holds, by user, `items`; and by item (`indptr`), for each user who has it, the range starts..stops of `items` that
are its partners there. Baskets: the smaller indices of the list, so that every pair stands once, at its larger end; with
indices by falling frequency the counters of popular items stay in cache, and popular items' own rows are short.
Sequences: what the user came to strictly later, within a window of positions and a gap in time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = [
    "SUPPORT_SCALE",
    "USER_WEIGHTS",
    "SequenceOrder",
    "add_frequencies",
    "build_block",
    "count_offsets",
    "estimate_work",
    "sample_per_user",
    "scatter_positions",
]

Words = NDArray[np.uint32]
Longs = NDArray[np.int64]
SUPPORT_SCALE = 2**30  # supports are whole multiples of 1 / SCALE, so that their sums do not depend on the order
USER_WEIGHTS = {
    "inverse_log_degree": lambda degree: 1 / np.log1p(degree),  # Adamic & Adar 2003, of a user's items
    "inverse_degree": lambda degree: 1 / degree,
}


class SequenceOrder(NamedTuple):
    """What makes lists sequences: times (entries,) int64; the reach in positions and in units of time, 0 for no bound.

    A position is a distinct time of the user: what came at one time stands at one position, in no order.
    """

    times: Longs
    window: int
    gap: int


def build_block(
    users: Longs, items: Longs, n: int, order: SequenceOrder | None = None, weighting: str = "none"
) -> dict[str, np.ndarray]:
    """The arrays of a block of lists.

    users (entries,) int: 0..m-1, each with some entry; items (entries,) int: indices below n, distinct for each user. Returns
    `items` uint32 by user, rising, or by time where there is an `order`; `indptr` (n + 1,) int64, `starts`, `stops`
    uint32 by item; `weights` uint32, the user's weight at each entry in units of 1 / SCALE, empty without weighting;
    `users` (2,) int64: how many there are, and the sum of their weights.
    Linear in the entries (sequences: a sort of each list). Raises `ValueError` for an index outside 0..n-1.
    """
    if len(items) >= 2**32 or n >= 2**31:
        raise ValueError(f"{len(items)} entries of {n} items: a block holds fewer than 2^32, of fewer than 2^31")
    if len(items) and (items.min() < 0 or items.max() >= n):
        raise ValueError(f"items must lie in 0..{n - 1}")
    user, item = users.astype(np.uint32), items.astype(np.uint32)
    item_ptr, user_ptr = count_offsets(item, n), count_offsets(user, int(user.max()) + 1 if len(user) else 0)
    rising = scatter_positions(user, user_ptr, scatter_positions(item, item_ptr))
    listed, reach = item[rising], np.empty((2, 0), np.uint32)
    if order is not None:
        times = np.asarray(order.times, np.int64)[rising]
        sort_by_time(user_ptr, times, listed)
        reach = window_ranges(user_ptr, times, order.window, order.gap)
    degrees = np.diff(user_ptr)
    each = np.empty(0, np.uint32)
    if weighting != "none":
        each = np.rint(SUPPORT_SCALE * USER_WEIGHTS[weighting](degrees)).astype(np.uint32)
    starts, stops, weights = invert_lists(user_ptr, listed, item_ptr, reach, each)
    sums = np.array([len(degrees), each.sum(dtype=np.int64) if weighting != "none" else len(degrees)], np.int64)
    return {"items": listed, "indptr": item_ptr, "starts": starts, "stops": stops, "weights": weights, "users": sums}


@njit
def count_offsets(keys: Words, count: int) -> Longs:
    """(count + 1,) int64: where each key's entries begin and end in order."""
    indptr = np.zeros(count + 1, np.int64)
    for key in keys:
        indptr[key + 1] += 1
    for key in range(count):
        indptr[key + 1] += indptr[key]
    return indptr


@njit
def scatter_positions(keys: Words, indptr: Longs, before: Words | None = None) -> Words:
    """The stable order of entries by key, of those in the order `before`."""
    filled, order = indptr[:-1].copy(), np.empty(len(keys), np.uint32)
    for at in range(len(keys)):
        entry = np.uint32(at) if before is None else before[at]
        order[filled[keys[entry]]] = entry
        filled[keys[entry]] += 1
    return order


@njit
def sort_by_time(user_ptr: Longs, times: Longs, items: Words) -> None:
    """Sort each list by time, in place; equal times keep their order."""
    for user in range(len(user_ptr) - 1):
        low, high = user_ptr[user], user_ptr[user + 1]
        order = np.argsort(times[low:high], kind="mergesort")
        times[low:high] = times[low:high][order]
        items[low:high] = items[low:high][order]


@njit
def window_ranges(user_ptr: Longs, times: Longs, window: int, gap: int) -> Words:
    """(2, entries): the range of later entries of the same list within `window` positions and `gap` units of time."""
    reach = np.empty((2, len(times)), np.uint32)
    for user in range(len(user_ptr) - 1):
        low, high = user_ptr[user], user_ptr[user + 1]
        position = np.zeros(high - low, np.int64)
        for at in range(low + 1, high):
            position[at - low] = position[at - low - 1] + (times[at] > times[at - 1])
        start = stop = low
        for at in range(low, high):
            while start < high and times[start] == times[at]:
                start += 1
            stop = max(stop, start)
            while (
                stop < high
                and (window == 0 or position[stop - low] - position[at - low] <= window)
                and (gap == 0 or times[stop] - times[at] <= gap)
            ):
                stop += 1
            reach[0, at], reach[1, at] = start, stop
    return reach


@njit
def invert_lists(user_ptr: Longs, items: Words, item_ptr: Longs, reach: Words, weights: Words) -> tuple[Words, Words, Words]:
    """(starts, stops, weights) of the entries by item; without `reach` a range is the list before the entry."""
    filled = item_ptr[:-1].copy()
    starts, stops = np.empty(len(items), np.uint32), np.empty(len(items), np.uint32)
    own = np.empty(len(items) if len(weights) else 0, np.uint32)
    for user in range(len(user_ptr) - 1):
        for at in range(user_ptr[user], user_ptr[user + 1]):
            slot = filled[items[at]]
            filled[items[at]] = slot + 1
            if reach.shape[1]:
                starts[slot], stops[slot] = reach[0, at], reach[1, at]
            else:
                starts[slot], stops[slot] = user_ptr[user], at
            if len(weights):
                own[slot] = weights[user]
    return starts, stops, own


def sample_per_user(users: Longs, draws: Longs, cap: int) -> NDArray[np.bool_]:
    """(entries,) bool: the `cap` entries of each user with the least draws. users, draws: (entries,) int64."""
    order = np.lexsort((draws, users))
    first = np.flatnonzero(np.diff(users[order], prepend=-1))
    rank = np.arange(len(users)) - np.repeat(first, np.diff(np.append(first, len(users))))
    kept = np.empty(len(users), np.bool_)
    kept[order] = rank < cap
    return kept


@njit
def estimate_work(indptr: Longs, starts: Words, stops: Words, bounds: Longs) -> Longs:
    """(2, ranges): increments that counting takes, and entries to visit, of the items bounds[k]..bounds[k+1]."""
    sums = np.zeros((2, len(bounds) - 1), np.int64)
    for k in range(len(bounds) - 1):
        low, high = indptr[bounds[k]], indptr[bounds[k + 1]]
        sums[1, k] = high - low
        for entry in range(low, high):
            sums[0, k] += np.int64(stops[entry]) - np.int64(starts[entry])
    return sums


@njit
def add_frequencies(indptr: Longs, weights: Words, f: Longs, s: Longs) -> None:
    """Add a block's users of each item to f (n,), and, where there are weights, their weights to s (n,)."""
    for item in range(len(indptr) - 1):
        f[item] += indptr[item + 1] - indptr[item]
        if len(weights):
            for entry in range(indptr[item], indptr[item + 1]):
                s[item] += weights[entry]
