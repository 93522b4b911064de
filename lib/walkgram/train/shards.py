"""Shards of walks -> batches of node matrices, in an order that is a function of (seed, epoch)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from walkgram import hashing
from walkgram.errors import TrainError

__all__ = ["Batch", "Shard", "Walks"]


class Shard(Protocol):
    """One file of walks (`walkgram.lake.arrow.Shard`)."""

    uri: str
    row_groups: tuple[int, ...]

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group."""


class Batch(NamedTuple):
    """walk_ids (m,) int64; rows (m, longest) int64 of the trainer's tables, 0 behind a walk's end; lengths (m,) int64."""

    walk_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]


class Walks:
    """The walks of a table as batches. `nodes` (n,) int64, rising: row i of the tables is node nodes[i]."""

    def __init__(self, shards: Sequence[Shard], nodes: NDArray[np.int64]) -> None:
        self.shards = [shard for shard in shards if sum(shard.row_groups)]
        self.nodes = nodes
        self.groups = [(shard, group) for shard in self.shards for group in range(len(shard.row_groups))]
        self.lookup = np.full(int(nodes[-1]) + 1 if len(nodes) else 0, -1, np.int64)
        self.lookup[nodes] = np.arange(len(nodes))

    def count(self, size: int) -> int:
        """Batches of `size` walks; a row group's last one may be smaller."""
        return sum(-(-shard.row_groups[group] // size) for shard, group in self.groups)

    def batches(self, size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Row groups in the order of (seed, epoch), the walks of each likewise; one row group is in memory at a time."""
        for group in hashing.permutation(seed, epoch, len(self.groups)):
            whole = self.group(int(group))
            order = hashing.permutation(seed, (epoch << 32) + int(group) + 1, len(whole.lengths))
            for low in range(0, len(order), size):
                part = order[low : low + size]
                longest = int(whole.lengths[part].max())
                yield Batch(whole.walk_ids[part], whole.rows[part, :longest], whole.lengths[part])

    def in_order(self) -> Iterator[Batch]:
        """Row groups as they lie, each one batch."""
        for group in range(len(self.groups)):
            yield self.group(group)

    def group(self, number: int) -> Batch:
        """A row group as one batch. Raises `TrainError` for a node that has no row in the tables."""
        shard, row_group = self.groups[number]
        table = shard.read(row_group, ["walk_id", "walk"]).combine_chunks()
        lists = table["walk"].chunk(0)
        values = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        lengths = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        known = (values >= 0) & (values < len(self.lookup))
        rows = np.where(known, self.lookup[np.where(known, values, 0)] if len(self.lookup) else -1, -1)
        if (rows < 0).any():
            wrong = int(values[rows < 0][0])
            raise TrainError(
                f"{shard.uri}: node {wrong} is not among the tokens of these walks: run jobs/walks.py again with --force"
            )
        padded = np.zeros((len(lengths), int(lengths.max(initial=1))), np.int64)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = rows
        return Batch(table["walk_id"].to_numpy(), padded, lengths)
