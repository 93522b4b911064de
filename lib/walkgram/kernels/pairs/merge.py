"""Signed changes of pair counts, merged into stored counts; both are sorted by item, then partner."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Int64Array
from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.cooccurrence import PairRows

__all__ = ["PairChanges", "concat_changes", "diff_counts", "encode_keys", "merge_changes"]

S32 = np.int64(32)


class PairChanges(NamedTuple):
    """Pairs by rising key (`encode_keys`), with their counts or the changes of these: each (m,) int64."""

    key: Int64Array
    frequency: Int64Array
    support: Int64Array


def encode_keys(item: Int64Array, partner: Int64Array) -> Int64Array:
    """Return (m,) int64 numbers that sort by item, then partner; both are below 2^31."""
    return (np.asarray(item, np.int64) << S32) | np.asarray(partner, np.int64)


def diff_counts(added: Iterable[PairRows], removed: Iterable[PairRows]) -> PairChanges:
    """Return the counts of `added` minus those of `removed`, without the pairs whose counts are equal.

    Without weights of users the support is the frequency. Memory: some 80 bytes a pair of either input.
    """
    signed = [sign_rows(rows, sign) for sign, counts in ((1, added), (-1, removed)) for rows in counts]
    if not signed:
        return PairChanges(*np.empty((3, 0), np.int64))
    key, frequency, support = (np.concatenate(column) for column in zip(*signed, strict=True))
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    sums = PairChanges(key[order][first], *(np.add.reduceat(column[order], first) for column in (frequency, support)))
    is_changed = (sums.frequency != 0) | (sums.support != 0)
    return PairChanges(*(column[is_changed] for column in sums))


def concat_changes(lower: PairChanges, higher: PairChanges) -> PairChanges:
    """Concatenate changes; all keys of `lower` are below those of `higher`."""
    return PairChanges(*(np.concatenate(columns) for columns in zip(lower, higher, strict=True)))


def sign_rows(rows: PairRows, sign: int) -> PairChanges:
    """Return counted rows with their counts times the sign."""
    frequency = sign * rows.frequency.astype(np.int64)
    support = sign * rows.support if len(rows.support) else frequency
    key = encode_keys(np.repeat(rows.row, np.diff(rows.ptr)), rows.partner.astype(np.int64))
    return PairChanges(key, frequency, support)


def merge_changes(stored: PairChanges, changes: PairChanges) -> PairChanges:
    """Add changes to stored counts, without the pairs whose frequency becomes 0.

    Linear. The keys of both rise strictly. Raises `ValueError` where a frequency falls below 0.
    """
    size = len(stored.key) + len(changes.key)
    out = PairChanges(*np.empty((3, size), np.int64))
    num_pairs = merge_sorted(stored, changes, out)
    if num_pairs < 0:
        raise ValueError("a pair would be counted fewer than 0 times")
    return PairChanges(*(column[:num_pairs] for column in out))


@njit
def merge_sorted(a: PairChanges, b: PairChanges, out: PairChanges) -> int:
    """Fill `out` with the sums of a and b; return the number of pairs, -1 where a count would fall below 0."""
    i = j = num_pairs = 0
    while i < len(a.key) or j < len(b.key):
        take_a = j == len(b.key) or (i < len(a.key) and a.key[i] <= b.key[j])
        take_b = i == len(a.key) or (j < len(b.key) and b.key[j] <= a.key[i])
        frequency = support = 0
        key = a.key[i] if take_a else b.key[j]
        if take_a:
            frequency, support = a.frequency[i], a.support[i]
            i += 1
        if take_b:
            frequency, support = frequency + b.frequency[j], support + b.support[j]
            j += 1
        if frequency < 0 or (frequency == 0 and support != 0):
            return -1
        if frequency:
            out.key[num_pairs] = key
            out.frequency[num_pairs], out.support[num_pairs] = frequency, support
            num_pairs += 1
    return num_pairs
