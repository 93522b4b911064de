"""Exact co-occurrence counts of a range of items, by Gustavson's row-wise product with a dense accumulator.

A basket block holds users' item lists as CSR (`items`, each list rising) and, for every item, where it stands in them:
entry e of item j is the half-open range starts[e]..stops[e] of `items`, the smaller indices before j in one user's list.
Row j of the strict lower triangle of the Gram matrix counts those; j's pairs are (i, j) with i < j. With indices by
falling frequency the counters of popular items stay in cache and the popular items' own rows are the short ones.
"""

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["block_of_baskets", "count_row", "ranges_of_equal_work", "work_of_items"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


def block_of_baskets(indptr: Longs, items: Ints, n: int) -> dict[str, np.ndarray]:
    """The arrays of a basket block.

    indptr (users + 1,) int64 and items (entries,) int32: users' distinct items in any order; n: items in all. Returns
    `items` sorted within each user, and for each item the ranges before it: `indptr` (n + 1,) int64, `starts` and
    `stops` int64, ranges of length 0 left out. Raises `ValueError` for an index outside 0..n-1.
    """
    if n >= 2**31:
        raise ValueError(f"{n} items: lists of 32-bit indices hold fewer than 2^31")
    if len(items) and (items.min() < 0 or items.max() >= n):
        raise ValueError(f"items must lie in 0..{n - 1}")
    ordered = np.array(items, dtype=np.int32)
    sort_rows(indptr, ordered)
    item_ptr, starts, stops = positions(indptr, ordered, n)
    return {"items": ordered, "indptr": item_ptr, "starts": starts, "stops": stops}


@numba.njit(cache=True)
def sort_rows(indptr: Longs, items: Ints) -> None:
    """Sort each row in place."""
    for row in range(len(indptr) - 1):
        items[indptr[row] : indptr[row + 1]].sort()


@numba.njit(cache=True)
def positions(indptr: Longs, items: Ints, n: int) -> tuple[Longs, Longs, Longs]:
    """For each item the ranges (start of the user's list, its own place) of the lists in which it is not the first."""
    item_ptr = np.zeros(n + 1, np.int64)
    for row in range(len(indptr) - 1):
        for at in range(indptr[row] + 1, indptr[row + 1]):
            item_ptr[items[at] + 1] += 1
    for item in range(n):
        item_ptr[item + 1] += item_ptr[item]
    starts = np.empty(item_ptr[n], np.int64)
    stops = np.empty(item_ptr[n], np.int64)
    filled = item_ptr[:-1].copy()
    for row in range(len(indptr) - 1):
        for at in range(indptr[row] + 1, indptr[row + 1]):
            slot = filled[items[at]]
            starts[slot], stops[slot] = indptr[row], at
            filled[items[at]] = slot + 1
    return item_ptr, starts, stops


@numba.njit(cache=True)
def work_of_items(item_ptr: Longs, starts: Longs, stops: Longs) -> Longs:
    """(n,) int64: increments that counting each item's row takes in this block."""
    work = np.zeros(len(item_ptr) - 1, np.int64)
    for item in range(len(work)):
        for entry in range(item_ptr[item], item_ptr[item + 1]):
            work[item] += stops[entry] - starts[entry]
    return work


def ranges_of_equal_work(work: Longs, parts: int) -> Longs:
    """Bounds (<= parts + 1,) int64 of consecutive ranges of items with about equal work; every range has some item."""
    if len(work) == 0:
        return np.zeros(1, np.int64)
    upto = np.cumsum(work + 1)  # an item without work still costs its visit
    cuts = np.searchsorted(upto, upto[-1] * np.arange(1, parts) / parts) + 1
    return np.unique(np.concatenate([[0], cuts, [len(work)]])).astype(np.int64)


@numba.njit(cache=True)
def add_row(items: Ints, starts: Longs, stops: Longs, accumulator: Longs, touched: Ints, found: int) -> int:
    """Count one item's ranges into the accumulator; `touched[:found]` lists its non-zero places. Returns the new found."""
    for entry in range(len(starts)):
        for at in range(starts[entry], stops[entry]):
            other = items[at]
            if accumulator[other] == 0:
                touched[found] = other
                found += 1
            accumulator[other] += 1
    return found


def count_row(parts: list[tuple[Ints, Longs, Longs]], accumulator: Longs, touched: Ints) -> tuple[Ints, Longs]:
    """(partners, counts) of one item over all blocks, partners rising; the accumulator is zero before and after.

    parts: (items, starts, stops) of the item in each block; accumulator (n,) int64 of zeros; touched (n,) int32 scratch.
    Costs one increment a co-occurrence and a sort of the distinct partners.
    """
    found = 0
    for items, starts, stops in parts:
        found = add_row(items, starts, stops, accumulator, touched, found)
    partners = np.sort(touched[:found])
    counts = accumulator[partners]
    accumulator[partners] = 0
    return partners, counts
