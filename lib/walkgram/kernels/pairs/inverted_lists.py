"""Users' lists of items as blocks for pair counting: for every item, the ranges of the lists that are its partners.

A block has, by user, `items`; and by item (`indptr`), for each user who has it, the range starts..stops of `items` that
are its partners in this user's list. Baskets: the smaller indices of the list, so that every pair is counted once, in the
row of its larger index; with indices by falling frequency the counters of popular items stay in cache, and the rows of
popular items are short. Sequences: the items strictly later in the list, within a window of positions and a gap in time.
"""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolArray, Int64Array, Int64Matrix, UInt32Array, UInt32Matrix
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

SUPPORT_SCALE = 2**30  # supports are integer multiples of 1 / SUPPORT_SCALE: sums do not depend on their order
USER_WEIGHTS = {
    "inverse_log_degree": lambda degree: 1 / np.log1p(degree),  # Adamic & Adar 2003, of a user's items
    "inverse_degree": lambda degree: 1 / degree,
}


class SequenceOrder(NamedTuple):
    """The order of sequences: times (entries,) int64; window in positions and max_gap in units of time, 0 for no bound.

    A position is a distinct time of the user: entries of equal time share a position and have no order.
    """

    times: Int64Array
    window: int
    max_gap: int


class InvertedLists(NamedTuple):
    """Entries by item: their ranges of partners, and their users' weights, empty without weights; each (entries,) uint32."""

    starts: UInt32Array
    stops: UInt32Array
    weights: UInt32Array


def build_block(
    users: Int64Array, items: Int64Array, num_items: int, order: SequenceOrder | None = None, user_weight: str = "none"
) -> dict[str, np.ndarray]:
    """Build the arrays of a block of lists.

    users (entries,) int: 0..m-1, each with some entry; items (entries,) int: below num_items, distinct for each user.
    user_weight: "none" or a key of USER_WEIGHTS. Returns `items` uint32 by user, rising, or by time where there is an
    `order`; `indptr` (num_items + 1,) int64 and `starts`, `stops` uint32 by item; `weights` uint32, the user's weight at
    each entry in units of 1 / SUPPORT_SCALE, empty without weights; `users` (2,) int64: their number, and the sum of their
    weights. Linear in the entries (sequences: a sort of each list). Raises `ValueError` for an item outside 0..num_items-1.
    """
    if len(items) >= 2**32 or num_items >= 2**31:
        raise ValueError(f"{len(items)} entries of {num_items} items: a block has fewer than 2^32 entries, of 2^31 items")
    if len(items) and (items.min() < 0 or items.max() >= num_items):
        raise ValueError(f"items must lie in 0..{num_items - 1}")
    user, item = users.astype(np.uint32), items.astype(np.uint32)
    item_ptr, user_ptr = count_offsets(item, num_items), count_offsets(user, int(user.max()) + 1 if len(user) else 0)
    by_user = scatter_positions(user, user_ptr, scatter_positions(item, item_ptr))
    listed, windows = item[by_user], np.empty((2, 0), np.uint32)
    if order is not None:
        times = np.asarray(order.times, np.int64)[by_user]
        sort_by_time(user_ptr, times, listed)
        windows = window_ranges(user_ptr, times, order.window, order.max_gap)
    degrees = np.diff(user_ptr)
    weights = np.empty(0, np.uint32)
    if user_weight != "none":
        weights = np.rint(SUPPORT_SCALE * USER_WEIGHTS[user_weight](degrees)).astype(np.uint32)
    lists = invert_lists(user_ptr, listed, item_ptr, windows, weights)
    total_weight = weights.sum(dtype=np.int64) if user_weight != "none" else len(degrees)
    sums = np.array([len(degrees), total_weight], np.int64)
    return {"items": listed, "indptr": item_ptr, **lists._asdict(), "users": sums}


@njit
def count_offsets(keys: UInt32Array, num_keys: int) -> Int64Array:
    """Return indptr (num_keys + 1,) int64: the range of each key's entries in sorted order."""
    indptr = np.zeros(num_keys + 1, np.int64)
    for key in keys:
        indptr[key + 1] += 1
    for key in range(num_keys):
        indptr[key + 1] += indptr[key]
    return indptr


