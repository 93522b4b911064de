"""Shards of walks -> batches of walks as rows of the tables, in an order that is a function of (seed, epoch)."""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from walkgram import rng
from walkgram.errors import TrainError, name_jobs
from walkgram.train.data import arrow_numpy

__all__ = ["PaddedBatch", "WalkBatch", "WalkDataset", "WalkShard", "prefetch"]

LOOKUP_BLOCK = 1 << 16  # nodes looked up at a time: temporary arrays of all nodes would hold several times the row group
T = TypeVar("T")


class WalkShard(Protocol):
    """One file of walks (`walkgram.lake.parquet.ParquetShard`)."""

    @property
    def uri(self) -> str:
        """Its path."""

    @property
    def row_groups(self) -> tuple[int, ...]:
        """The number of rows of each row group."""

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one row group."""


class PaddedBatch(NamedTuple):
    """walk_ids (m,) int64; rows (m, longest) int64 of the trainer's tables, 0 after a walk's end; lengths (m,) int64."""

    walk_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]


class WalkBatch(NamedTuple):
    """Some walks of a row group: walk w is values[starts[w] : starts[w] + lengths[w]].

    walk_ids, starts, lengths (m,) int64; values (t,) int32 rows of the trainer's tables, all of the row group's walks.
    """

    walk_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    values: NDArray[np.int32]

    def take(self, order: NDArray[np.int64] | NDArray[np.bool_]) -> "WalkBatch":
        """Select some of the walks, in this order."""
        return WalkBatch(self.walk_ids[order], self.starts[order], self.lengths[order], self.values)

    def pad(self) -> PaddedBatch:
        """Return the walks as a matrix."""
        places = np.arange(int(self.lengths.max(initial=1)))[None, :]
        inside = places < self.lengths[:, None]
        rows = np.zeros(inside.shape, np.int64)
        rows[inside] = self.values[(self.starts[:, None] + places)[inside]]
        return PaddedBatch(self.walk_ids, rows, self.lengths)


NO_IDS = np.empty(0, np.int64)
EMPTY_BATCH = WalkBatch(NO_IDS, NO_IDS, NO_IDS, np.empty(0, np.int32))


class WalkDataset:
    """The walks of a table. `nodes` (n,) int64, rising: row i of the tables is node nodes[i].

    validation_walks: about so many walks, chosen by a hash of (seed, walk_id), are left out of the batches.
    `rank_slice` = (rank, world): the batches of an epoch are split into `world` slices, equally long, and this process has one.
    """

    rank_slice = (0, 1)

    def __init__(self, shards: Sequence[WalkShard], nodes: NDArray[np.int64], validation_walks: int = 0, seed: int = 0) -> None:
        self.shards = [shard for shard in shards if sum(shard.row_groups)]
        self.nodes = nodes
        self.row_groups = [(shard, group) for shard in self.shards for group in range(len(shard.row_groups))]
        self.lookup = np.full(int(nodes[-1]) + 2 if len(nodes) else 1, -1, np.int32)  # the last entry: any node above
        self.lookup[nodes] = np.arange(len(nodes), dtype=np.int32)
        self.num_walks = sum(sum(shard.row_groups) for shard in self.shards)
        if 2 * validation_walks > self.num_walks > 0:
            raise TrainError(
                f"train.validation_walks = {validation_walks:,} of {self.num_walks:,} walks leaves too few to train on: "
                "lower it"
            )
        self.validation_share = validation_walks / max(1, self.num_walks)
        self.validation_seed = rng.derive_seed(seed, "held out")

    def count_batches(self, size: int) -> int:
        """Return the number of batches of `size` walks at this process; the last one of a row group may be smaller."""
        return -(-self.count_all_batches(size) // self.rank_slice[1])

    def count_all_batches(self, size: int) -> int:
        """Return the number of batches of `size` walks at all processes."""
        return sum(-(-shard.row_groups[group] // size) for shard, group in self.row_groups)

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[WalkBatch]:
        """Yield batches of row groups in the order of (seed, epoch), shuffled likewise inside, without the first `skip`.

        The next two row groups are read while one is used; no others are in memory. Where the number of batches is no
        multiple of the number of processes, the last batch of some is empty.
        """
        rank, world = self.rank_slice
        first, last = (self.count_all_batches(size) * k // world for k in (rank, rank + 1))
        slices: list[tuple[int, range]] = []
        before = 0
        for group in rng.draw_permutation(seed, epoch, len(self.row_groups)).tolist():
            shard, number = self.row_groups[group]
            num_batches = -(-shard.row_groups[number] // size)
            numbers = range(max(0, first + skip - before), min(num_batches, last - before))
            if numbers:
                slices.append((group, numbers))
            before += num_batches
        walks_of_groups = prefetch(self.read_row_group(group) for group, _ in slices)
        for (group, numbers), walks in zip(slices, walks_of_groups, strict=True):
            order = rng.draw_permutation(seed, (epoch << 32) + group + 1, len(walks.lengths))
            for number in numbers:
                rows = order[number * size : (number + 1) * size]
                yield walks.take(rows[~self.is_validation(walks.walk_ids[rows])] if self.validation_share else rows)
        for _ in range(max(last - first, skip), self.count_batches(size)):
            yield EMPTY_BATCH

    def is_validation(self, walk_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (m,) whether a walk is one of the validation walks."""
        return np.asarray(rng.draw_units(self.validation_seed, walk_ids) < self.validation_share)

    def validation_batches(self) -> Iterator[WalkBatch]:
        """Yield the validation walks row group by row group, every `world`-th at this process: a pass over all walks."""
        rank, world = self.rank_slice
        for walks in prefetch(self.read_row_group(group) for group in range(rank, len(self.row_groups), world)):
            is_validation = self.is_validation(walks.walk_ids)
            if is_validation.any():
                yield walks.take(is_validation)

    def padded_batches(self) -> Iterator[PaddedBatch]:
        """Yield every row group, in the order of the files, as one batch."""
        for group in range(len(self.row_groups)):
            yield self.read_row_group(group).pad()

    def read_row_group(self, number: int) -> WalkBatch:
        """Read a row group. Raises `TrainError` for a node that has no row in the tables."""
        shard, row_group = self.row_groups[number]
        table = shard.read(row_group, ["walk_id", "walk"]).combine_chunks()
        lists = table["walk"].chunk(0)
        if lists.null_count or lists.flatten().null_count or table["walk_id"].null_count:
            raise TrainError(f"{shard.uri}: a walk, a node or a walk_id is null: run {name_jobs('walks')} again with --force")
        values = arrow_numpy.to_numpy(lists.flatten())
        lengths = arrow_numpy.to_numpy(lists.value_lengths()).astype(np.int64)
        rows = self.lookup_rows(values)
        if len(rows) and rows.min() < 0:
            raise TrainError(
                f"{shard.uri}: node {int(values[np.argmin(rows)])} is not in the table node_visits of these walks: "
                f"run {name_jobs('walks')} again with --force"
            )
        return WalkBatch(arrow_numpy.to_numpy(table["walk_id"]), np.cumsum(lengths) - lengths, lengths, rows)

    def lookup_rows(self, values: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return (t,) int32 rows of the tables for nodes (t,); -1 for a node without a row."""
        rows, last = np.empty(len(values), np.int32), len(self.lookup) - 1
        for low in range(0, len(values), LOOKUP_BLOCK):
            part = values[low : low + LOOKUP_BLOCK]
            rows[low : low + LOOKUP_BLOCK] = self.lookup[np.where((part >= 0) & (part < last), part, last)]
        return rows


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """Yield the items; a thread computes the next one while the caller uses one."""
    results: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    is_closed = threading.Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not is_closed.is_set():
            try:
                results.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                if is_closed.is_set():
                    return
                put(item, None)
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    reader = threading.Thread(target=produce, name="walks", daemon=True)
    reader.start()
    try:
        while True:
            item, error = results.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        is_closed.set()
        reader.join()
