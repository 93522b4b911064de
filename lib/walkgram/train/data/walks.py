"""Shards of walks -> chunks of walks as rows of the tables, in an order that is a function of (seed, epoch)."""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from walkgram import rng
from walkgram.errors import TrainError
from walkgram.train.data import arrow_numpy

__all__ = ["PaddedBatch", "WalkBatch", "WalkDataset", "WalkShard", "prefetch"]

PART = 1 << 16  # nodes looked up at a time: the steps between would hold several times the row group
T = TypeVar("T")


class WalkShard(Protocol):
    """One file of walks (`walkgram.lake.parquet.ParquetShard`)."""

    @property
    def uri(self) -> str:
        """Its place."""

    @property
    def row_groups(self) -> tuple[int, ...]:
        """Rows of each row group."""

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group."""


class PaddedBatch(NamedTuple):
    """walk_ids (m,) int64; rows (m, longest) int64 of the trainer's tables, 0 behind a walk's end; lengths (m,) int64."""

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
        """Some of the walks, in this order."""
        return WalkBatch(self.walk_ids[order], self.starts[order], self.lengths[order], self.values)

    def padded(self) -> PaddedBatch:
        """The walks as a matrix."""
        places = np.arange(int(self.lengths.max(initial=1)))[None, :]
        inside = places < self.lengths[:, None]
        rows = np.zeros(inside.shape, np.int64)
        rows[inside] = self.values[(self.starts[:, None] + places)[inside]]
        return PaddedBatch(self.walk_ids, rows, self.lengths)


NONE = np.empty(0, np.int64)
EMPTY = WalkBatch(NONE, NONE, NONE, np.empty(0, np.int32))


class WalkDataset:
    """The walks of a table. `nodes` (n,) int64, rising: row i of the tables is node nodes[i].

    `validation_walks`: about so many walks, chosen by a hash of (seed, walk_id), are kept back from the batches. `part` = (k, of): the
    k-th of `of` processes, each of which has as many batches, in a row of the order that is theirs together.
    """

    part = (0, 1)

    def __init__(self, shards: Sequence[WalkShard], nodes: NDArray[np.int64], validation_walks: int = 0, seed: int = 0) -> None:
        self.shards = [shard for shard in shards if sum(shard.row_groups)]
        self.nodes = nodes
        self.groups = [(shard, group) for shard in self.shards for group in range(len(shard.row_groups))]
        self.lookup = np.full(int(nodes[-1]) + 2 if len(nodes) else 1, -1, np.int32)  # the last: of nodes beyond
        self.lookup[nodes] = np.arange(len(nodes), dtype=np.int32)
        self.total = sum(sum(shard.row_groups) for shard in self.shards)
        if 2 * validation_walks > self.total > 0:
            raise TrainError(
                f"train.validation_walks = {validation_walks:,} of {self.total:,} walks leaves too few to train on: lower it"
            )
        self.share = validation_walks / max(1, self.total)
        self.held_seed = rng.derive_seed(seed, "held out")

    def count(self, size: int) -> int:
        """Batches of `size` walks, at this process; a row group's last one may be smaller."""
        return -(-self.count_all(size) // self.part[1])

    def count_all(self, size: int) -> int:
        """At all of them."""
        return sum(-(-shard.row_groups[group] // size) for shard, group in self.groups)

    def batches(self, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[WalkBatch]:
        """Row groups in the order of (seed, epoch), the walks of each likewise, the first `skip` batches left out.

        The next two row groups are read while one is worked on; no others are in memory. Where the batches of all processes
        are no multiple of them, the last one of some is empty.
        """
        first, last = (self.count_all(size) * k // self.part[1] for k in (self.part[0], self.part[0] + 1))
        todo: list[tuple[int, range]] = []
        before = 0
        for group in rng.draw_permutation(seed, epoch, len(self.groups)).tolist():
            shard, number = self.groups[group]
            parts = -(-shard.row_groups[number] // size)
            own = range(max(0, first + skip - before), min(parts, last - before))
            if own:
                todo.append((group, own))
            before += parts
        for (group, own), whole in zip(todo, prefetch(self.group(group) for group, _ in todo), strict=True):
            order = rng.draw_permutation(seed, (epoch << 32) + group + 1, len(whole.lengths))
            for number in own:
                part = order[number * size : (number + 1) * size]
                yield whole.take(part[~self.held(whole.walk_ids[part])] if self.share else part)
        for _ in range(max(last - first, skip), self.count(size)):
            yield EMPTY

    def held(self, walk_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(m,) whether a walk is kept back."""
        return np.asarray(rng.draw_units(self.held_seed, walk_ids) < self.share)

    def kept_back(self) -> Iterator[WalkBatch]:
        """The walks that are kept back, row group by row group, some at each process: a pass over all walks."""
        for whole in prefetch(self.group(group) for group in range(self.part[0], len(self.groups), self.part[1])):
            held = self.held(whole.walk_ids)
            if held.any():
                yield whole.take(held)

    def in_order(self) -> Iterator[PaddedBatch]:
        """Row groups as they lie, each one batch."""
        for group in range(len(self.groups)):
            yield self.group(group).padded()

    def group(self, number: int) -> WalkBatch:
        """A row group. Raises `TrainError` for a node that has no row in the tables."""
        shard, row_group = self.groups[number]
        table = shard.read(row_group, ["walk_id", "walk"]).combine_chunks()
        lists = table["walk"].chunk(0)
        if lists.null_count or lists.flatten().null_count or table["walk_id"].null_count:
            raise TrainError(f"{shard.uri}: a walk, a node or a walk_id is null: run jobs/walks.py again with --force")
        values = arrow_numpy.to_numpy(lists.flatten())
        lengths = arrow_numpy.to_numpy(lists.value_lengths()).astype(np.int64)
        rows = self.rows(values)
        if len(rows) and rows.min() < 0:
            raise TrainError(
                f"{shard.uri}: node {int(values[np.argmin(rows)])} is not among the tokens of these walks: "
                "run jobs/walks.py again with --force"
            )
        return WalkBatch(arrow_numpy.to_numpy(table["walk_id"]), np.cumsum(lengths) - lengths, lengths, rows)

    def rows(self, values: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """(t,) int32 rows of the tables of nodes (t,); -1 for a node that has none."""
        rows, last = np.empty(len(values), np.int32), len(self.lookup) - 1
        for low in range(0, len(values), PART):
            part = values[low : low + PART]
            rows[low : low + PART] = self.lookup[np.where((part >= 0) & (part < last), part, last)]
        return rows


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """The items, each made by a thread while the one before is worked on."""
    made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    ended = threading.Event()

    def hand(item: T | None, error: BaseException | None) -> None:
        while not ended.is_set():
            try:
                made.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                if ended.is_set():
                    return
                hand(item, None)
            hand(None, StopIteration())
        except BaseException as error:
            hand(None, error)

    reader = threading.Thread(target=make, name="walks", daemon=True)
    reader.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        ended.set()
        reader.join()
