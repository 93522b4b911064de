"""Rows of the table `pairs` <-> counts, as the counting kernel and the merge kernel hold them."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from walkgram.config.pairs import Pairs
from walkgram.kernels.pairs import inverted_lists, merge
from walkgram.kernels.pairs.cooccurrence import PairRows

__all__ = ["make_pair_rows", "orient", "pack_changes", "read_pair_rows", "unpack_changes"]

Columns = Mapping[str, np.ndarray]


def orient(item: np.ndarray, partner: np.ndarray, config: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Map (item, partner) to (src, dst), and (src, dst) back to (item, partner)."""
    return (partner, item) if config.mode == "basket" else (item, partner)


def make_pair_rows(config: Pairs) -> Callable[[PairRows], Columns]:
    """Return the function from counts to rows of the table `pairs`; without user weights the support is the frequency."""

    def make_rows(counts: PairRows) -> Columns:
        item = np.repeat(counts.row, np.diff(counts.ptr))
        src, dst = orient(item, counts.partner.astype(np.int64), config)
        frequency = counts.frequency.astype(np.int64)
        support = counts.support / inverted_lists.SUPPORT_SCALE if len(counts.support) else frequency.astype(np.float64)
        return {"src": src, "dst": dst, "frequency": frequency, "support": support}

    return make_rows


def read_pair_rows(batch: pa.RecordBatch, config: Pairs) -> tuple[PairRows, np.ndarray]:
    """Read a row group of the table `pairs` as (counts, support); the inverse of `make_pair_rows`."""
    src, dst, frequency, support = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "support"))
    item, partner = orient(src, dst, config)
    first = np.flatnonzero(np.diff(item, prepend=-1))
    empty = np.empty(0, np.int64)
    return PairRows(item[first], np.append(first, len(item)), partner.astype(np.uint32), frequency, empty), support


def unpack_changes(batch: pa.RecordBatch, config: Pairs) -> merge.PairChanges:
    """Read a row group of the table `pairs` as whole numbers, ordered by key."""
    src, dst, frequency, support = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "support"))
    key = merge.encode_keys(*orient(src, dst, config))
    if config.user_weight == "none":
        return merge.PairChanges(key, frequency, frequency)
    return merge.PairChanges(key, frequency, np.rint(support * inverted_lists.SUPPORT_SCALE).astype(np.int64))


def pack_changes(pairs: merge.PairChanges, config: Pairs) -> Columns:
    """Return the rows of the table `pairs`; the inverse of `unpack_changes`."""
    src, dst = orient(pairs.key >> merge.S32, pairs.key & np.int64(0xFFFFFFFF), config)
    scale = 1 if config.user_weight == "none" else inverted_lists.SUPPORT_SCALE
    return {"src": src, "dst": dst, "frequency": pairs.frequency, "support": pairs.support / scale}
