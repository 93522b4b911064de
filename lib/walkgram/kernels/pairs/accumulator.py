"""The accumulator of one row of pair counts: a counter for each column, read and cleared by a scan or by touched columns."""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Int64Array, UInt32Array
from walkgram.kernels.jit import njit

__all__ = ["PairCounters", "PairRows", "clear_counters", "clear_touched", "copy_batch", "emit_dense", "emit_sparse"]

U64 = np.uint64


class PairRows(NamedTuple):
    """Counts in CSR form: row[k] is an item, ptr[k]..ptr[k+1] are its pairs. Items rise, and partners rise in each row.

    row (r,) int64, ptr (r + 1,) int64, partner (m,) uint32, frequency (m,) uint32; support (m,) int64 in units of
    1 / SUPPORT_SCALE, empty where users have no weights. `count_pairs` yields views of buffers: its next batch
    overwrites them.
    """

    row: Int64Array
    ptr: Int64Array
    partner: UInt32Array
    frequency: UInt32Array
    support: Int64Array


class PairCounters(NamedTuple):
    """Accumulators of one row, by column: all zeros between two rows.

    frequency (columns,) uint32; support (columns,) int64, None without weights; touched (columns + 1,) uint32: scratch.
    """

    frequency: UInt32Array
    support: Int64Array | None
    touched: UInt32Array


@njit
def emit_dense(columns: int, min_frequency: int, frequency: UInt32Array, partner: UInt32Array, num_pairs: int) -> int:
    """Append the columns whose counters reach min_frequency, of the first `columns`; return the end of the list."""
    minimum = np.uint32(min_frequency)
    for column in range(U64(columns)):
        partner[U64(num_pairs)] = np.uint32(column)  # overwritten unless it is counted: no branch to mispredict
        num_pairs += frequency[column] >= minimum
    return num_pairs


@njit
def emit_sparse(
    touched: UInt32Array, num_touched: int, min_frequency: int, frequency: UInt32Array, partner: UInt32Array, num_pairs: int
) -> int:
    """Append the touched columns whose counters reach min_frequency, rising; return the end of the list."""
    minimum, first = np.uint32(min_frequency), num_pairs
    for k in range(U64(num_touched)):
        partner[U64(num_pairs)] = touched[k]
        num_pairs += frequency[touched[k]] >= minimum
    partner[first:num_pairs].sort()
    return num_pairs


@njit
def copy_batch(out: PairRows, start: int, end: int, frequency: UInt32Array, support: Int64Array | None) -> None:
    """Copy the counters of the columns out.partner[start:end]."""
    for k in range(U64(start), U64(end)):
        out.frequency[k] = frequency[out.partner[k]]
        if support is not None:
            out.support[k] = support[out.partner[k]]


@njit
def clear_counters(frequency: UInt32Array, support: Int64Array | None, columns: int) -> None:
    """Set the counters of the first `columns` to zero."""
    frequency[:columns] = 0
    if support is not None:
        support[:columns] = 0


@njit
def clear_touched(frequency: UInt32Array, support: Int64Array | None, touched: UInt32Array, num_touched: int) -> None:
    """Set the touched counters to zero."""
    for k in range(U64(num_touched)):
        frequency[touched[k]] = 0
        if support is not None:
            support[touched[k]] = 0
