"""Exact co-occurrence counts of a range of items, by Gustavson's row-wise product with a dense accumulator.

A row of counts is an item with its partners. For each entry of the item in the inverted lists, each partner in the
entry's range is counted once. Gustavson 1978, "Two fast algorithms for sparse matrices".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numba.np.numpy_support import carray

from walkgram.kernels.arrays import Int64Array, UInt32Array, UInt64Matrix
from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.accumulator import (
    PairCounters,
    PairRows,
    clear_counters,
    clear_touched,
    copy_batch,
    emit_dense,
    emit_sparse,
)
from walkgram.kernels.pointers import array_address, longs_at, words_at
from walkgram.kernels.prefetch import prefetch_address

__all__ = ["PairRows", "count_pairs", "split_by_work"]

BATCH_PAIRS = 1 << 20
INDPTR, ITEMS, STARTS, STOPS, WEIGHTS, SIZE = range(6)  # columns of the table of block pointers
PREFETCH_DISTANCE = 3  # entries
CACHE_LINE = 16  # uint32 values
U64, ONE = np.uint64, np.uint32(1)


class CountParams(NamedTuple):
    """The parameters of a count, as `count_pairs` describes them; max_columns: the counters' length."""

    num_items: int
    lower_triangle: bool
    min_frequency: int
    max_columns: int


def count_pairs(
    blocks: Sequence[Mapping[str, np.ndarray]],
    first_item: int,
    end_item: int,
    num_items: int,
    lower_triangle: bool,
    min_frequency: int,
    counter_columns: int,
) -> Iterator[PairRows]:
    """Count the pairs of the items first_item..end_item over all blocks; yield those of min_frequency or more, in batches.

    lower_triangle: partners are smaller than their item (baskets). counter_columns: how many partners are counted at a
    time; an item with more partners comes in several rows. A batch ends once it has BATCH_PAIRS pairs. Time: one
    increment for each co-occurrence. Memory: 8 bytes a column (16 with weights), twice, and the same a pair of a batch.
    """
    if not blocks:
        return
    is_weighted, width = any(len(block["weights"]) for block in blocks), min(num_items, counter_columns)
    table = np.array([[*map(array_address, block_pointers(block)), len(block["starts"])] for block in blocks], np.uint64)
    support = np.zeros(width, np.int64) if is_weighted else None
    counters = PairCounters(np.zeros(width, np.uint32), support, np.empty(width + 1, np.uint32))
    params = CountParams(num_items, lower_triangle, max(1, min_frequency), width)
    out = allocate_rows(width + min(BATCH_PAIRS, 64 * num_items) + 1, is_weighted)
    item, column = first_item, 0
    while item < end_item:
        num_rows, item, column = count_item_rows(table, item, end_item, column, params, counters, out)
        num_pairs = out.ptr[num_rows]
        if num_pairs:
            yield PairRows(
                out.row[:num_rows],
                out.ptr[: num_rows + 1],
                out.partner[:num_pairs],
                out.frequency[:num_pairs],
                out.support[:num_pairs],
            )


