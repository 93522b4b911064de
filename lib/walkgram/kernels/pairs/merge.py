"""Signed changes of counts, merged into counts that lie in order: by item, then partner."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.cooccurrence import PairRows

__all__ = ["PairChanges", "concat_changes", "diff_counts", "encode_keys", "merge_changes"]

Longs = NDArray[np.int64]
S32 = np.int64(32)


class PairChanges(NamedTuple):
    """Pairs by rising key, each (m,) int64: what their frequency and support change by (or what they are)."""

    key: Longs
    frequency: Longs
    support: Longs


def encode_keys(item: Longs, partner: Longs) -> Longs:
    """(m,) int64: item and partner, both below 2^31, as one number that sorts as they do."""
    return (np.asarray(item, np.int64) << S32) | np.asarray(partner, np.int64)


def diff_counts(plus: Iterable[PairRows], minus: Iterable[PairRows]) -> PairChanges:
    """What was counted twice over, once added and once taken away; pairs that come out at nothing are left out.

    Without weights of users the support is the frequency. Memory: some 80 bytes a pair of either side.
    """
    parts = [sign_rows(rows, sign) for sign, side in ((1, plus), (-1, minus)) for rows in side]
    if not parts:
        return PairChanges(*np.empty((3, 0), np.int64))
    key, frequency, support = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    sums = PairChanges(key[order][first], *(np.add.reduceat(column[order], first) for column in (frequency, support)))
    left = (sums.frequency != 0) | (sums.support != 0)
    return PairChanges(*(column[left] for column in sums))


def concat_changes(first: PairChanges, then: PairChanges) -> PairChanges:
    """Changes of lower keys, then those of higher ones."""
    return PairChanges(*(np.concatenate(columns) for columns in zip(first, then, strict=True)))


def sign_rows(rows: PairRows, sign: int) -> tuple[Longs, Longs, Longs]:
    """(key, frequency, support) of counted rows, times a sign."""
    frequency = sign * rows.frequency.astype(np.int64)
    support = sign * rows.support if len(rows.support) else frequency
    return encode_keys(np.repeat(rows.row, np.diff(rows.ptr)), rows.partner.astype(np.int64)), frequency, support


def merge_changes(held: PairChanges, change: PairChanges) -> PairChanges:
    """The pairs of both, summed; pairs of frequency 0 are left out. Raises `ValueError` where a frequency falls below 0.

    Linear. Both must rise strictly by key.
    """
    size = len(held.key) + len(change.key)
    out = PairChanges(*np.empty((3, size), np.int64))
    found = merge_sorted(held, change, out)
    if found < 0:
        raise ValueError("a pair would be counted fewer than 0 times")
    return PairChanges(*(column[:found] for column in out))


@njit
def merge_sorted(a: PairChanges, b: PairChanges, out: PairChanges) -> Any:
    """`merged`, compiled: how many pairs there are, -1 where one would be below 0."""
    i = j = found = 0
    while i < len(a.key) or j < len(b.key):
        first = j == len(b.key) or (i < len(a.key) and a.key[i] <= b.key[j])
        second = i == len(a.key) or (j < len(b.key) and b.key[j] <= a.key[i])
        frequency = support = 0
        key = a.key[i] if first else b.key[j]
        if first:
            frequency, support = a.frequency[i], a.support[i]
            i += 1
        if second:
            frequency, support = frequency + b.frequency[j], support + b.support[j]
            j += 1
        if frequency < 0 or (frequency == 0 and support != 0):
            return -1
        if frequency:
            out.key[found], out.frequency[found], out.support[found] = key, frequency, support
            found += 1
    return found
