"""Sorted CSR rows of a weighted graph, alias tables for drawing a neighbour by weight, and membership in a row.

Alias method: Walker 1977, "An efficient method for generating discrete random variables with general distributions"; the
tables are built in linear time by Vose 1991, "A linear algorithm for generating random numbers with a given distribution".
"""

from typing import Any

import numpy as np

from walkgram.kernels.arrays import Float64Array, Int64Array, IntArray, UInt32Array, UInt32Matrix
from walkgram.kernels.jit import njit

__all__ = ["build_alias_table", "build_csr", "has_edge", "identity_alias_table", "index_dtype"]

MAX_COUNTING_KEYS = 1 << 20  # more keys are sorted by 16 bits at a time: their counters would leave the cache
U64 = np.uint64
ONE = U64(1)


def build_csr(
    src: Int64Array, dst: Int64Array, weight: Float64Array, low: int, high: int, n: int
) -> tuple[Int64Array, IntArray, Float64Array]:
    """Return (indptr, indices, weights) of the rows low..high-1 from directed edges in any order; duplicates are summed.

    src, dst, weight: (m,) with low <= src < high and 0 <= dst < n. indptr (high - low + 1,) int64, indices (`index_dtype`)
    rising in each row, weights float64. Two stable sorts by digits: O(m). Raises `ValueError` for an end outside its range, and
    for a weight, or a sum of equal edges' weights, that is not above 0 and finite.
    """
    if len(src) and (src.min() < low or src.max() >= high or dst.min() < 0 or dst.max() >= n):
        raise ValueError(f"src must lie in {low}..{high - 1} and dst in 0..{n - 1}")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("weights must be above 0 and finite")
    order = radix_argsort(dst, n)
    order = order[radix_argsort(src[order] - low, high - low)]
    indptr, indices, weights = merge_duplicates(src[order] - low, dst[order].astype(index_dtype(n)), weight[order], high - low)
    if not np.isfinite(weights).all():
        raise ValueError("the sum of equal edges' weights must be finite")
    return indptr, indices, weights


def index_dtype(n: int) -> type[np.integer[Any]]:
    """Return the type of node indices below n: int32, or int64 beyond 2^31 nodes."""
    return np.int32 if n <= 2**31 else np.int64


def radix_argsort(keys: Int64Array, n: int) -> Int64Array:
    """Return the stable order that sorts keys in 0..n-1: one counting sort, or one for each 16 bits where n is large."""
    if n <= MAX_COUNTING_KEYS:
        return counting_argsort(keys, n)
    order = counting_argsort(keys & 0xFFFF, 1 << 16)
    shift = 16
    while (n - 1) >> shift:
        order = order[counting_argsort((keys[order] >> shift) & 0xFFFF, 1 << 16)]
        shift += 16
    return order


@njit
def counting_argsort(keys: Int64Array, n: int) -> Int64Array:
    """Return the stable order that sorts keys in 0..n-1. O(len(keys) + n)."""
    positions = np.zeros(n + 1, np.int64)
    for key in keys:
        positions[key + 1] += 1
    for key in range(n):
        positions[key + 1] += positions[key]
    order = np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        order[positions[keys[i]]] = i
        positions[keys[i]] += 1
    return order


@njit
def merge_duplicates(
    rows: Int64Array, columns: IntArray, weights: Float64Array, num_rows: int
) -> tuple[Int64Array, IntArray, Float64Array]:
    """Return (indptr, indices, weights) of entries that are sorted by row, then column; equal entries are summed."""
    indptr = np.zeros(num_rows + 1, np.int64)
    indices = np.empty(len(rows), columns.dtype)
    values = np.empty(len(rows), np.float64)
    num_edges = 0
    for i in range(len(rows)):
        if i and rows[i] == rows[i - 1] and columns[i] == columns[i - 1]:
            values[num_edges - 1] += weights[i]
            continue
        indices[num_edges], values[num_edges] = columns[i], weights[i]
        indptr[rows[i] + 1] += 1
        num_edges += 1
    for row in range(num_rows):
        indptr[row + 1] += indptr[row]
    return indptr, indices[:num_edges].copy(), values[:num_edges].copy()


