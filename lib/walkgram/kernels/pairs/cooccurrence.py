"""Exact co-occurrence counts of a range of items, by Gustavson's row-wise product with a dense accumulator.

The rows of items low..high over all blocks of `lists`: for each entry of an item, one increment for each partner in its
range. Gustavson 1978, "Two fast algorithms for sparse matrices".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from walkgram.kernels.jit import njit
from walkgram.kernels.pointers import array_address, longs_at, words_at
from walkgram.kernels.prefetch import prefetch_address

__all__ = ["PairRows", "count_pairs", "split_by_work"]

Longs = NDArray[np.int64]
Words = NDArray[np.uint32]
BATCH = 1 << 20  # pairs of a batch
INDPTR, ITEMS, STARTS, STOPS, WEIGHTS, SIZE = range(6)  # columns of the table of blocks
AHEAD, LINE = 3, 16  # entries whose lists are fetched beforehand; indices of a cache line
U64, ONE = np.uint64, np.uint32(1)


class PairRows(NamedTuple):
    """Counts: pairs ptr[k]..ptr[k+1] are those of the item row[k]. An item's partners rise, and so do the items.

    row (r,) int64, ptr (r + 1,) int64, partner (m,) uint32, frequency (m,) uint32; support (m,) int64 in units of
    1 / lists.SCALE, empty where users have no weights. Views of buffers: the next batch overwrites them.
    """

    row: Longs
    ptr: Longs
    partner: Words
    frequency: Words
    support: Longs


def count_pairs(
    blocks: Sequence[Mapping[str, np.ndarray]], low: int, high: int, n: int, lower: bool, floor: int, columns: int
) -> Iterator[PairRows]:
    """Count the rows of items low..high over all blocks and give the pairs of frequency >= floor, in batches.

    lower: partners are smaller than their item (baskets). columns: how many partners are counted at a time; an item with
    more comes in several rows. A batch ends once it has BATCH pairs. Costs an increment a co-occurrence; memory 8 bytes a
    column (16 with weights), twice, and as much a pair of a batch.
    """
    if not blocks:
        return
    weighted, width = any(len(block["weights"]) for block in blocks), min(n, columns)
    table = np.array([[*map(array_address, block_pointers(block)), len(block["starts"])] for block in blocks], np.uint64)
    counters, touched = np.zeros(width, np.uint32), np.empty(width + 1, np.uint32)
    supports = np.zeros(width, np.int64) if weighted else None
    room = width + min(BATCH, 64 * n) + 1
    out = PairRows(
        np.empty(BATCH, np.int64), np.zeros(BATCH + 1, np.int64), np.empty(room, np.uint32),
        np.empty(room, np.uint32), np.empty(room if weighted else 0, np.int64),
    )  # fmt: skip
    item, column = low, 0
    while item < high:
        count, item, column = count_item_rows(
            table, item, high, column, n, lower, max(1, floor), width, counters, supports, touched, out
        )
        filled = out.ptr[count]
        if filled:
            yield PairRows(
                out.row[:count], out.ptr[: count + 1], out.partner[:filled], out.frequency[:filled], out.support[:filled]
            )


def block_pointers(block: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """A block's arrays in the order of the table's columns."""
    return [block[name] for name in ("indptr", "items", "starts", "stops", "weights")]


@njit
def count_item_rows(
    table: Any, item: int, high: int, column: int, n: int, lower: bool, floor: int, columns: int,
    counters: Any, supports: Any, touched: Any, out: PairRows,
) -> tuple[int, int, int]:  # fmt: skip
    """Fill `out` from (item, column) on; returns its rows and where to go on. The counters are zero before and after."""
    count = filled = 0
    while item < high:
        end = item if lower else n
        entries, work = list_visits(table, item)
        while column < end and entries >= floor and work > 0:
            upto = min(column + columns, end)
            if filled + min(upto - column, work) >= len(out.partner) or max(count, filled) >= len(out.row):
                return count, item, column
            whole = column == 0 and upto == end
            if 16 * work >= upto - column:
                add_list(table, item, column, upto, whole, counters, supports, None)
                made = emit_dense(upto - column, floor, counters, out.partner, filled)
                copy_batch(out, filled, made, counters, supports)
                clear_counters(counters, supports, upto - column)
            else:
                found = add_list(table, item, column, upto, whole, counters, supports, touched)
                made = emit_sparse(touched, found, floor, counters, out.partner, filled)
                copy_batch(out, filled, made, counters, supports)
                clear_touched(counters, supports, touched, found)
            if made > filled:
                for at in range(U64(filled), U64(made)):
                    out.partner[at] += np.uint32(column)
                out.row[count], filled = item, made
                count += 1
                out.ptr[count] = filled
            column = upto
        item, column = item + 1, 0
    return count, item, column


@njit
def list_visits(table: Any, item: int) -> Any:
    """(entries of an item, increments that they take)."""
    entries, work = np.int64(0), np.int64(0)
    for b in range(len(table)):
        indptr, size = carray(longs_at(table[b, INDPTR]), item + 2), table[b, SIZE]
        starts, stops = carray(words_at(table[b, STARTS]), size), carray(words_at(table[b, STOPS]), size)
        entries += indptr[item + 1] - indptr[item]
        for entry in range(indptr[item], indptr[item + 1]):
            work += np.int64(stops[entry]) - np.int64(starts[entry])
    return entries, work


@njit
def add_list(table: Any, item: int, column: int, upto: int, whole: bool, counters: Any, supports: Any, touched: Any) -> int:
    """Count an item's partners column..upto; `touched`, if any, lists them in the order met. Returns how many are listed."""
    found, first, last = 0, np.uint32(column), np.uint32(upto)
    for b in range(len(table)):
        indptr, size = carray(longs_at(table[b, INDPTR]), item + 2), table[b, SIZE]
        items, starts = carray(words_at(table[b, ITEMS]), size), carray(words_at(table[b, STARTS]), size)
        stops, weights = carray(words_at(table[b, STOPS]), size), carray(words_at(table[b, WEIGHTS]), size)
        for entry in range(indptr[item], indptr[item + 1]):
            after = U64(starts[min(U64(entry + AHEAD), size - U64(1))])
            prefetch_address(items, after)
            prefetch_address(items, after + U64(LINE))
            prefetch_address(items, after + U64(2 * LINE))
            weight = 0 if supports is None else np.int64(weights[entry])
            for at in range(U64(starts[entry]), U64(stops[entry])):
                place = items[at]
                if not whole:
                    if place < first or place >= last:
                        continue
                    place = np.uint32(place - first)
                before = counters[place]
                if touched is not None:
                    touched[U64(found)] = place
                    found += before == 0
                counters[place] = np.uint32(before + ONE)
                if supports is not None:
                    supports[place] += weight
    return found


