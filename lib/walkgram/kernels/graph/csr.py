"""Sorted CSR rows of a weighted graph, alias slots for choosing a neighbour by weight, and membership in a row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["build_alias_table", "build_csr", "has_edge", "identity_alias_table", "index_dtype"]

Ints = NDArray[np.integer[Any]]  # int32, or int64 where n passes 2^31
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Slots = NDArray[np.uint32]
U64 = np.uint64
ONE = U64(1)


def build_csr(src: Longs, dst: Longs, weight: Floats, low: int, high: int, n: int) -> tuple[Longs, Ints, Floats]:
    """(indptr, indices, weights) of the rows low..high-1 from directed edges in any order; duplicates are summed.

    src, dst, weight: (m,) with low <= src < high and 0 <= dst < n. indptr (high - low + 1,) int64, indices (`index_type`)
    rising in each row, weights float64. Two stable sorts by digits: O(m). Raises `ValueError` for an end outside its range, and
    for a weight, or a sum of equal edges' weights, that is not above 0 and finite.
    """
    if len(src) and (src.min() < low or src.max() >= high or dst.min() < 0 or dst.max() >= n):
        raise ValueError(f"src must lie in {low}..{high - 1} and dst in 0..{n - 1}")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("weights must be above 0 and finite")
    order = radix_argsort(dst, n)
    order = order[radix_argsort(src[order] - low, high - low)]
    indptr, indices, values = merge_duplicates(src[order] - low, dst[order].astype(index_dtype(n)), weight[order], high - low)
    if not np.isfinite(values).all():
        raise ValueError("the sum of equal edges' weights must be finite")
    return indptr, indices, values


def index_dtype(n: int) -> type[np.integer[Any]]:
    """The type of node indices below n."""
    return np.int32 if n <= 2**31 else np.int64


def radix_argsort(keys: Longs, n: int) -> Longs:
    """The stable order that sorts keys in 0..n-1: one counting sort, or one for each 16 bits where n is large."""
    if n <= 1 << 20:
        return counting_argsort(keys, n)
    order = counting_argsort(keys & 0xFFFF, 1 << 16)
    shift = 16
    while (n - 1) >> shift:
        order = order[counting_argsort((keys[order] >> shift) & 0xFFFF, 1 << 16)]
        shift += 16
    return order


@njit
def counting_argsort(keys: Longs, n: int) -> Longs:
    """The stable order that sorts keys in 0..n-1."""
    place = np.zeros(n + 1, np.int64)
    for key in keys:
        place[key + 1] += 1
    for key in range(n):
        place[key + 1] += place[key]
    order = np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        order[place[keys[i]]] = i
        place[keys[i]] += 1
    return order


@njit
def merge_duplicates(rows: Longs, columns: Ints, weights: Floats, height: int) -> tuple[Longs, Ints, Floats]:
    """CSR of entries sorted by (row, column), equal entries summed."""
    indptr = np.zeros(height + 1, np.int64)
    indices = np.empty(len(rows), columns.dtype)
    values = np.empty(len(rows), np.float64)
    kept = 0
    for i in range(len(rows)):
        if i and rows[i] == rows[i - 1] and columns[i] == columns[i - 1]:
            values[kept - 1] += weights[i]
            continue
        indices[kept], values[kept] = columns[i], weights[i]
        indptr[rows[i] + 1] += 1
        kept += 1
    for row in range(height):
        indptr[row + 1] += indptr[row]
    return indptr, indices[:kept].copy(), values[:kept].copy()


@njit
def build_alias_table(indptr: Longs, weights: Floats) -> Slots:
    """(edges, 2) uint32, threshold and alias of each slot: Vose's alias table of every row (Vose 1991).

    Slot s of a row is taken where a 32-bit coin is at most its threshold, else the row's slot with its alias's number.
    Linear in the edges; a probability is exact to 2^-32.
    """
    slots = np.empty((len(weights), 2), np.uint32)
    widest = 0
    for row in range(len(indptr) - 1):
        widest = max(widest, indptr[row + 1] - indptr[row])
    scaled, number = np.empty(widest, np.float64), np.empty(widest, np.uint32)
    for row in range(len(indptr) - 1):
        if indptr[row + 1] > indptr[row]:
            fill_alias_row(weights, slots, U64(indptr[row]), U64(indptr[row + 1]), scaled, number)
    return slots


@njit
def fill_alias_row(weights: Floats, slots: Slots, low: Any, high: Any, scaled: Floats, number: Any) -> None:
    """The alias table of the row low..high-1; `scaled` and `number` are scratch at least as long.

    Both hold two stacks, of the slots below 1 (small, from the left) and of the others (large, from the right). A turn
    settles either the last small slot, by what the last large one (`more`) has above 1, or `more` itself once below 1.
    """
    degree, unit = high - low, 1.0
    total = sum_weights(weights, low, high, unit)
    if not 1e-290 < total < 1e290:  # by the largest first, so that neither huge nor tiny weights leave a double's range
        largest = weights[low]
        for i in range(low, high):
            largest = max(largest, weights[i])
        unit = min(1.0 / largest, 1e300)
        total = sum_weights(weights, low, high, unit)
    factor = np.float64(degree) / total
    small, large = U64(0), degree
    for i in range(degree):
        share = weights[low + i] * unit * factor
        less = share < 1.0  # selections: a branch on it is mispredicted every other time
        large -= U64(0) if less else ONE
        at = small if less else large
        scaled[at], number[at] = share, i
        small += ONE if less else U64(0)
    if large < degree:
        more, room = number[large], scaled[large]
    while large < degree:
        if room >= 1.0:
            if small == U64(0):
                break
            small -= ONE
            slot, share = low + U64(number[small]), scaled[small]
            room -= 1.0 - share
        else:
            if large + ONE == degree:
                break
            large += ONE
            slot, share = low + U64(more), room
            more, room = number[large], scaled[large] - (1.0 - room)
        slots[slot, 0] = np.uint32(U64(share * 4294967296.0))
        slots[slot, 1] = more
    for at in range(small):  # what is left on either stack is whole
        set_unaliased(slots, low, number[at])
    for at in range(large, degree):
        set_unaliased(slots, low, number[at])


@njit(inline="always")
def set_unaliased(slots: Slots, low: Any, slot: Any) -> None:
    """Make a slot of the row at `low` one that is always its own."""
    slots[low + U64(slot), 0] = 0xFFFFFFFF
    slots[low + U64(slot), 1] = slot


@njit(inline="always")
def sum_weights(weights: Floats, low: Any, high: Any, unit: float) -> float:
    """The sum of weights[low:high] times `unit`: four sums in turn, since one would wait for every addition."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    fours = high - ((high - low) & U64(3))
    for i in range(low, fours, U64(4)):
        a += weights[i] * unit
        b += weights[i + U64(1)] * unit
        c += weights[i + U64(2)] * unit
        d += weights[i + U64(3)] * unit
    for i in range(fours, high):
        a += weights[i] * unit
    return (a + b) + (c + d)


def identity_alias_table(indptr: Longs) -> Slots:
    """What `alias_slots` gives where the weights of each row are equal: every slot stands for itself."""
    slots = np.empty((indptr[-1], 2), np.uint32)
    slots[:, 0] = 0xFFFFFFFF
    slots[:, 1] = np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
    return slots


@njit(inline="always")
def has_edge(indices: Ints, low: int, high: int, node: int) -> bool:
    """Whether `node` is in the sorted row indices[low:high]; a row may be empty."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if indices[middle] < node:
            low = middle + 1
        else:
            high = middle
    return low < end and indices[low] == node