@njit
def scatter_positions(keys: UInt32Array, indptr: Int64Array, order: UInt32Array | None = None) -> UInt32Array:
    """Return the entries (m,) uint32 sorted by key; entries of equal key keep their order, or their place in `order`."""
    next_slot, sorted_entries = indptr[:-1].copy(), np.empty(len(keys), np.uint32)
    for k in range(len(keys)):
        entry = np.uint32(k) if order is None else order[k]
        sorted_entries[next_slot[keys[entry]]] = entry
        next_slot[keys[entry]] += 1
    return sorted_entries


@njit
def sort_by_time(user_ptr: Int64Array, times: Int64Array, items: UInt32Array) -> None:
    """Sort each list by time, in place; equal times keep their order."""
    for user in range(len(user_ptr) - 1):
        start, stop = user_ptr[user], user_ptr[user + 1]
        order = np.argsort(times[start:stop], kind="mergesort")
        times[start:stop] = times[start:stop][order]
        items[start:stop] = items[start:stop][order]


@njit
def window_ranges(user_ptr: Int64Array, times: Int64Array, window: int, max_gap: int) -> UInt32Matrix:
    """Return (2, entries): each entry's range of later entries of its list within `window` positions and `max_gap` of time."""
    ranges = np.empty((2, len(times)), np.uint32)
    for user in range(len(user_ptr) - 1):
        first, end = user_ptr[user], user_ptr[user + 1]
        position = np.zeros(end - first, np.int64)
        for entry in range(first + 1, end):
            position[entry - first] = position[entry - first - 1] + (times[entry] > times[entry - 1])
        start = stop = first
        for entry in range(first, end):
            while start < end and times[start] == times[entry]:
                start += 1
            stop = max(stop, start)
            while (
                stop < end
                and (window == 0 or position[stop - first] - position[entry - first] <= window)
                and (max_gap == 0 or times[stop] - times[entry] <= max_gap)
            ):
                stop += 1
            ranges[0, entry], ranges[1, entry] = start, stop
    return ranges


@njit
def invert_lists(
    user_ptr: Int64Array, items: UInt32Array, item_ptr: Int64Array, windows: UInt32Matrix, weights: UInt32Array
) -> InvertedLists:
    """Return the ranges and weights of the entries, by item, then user.

    windows: (2, entries), or (2, 0) for baskets, whose ranges are the list before the entry; weights: (users,), or empty.
    """
    next_slot = item_ptr[:-1].copy()
    starts, stops = np.empty(len(items), np.uint32), np.empty(len(items), np.uint32)
    entry_weights = np.empty(len(items) if len(weights) else 0, np.uint32)
    for user in range(len(user_ptr) - 1):
        for entry in range(user_ptr[user], user_ptr[user + 1]):
            slot = next_slot[items[entry]]
            next_slot[items[entry]] = slot + 1
            if windows.shape[1]:
                starts[slot], stops[slot] = windows[0, entry], windows[1, entry]
            else:
                starts[slot], stops[slot] = user_ptr[user], entry
            if len(weights):
                entry_weights[slot] = weights[user]
    return InvertedLists(starts, stops, entry_weights)


def sample_per_user(users: Int64Array, draws: Int64Array, max_items: int) -> BoolArray:
    """Mark the max_items entries of each user with the least draws. users, draws: (entries,) int64."""
    order = np.lexsort((draws, users))
    first = np.flatnonzero(np.diff(users[order], prepend=-1))
    rank = np.arange(len(users)) - np.repeat(first, np.diff(np.append(first, len(users))))
    is_sampled = np.empty(len(users), np.bool_)
    is_sampled[order] = rank < max_items
    return is_sampled


@njit
def estimate_work(indptr: Int64Array, starts: UInt32Array, stops: UInt32Array, bounds: Int64Array) -> Int64Matrix:
    """Return (2, ranges): the increments that counting takes, and the entries, of the items bounds[k]..bounds[k+1]."""
    work = np.zeros((2, len(bounds) - 1), np.int64)
    for k in range(len(bounds) - 1):
        first, end = indptr[bounds[k]], indptr[bounds[k + 1]]
        work[1, k] = end - first
        for entry in range(first, end):
            work[0, k] += np.int64(stops[entry]) - np.int64(starts[entry])
    return work


@njit
def add_frequencies(indptr: Int64Array, weights: UInt32Array, frequency: Int64Array, support: Int64Array) -> None:
    """Add a block's users of each item to frequency (n,), and, where there are weights, their weights to support (n,)."""
    for item in range(len(indptr) - 1):
        frequency[item] += indptr[item + 1] - indptr[item]
        if len(weights):
            for entry in range(indptr[item], indptr[item + 1]):
                support[item] += weights[entry]
