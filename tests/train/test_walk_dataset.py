"""Shards of walks as batches: every walk once an epoch, in an order of (seed, epoch); bad shards end the run."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from support.oracles import MemoryShard
from walkgram import tables
from walkgram.errors import TrainError
from walkgram.lake import parquet
from walkgram.train.data.walks import PaddedBatch, WalkDataset

NODES = np.array([2, 3, 5, 7, 11])
GROUPS = [[(0, [2, 3, 5]), (1, [7])], [(2, [11, 2]), (3, [3, 3, 3, 3]), (4, [5, 7])]]


def walks_of(batch: PaddedBatch) -> list[tuple[int, list[int]]]:
    """Return (walk_id, nodes) of every walk of a batch. Asserts that the padding is zero."""
    assert {array.dtype for array in (batch.rows, batch.lengths, batch.walk_ids)} == {np.dtype(np.int64)}
    for row, length in zip(batch.rows, batch.lengths, strict=True):
        assert not row[length:].any()
    rows = zip(batch.walk_ids.tolist(), batch.rows, batch.lengths, strict=True)
    return [(i, NODES[row[:length]].tolist()) for i, row, length in rows]


def numbered(count: int) -> list[tuple[int, list[int]]]:
    return [(i, [int(NODES[i % 5])] * (1 + i % 3)) for i in range(count)]


def epoch_of(walks: WalkDataset, size: int, seed: int, epoch: int) -> list[tuple[int, list[int]]]:
    return [walk for chunk in walks.batches(size, seed, epoch) for walk in walks_of(chunk.pad())]


def test_walks_come_in_order_as_rows_of_the_tables() -> None:
    walks = WalkDataset([MemoryShard(GROUPS)], NODES)
    first, second = walks.padded_batches()
    assert first.rows.tolist() == [[0, 1, 2], [3, 0, 0]]
    assert walks_of(first) + walks_of(second) == GROUPS[0] + GROUPS[1]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_epoch_gives_every_walk_once_in_as_many_batches_as_counted(size: int) -> None:
    shards = [MemoryShard([numbered(40)[:9], numbered(40)[9:30]]), MemoryShard([numbered(40)[30:]])]
    walks = WalkDataset(shards, NODES)
    batches = list(walks.batches(size, 7, 0))
    assert len(batches) == walks.count_batches(size)
    assert all(1 <= len(batch.lengths) <= size for batch in batches)
    padded = [batch.pad() for batch in batches]
    assert all(batch.rows.shape[1] == batch.lengths.max() for batch in padded)
    assert sorted(walk for batch in padded for walk in walks_of(batch)) == numbered(40)


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    walks = WalkDataset([MemoryShard([numbered(60)[:30], numbered(60)[30:]])], NODES)
    assert epoch_of(walks, 4, 7, 1) == epoch_of(walks, 4, 7, 1) == epoch_of(walks, 9, 7, 1)
    orders = {tuple(i for i, _ in epoch_of(walks, 4, seed, epoch)) for seed in (7, 8) for epoch in (0, 1, 2)}
    assert len(orders) == 6
    assert tuple(range(60)) not in orders


def test_row_groups_come_in_every_order() -> None:
    walks = WalkDataset([MemoryShard([[(i, [2])] for i in range(3)])], NODES)
    assert len({tuple(i for i, _ in epoch_of(walks, 1, 7, epoch)) for epoch in range(60)}) == 6


def test_one_or_two_row_groups_are_read_ahead_of_the_one_in_work() -> None:
    read: list[int] = []

    class Watched(MemoryShard):
        def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
            read.append(row_group)
            return super().read(row_group, columns)

    batches = WalkDataset([Watched([numbered(10)] * 9)], NODES).batches(5, 7, 0)
    for done in range(1, 10):
        next(batches), next(batches)
        until = time.monotonic() + 30
        while len(read) < min(9, done + 1) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05)
        assert min(9, done + 1) <= len(read) <= min(9, done + 2)
    assert list(batches) == []
    assert sorted(read) == list(range(9))


def test_an_epoch_may_begin_at_any_batch() -> None:
    walks = WalkDataset([MemoryShard([numbered(40)[:9], numbered(40)[9:30]]), MemoryShard([numbered(40)[30:]])], NODES)
    whole = [walks_of(chunk.pad()) for chunk in walks.batches(4, 7, 3)]
    for skip in range(walks.count_batches(4) + 2):
        assert [walks_of(chunk.pad()) for chunk in walks.batches(4, 7, 3, skip)] == whole[skip:]


def test_validation_walks_are_a_function_of_seed_and_walk_and_are_in_no_batch() -> None:
    rows = [(i, [2, 3]) for i in range(2000)]
    once = WalkDataset([MemoryShard([rows])], NODES, validation_walks=300, seed=5)
    split = WalkDataset(
        [MemoryShard([rows[:700]]), MemoryShard([rows[1200:], rows[700:1200]])], NODES, validation_walks=300, seed=5
    )
    kept = [sorted(i for chunk in walks.validation_batches() for i in chunk.walk_ids.tolist()) for walks in (once, split)]
    assert kept[0] == kept[1]
    assert 220 < len(kept[0]) < 380
    trained = sorted(i for i, _ in epoch_of(split, 64, 7, 0))
    assert sorted(trained + kept[0]) == list(range(2000))
    other = WalkDataset([MemoryShard([rows])], NODES, validation_walks=300, seed=6)
    assert sorted(i for chunk in other.validation_batches() for i in chunk.walk_ids.tolist()) != kept[0]


@pytest.mark.parametrize("walk", [[2, None, 3], None])
def test_a_null_in_a_walk_ends_the_run(walk: list[int] | None) -> None:
    with pytest.raises(TrainError, match=r"memory:bad\.parquet: a walk, a node or a walk_id is null"):
        list(WalkDataset([MemoryShard([[(0, [2, 3]), (1, walk)]], uri="memory:bad.parquet")], NODES).padded_batches())


def test_an_error_while_reading_ahead_comes_out_where_the_walks_are_used() -> None:
    shard = MemoryShard([[(0, [2, 3])], [(1, [5, 4])]], uri="memory:bad.parquet")
    with pytest.raises(TrainError, match="node 4 is not"):
        list(WalkDataset([shard], NODES).batches(1, 7, 0))


@pytest.mark.parametrize("node", [4, 12, 10**9, -1, 0])
def test_a_node_without_tokens_ends_the_run_and_is_named(node: int) -> None:
    shard = MemoryShard([[(0, [2, 3])], [(1, [5, node, 4])]], uri="memory:bad.parquet")
    with pytest.raises(TrainError, match=rf"memory:bad\.parquet: node {node} is not"):
        list(WalkDataset([shard], NODES).padded_batches())


def test_a_walk_is_refused_where_no_node_has_tokens() -> None:
    with pytest.raises(TrainError, match="node 2 is not"):
        list(WalkDataset([MemoryShard(GROUPS)], np.empty(0, np.int64)).padded_batches())


@pytest.mark.parametrize("shards", [[], [MemoryShard([])], [MemoryShard([[]])]], ids=["none", "no groups", "no rows"])
def test_empty_shards_give_no_batch(shards: list[MemoryShard]) -> None:
    walks = WalkDataset(shards, NODES)
    assert walks.count_batches(4) == 0
    assert list(walks.batches(4, 7, 0)) == []
    assert list(walks.padded_batches()) == []


def test_empty_shards_and_row_groups_beside_others_are_passed_over() -> None:
    walks = WalkDataset([MemoryShard([]), MemoryShard([[], GROUPS[0], []]), MemoryShard([[]])], NODES)
    assert walks.count_batches(4) == 1
    assert sorted(epoch_of(walks, 4, 7, 0)) == GROUPS[0]


def test_parquet_shards_give_the_walks_that_were_written(tmp_path: Path) -> None:
    schema = tables.table_schema("walks")
    rows = [[{"walk_id": i, "walk": walk} for i, walk in group] for group in GROUPS]
    batches = [pa.RecordBatch.from_pylist(group, schema) for group in rows]
    assert parquet.write_table(str(tmp_path / "walks"), schema, batches) == 5
    walks = WalkDataset(parquet.list_shards(str(tmp_path / "walks")), NODES)
    assert sorted(epoch_of(walks, 2, 7, 0)) == GROUPS[0] + GROUPS[1]
