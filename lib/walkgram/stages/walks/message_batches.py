"""Messages and steps of walkers <-> Arrow batches, split by receiver."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from walkgram.kernels.walks.messages import WalkerMessages, WalkSteps

__all__ = ["batch_to_messages", "message_receivers", "messages_to_batch", "split_by_receiver", "steps_to_batch"]

SCALARS = WalkerMessages._fields[:7]
LISTS = {"candidates": "candidate_ends", "candidate_probabilities": "candidate_ends", "weights": "weight_ends"}


def split_by_receiver(batches: Sequence[pa.RecordBatch], receivers: np.ndarray, num_receivers: int) -> Sequence[pa.RecordBatch]:
    """Split the rows of all batches by receiver, in order. receivers: of each row, 0..num_receivers-1."""
    table = pa.Table.from_batches(batches)
    keys = receivers.astype(np.int16 if num_receivers < 2**15 else np.int64)  # numpy sorts 16 bits by radix sort
    ends = np.cumsum(np.bincount(keys, minlength=num_receivers))
    ordered = table.take(pa.array(np.argsort(keys, kind="stable"))).combine_chunks()
    parts = (ordered.slice(end - size, size) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True))
    empty = pa.RecordBatch.from_pylist([], schema=table.schema)
    return [part.to_batches()[0] if part.num_rows else empty for part in parts]


def message_receivers(batches: Sequence[pa.RecordBatch], num_partitions: int) -> np.ndarray:
    """Return the receiving partition of each message: that of `previous` if it has candidates, else of `current`."""
    messages = pa.Table.from_batches(batches)
    has_candidates = messages["candidates"].combine_chunks().value_lengths().to_numpy() > 0
    return np.asarray(
        np.where(has_candidates, messages["previous"].to_numpy(), messages["current"].to_numpy()) % num_partitions
    )


def steps_to_batch(steps: WalkSteps) -> pa.RecordBatch:
    """Pack steps as rows."""
    return pa.RecordBatch.from_arrays([pa.array(column) for column in steps], names=list(WalkSteps._fields))


def messages_to_batch(messages: WalkerMessages) -> pa.RecordBatch:
    """Pack messages as rows: a column for each scalar, and lists of candidates, their probabilities, and weights."""
    columns = {name: pa.array(getattr(messages, name)) for name in SCALARS}
    for name, ends in LISTS.items():
        offsets, values = pa.array(getattr(messages, ends)), pa.array(getattr(messages, name))
        columns[name] = pa.LargeListArray.from_arrays(offsets, values)
    return pa.RecordBatch.from_pydict(columns)


def batch_to_messages(rows: pa.RecordBatch) -> WalkerMessages:
    """Unpack the rows of `messages_to_batch`."""
    arrays: dict[str, Any] = {name: rows[name].to_numpy(zero_copy_only=False) for name in SCALARS}
    for name, ends in LISTS.items():
        lengths = rows[name].value_lengths().to_numpy(zero_copy_only=False)
        arrays[ends] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        arrays[name] = rows[name].flatten().to_numpy()
    return WalkerMessages(**arrays)