@njit
def emit_dense(count: int, floor: int, counters: Words, partner: Words, filled: int) -> int:
    """Append the places of the first `count` counters that reach the floor; returns where the list ends."""
    least = np.uint32(floor)
    for at in range(U64(count)):
        partner[U64(filled)] = np.uint32(at)  # written over unless it is counted: no branch to be missed
        filled += counters[at] >= least
    return filled


@njit
def emit_sparse(touched: Words, found: int, floor: int, counters: Words, partner: Words, filled: int) -> int:
    """Append the touched places whose counters reach the floor, rising; returns where the list ends."""
    least, first = np.uint32(floor), filled
    for at in range(U64(found)):
        partner[U64(filled)] = touched[at]
        filled += counters[touched[at]] >= least
    partner[first:filled].sort()
    return filled


@njit
def copy_batch(out: PairRows, filled: int, made: int, counters: Words, supports: Any) -> None:
    """Read the counters of the places in out.partner[filled:made]."""
    for at in range(U64(filled), U64(made)):
        out.frequency[at] = counters[out.partner[at]]
        if supports is not None:
            out.support[at] = supports[out.partner[at]]


@njit
def clear_counters(counters: Words, supports: Any, count: int) -> None:
    """Make the first `count` counters zero."""
    counters[:count] = 0
    if supports is not None:
        supports[:count] = 0


@njit
def clear_touched(counters: Words, supports: Any, touched: Words, found: int) -> None:
    """Make the touched counters zero."""
    for at in range(U64(found)):
        counters[touched[at]] = 0
        if supports is not None:
            supports[touched[at]] = 0


def split_by_work(work: Longs, parts: int) -> Longs:
    """Bounds (<= parts + 1,) int64 of consecutive ranges of items with about equal work; every range has some item."""
    if len(work) == 0:
        return np.zeros(1, np.int64)
    upto = np.cumsum(work + 1)  # an item without work still costs its visit
    cuts = np.searchsorted(upto, upto[-1] * (np.arange(1, parts) / parts)) + 1
    return np.unique(np.concatenate([[0], cuts, [len(work)]])).astype(np.int64)