def block_pointers(block: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return a block's arrays in the order of the table's columns."""
    return [block[name] for name in ("indptr", "items", "starts", "stops", "weights")]


def allocate_rows(max_pairs: int, is_weighted: bool) -> PairRows:
    """Allocate the buffers of a batch."""
    return PairRows(
        np.empty(BATCH_PAIRS, np.int64),
        np.zeros(BATCH_PAIRS + 1, np.int64),
        np.empty(max_pairs, np.uint32),
        np.empty(max_pairs, np.uint32),
        np.empty(max_pairs if is_weighted else 0, np.int64),
    )


@njit
def count_item_rows(
    table: UInt64Matrix, item: int, end_item: int, column: int, params: CountParams, counters: PairCounters, out: PairRows
) -> tuple[int, int, int]:
    """Fill `out` from (item, column) on; return (rows, next item, next column). The counters are zero before and after."""
    frequency, support = counters.frequency, counters.support
    touched, min_frequency = counters.touched, params.min_frequency
    num_rows = num_pairs = 0
    while item < end_item:
        last_column = item if params.lower_triangle else params.num_items
        entries, work = sum_item_work(table, item)
        while column < last_column and entries >= min_frequency and work > 0:
            stop = min(column + params.max_columns, last_column)
            if num_pairs + min(stop - column, work) >= len(out.partner) or max(num_rows, num_pairs) >= len(out.row):
                return num_rows, item, column
            is_full_row = column == 0 and stop == last_column
            if 16 * work >= stop - column:
                add_list(table, item, column, stop, is_full_row, frequency, support, None)
                end = emit_dense(stop - column, min_frequency, frequency, out.partner, num_pairs)
                copy_batch(out, num_pairs, end, frequency, support)
                clear_counters(frequency, support, stop - column)
            else:
                num_touched = add_list(table, item, column, stop, is_full_row, frequency, support, touched)
                end = emit_sparse(touched, num_touched, min_frequency, frequency, out.partner, num_pairs)
                copy_batch(out, num_pairs, end, frequency, support)
                clear_touched(frequency, support, touched, num_touched)
            if end > num_pairs:
                for k in range(U64(num_pairs), U64(end)):
                    out.partner[k] += np.uint32(column)
                out.row[num_rows], num_pairs = item, end
                num_rows += 1
                out.ptr[num_rows] = num_pairs
            column = stop
        item, column = item + 1, 0
    return num_rows, item, column


@njit
def sum_item_work(table: UInt64Matrix, item: int) -> tuple[int, int]:
    """Return (entries of an item, increments that they take)."""
    entries, work = np.int64(0), np.int64(0)
    for b in range(len(table)):
        indptr, size = carray(longs_at(table[b, INDPTR]), item + 2), table[b, SIZE]
        starts, stops = carray(words_at(table[b, STARTS]), size), carray(words_at(table[b, STOPS]), size)
        entries += indptr[item + 1] - indptr[item]
        for entry in range(indptr[item], indptr[item + 1]):
            work += np.int64(stops[entry]) - np.int64(starts[entry])
    return entries, work  # type: ignore[return-value]  # numba's int is int64


@njit
def add_list(
    table: UInt64Matrix,
    item: int,
    column: int,
    stop: int,
    is_full_row: bool,
    frequency: UInt32Array,
    support: Int64Array | None,
    touched: UInt32Array | None,
) -> int:
    """Count an item's partners column..stop; list them in `touched`, if any, in the order met; return the list's length.

    is_full_row: column..stop are all partners that the item can have, so that none is compared with the bounds.
    """
    first, end = np.uint32(column), np.uint32(stop)
    num_touched = 0
    for b in range(len(table)):
        indptr, size = carray(longs_at(table[b, INDPTR]), item + 2), table[b, SIZE]
        items, starts = carray(words_at(table[b, ITEMS]), size), carray(words_at(table[b, STARTS]), size)
        stops, weights = carray(words_at(table[b, STOPS]), size), carray(words_at(table[b, WEIGHTS]), size)
        for entry in range(indptr[item], indptr[item + 1]):
            next_start = U64(starts[min(U64(entry + PREFETCH_DISTANCE), size - U64(1))])
            prefetch_address(items, next_start)
            prefetch_address(items, next_start + U64(CACHE_LINE))
            prefetch_address(items, next_start + U64(2 * CACHE_LINE))
            weight = 0 if support is None else np.int64(weights[entry])
            for k in range(U64(starts[entry]), U64(stops[entry])):
                partner = items[k]
                if not is_full_row:
                    if partner < first or partner >= end:
                        continue
                    partner = np.uint32(partner - first)
                count = frequency[partner]
                if touched is not None:
                    touched[U64(num_touched)] = partner
                    num_touched += count == 0
                frequency[partner] = np.uint32(count + ONE)
                if support is not None:
                    support[partner] += weight
    return num_touched


def split_by_work(work: Int64Array, parts: int) -> Int64Array:
    """Return bounds (<= parts + 1,) int64 of consecutive ranges of items with about equal work; no range is empty."""
    if len(work) == 0:
        return np.zeros(1, np.int64)
    work_until = np.cumsum(work + 1)  # an item without work still costs its visit
    cuts = np.searchsorted(work_until, work_until[-1] * (np.arange(1, parts) / parts)) + 1
    return np.unique(np.concatenate([[0], cuts, [len(work)]])).astype(np.int64)