@njit
def build_alias_table(indptr: Int64Array, weights: Float64Array) -> UInt32Matrix:
    """Return (m, 2) uint32, the alias tables of all rows: the threshold and the alias of each slot.

    A slot of a row is drawn uniformly. It stands for its own edge where a 32-bit coin is at most its threshold, else for the
    row's edge number `alias`. O(m); a probability is exact to 2^-32.
    """
    alias_table = np.empty((len(weights), 2), np.uint32)
    max_degree = 0
    for row in range(len(indptr) - 1):
        max_degree = max(max_degree, indptr[row + 1] - indptr[row])
    scaled, slots = np.empty(max_degree, np.float64), np.empty(max_degree, np.uint32)
    for row in range(len(indptr) - 1):
        if indptr[row + 1] > indptr[row]:
            fill_alias_row(weights, alias_table, U64(indptr[row]), U64(indptr[row + 1]), scaled, slots)
    return alias_table


@njit
def fill_alias_row(
    weights: Float64Array, alias_table: UInt32Matrix, start: np.uint64, end: np.uint64, scaled: Float64Array, slots: UInt32Array
) -> None:
    """Fill the alias table of the row start..end-1; scaled, slots: scratch, at least as long as the row.

    The scratch holds two stacks of slots with their weights, scaled to a mean of 1: those below 1 (small, from the left), and
    the others (large, from the right). Each iteration completes one slot: the top small one, whose missing weight the top
    large one supplies, or that large one itself, once its remaining weight is below 1.
    """
    degree, unit = end - start, 1.0
    total = sum_weights(weights, start, end, unit)
    if not 1e-290 < total < 1e290:  # in units of the largest, so that neither huge nor tiny weights leave a double's range
        largest = weights[start]
        for i in range(start, end):
            largest = max(largest, weights[i])
        unit = min(1.0 / largest, 1e300)
        total = sum_weights(weights, start, end, unit)
    factor = np.float64(degree) / total
    small, large = U64(0), degree
    for i in range(degree):
        weight = weights[start + i] * unit * factor
        is_small = weight < 1.0  # selections: a branch on it is mispredicted every other time
        large -= U64(0) if is_small else ONE
        top = small if is_small else large
        scaled[top], slots[top] = weight, i
        small += ONE if is_small else U64(0)
    if large < degree:
        large_slot, remaining = slots[large], scaled[large]
    while large < degree:
        if remaining >= 1.0:
            if small == U64(0):
                break
            small -= ONE
            edge, weight = start + U64(slots[small]), scaled[small]
            remaining -= 1.0 - weight
        else:
            if large + ONE == degree:
                break
            large += ONE
            edge, weight = start + U64(large_slot), remaining
            large_slot, remaining = slots[large], scaled[large] - (1.0 - remaining)
        alias_table[edge, 0] = np.uint32(U64(weight * 4294967296.0))
        alias_table[edge, 1] = large_slot
    for i in range(small):  # the slots that are left on either stack have weight 1, up to rounding
        set_unaliased(alias_table, start, slots[i])
    for i in range(large, degree):
        set_unaliased(alias_table, start, slots[i])


@njit(inline="always")
def set_unaliased(alias_table: UInt32Matrix, start: np.uint64, slot: np.uint32) -> None:
    """Let a slot of the row at `start` stand for its own edge alone."""
    alias_table[start + U64(slot), 0] = 0xFFFFFFFF
    alias_table[start + U64(slot), 1] = slot


@njit(inline="always")
def sum_weights(weights: Float64Array, start: np.uint64, end: np.uint64, unit: float) -> float:
    """Return the sum of weights[start:end] times `unit`, by four partial sums: one would wait for every addition."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    unrolled_end = end - ((end - start) & U64(3))
    for i in range(start, unrolled_end, U64(4)):
        a += weights[i] * unit
        b += weights[i + U64(1)] * unit
        c += weights[i + U64(2)] * unit
        d += weights[i + U64(3)] * unit
    for i in range(unrolled_end, end):
        a += weights[i] * unit
    return (a + b) + (c + d)


def identity_alias_table(indptr: Int64Array) -> UInt32Matrix:
    """Return what `build_alias_table` gives where the weights of each row are equal: every slot stands for its own edge."""
    alias_table = np.empty((indptr[-1], 2), np.uint32)
    alias_table[:, 0] = 0xFFFFFFFF
    alias_table[:, 1] = np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
    return alias_table


@njit(inline="always")
def has_edge(indices: IntArray, start: int, end: int, node: int) -> bool:
    """Return whether `node` is in the sorted row indices[start:end], which may be empty. Binary search."""
    row_end = end
    while start < end:
        middle = (start + end) >> 1
        if indices[middle] < node:
            start = middle + 1
        else:
            end = middle
    return bool(start < row_end and indices[start] == node)
