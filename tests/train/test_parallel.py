"""Several processes: tables made equal against numpy, borrowed rows against a dense table, failures that end everyone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from support import processes as processes
from support.oracles import MemoryShard
from support.processes import DIM, KEYS, POOL, RATES, ROUNDS, N
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu
from walkgram.train import distributed
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup, init_process_group, walks_per_sync
from walkgram.train.models.registry import count_workers
from walkgram.train.placement import row_sharded

ALONE = ProcessGroup()


@pytest.fixture(scope="module", params=[2, 3])
def found(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What each rank of a world came to."""
    results = processes.at_all(processes.everything, request.param)
    assert all(isinstance(result, dict) for result in results), results
    return results


def test_sums_and_flags_are_those_of_all(found: list[dict[str, Any]]) -> None:
    world = len(found)
    ranks = world * (world - 1) / 2
    for each in found:
        assert each["sum"] == [1.5 * world, ranks, 2.0**40 * ranks]
        assert each["any"] == [False, True, True]


def test_what_the_first_says_all_hear(found: list[dict[str, Any]]) -> None:
    assert [each["told"] for each in found] == [{"from": 0}] * len(found)
    assert [each["same"] for each in found] == [[True, False, False]] * len(found)


def shares(paces: list[np.ndarray]) -> np.ndarray:
    """Of the changes of each row, the part that is taken; as one process would have gone, over what they went apart."""
    felt = distributed.CURVATURE_DAMPING * np.array(paces, float)
    apart = (1 - np.exp(-felt)).sum(0)
    return np.where(apart > 0, (1 - np.exp(-felt.sum(0))) / np.where(apart > 0, apart, 1), 1.0)


def test_combined_tables_follow_the_rule_and_are_equal_everywhere(found: list[dict[str, Any]]) -> None:
    base = [processes.table().numpy(), 2 * processes.table().numpy()]
    for turn in range(ROUNDS):
        for which in range(2):
            paces, moves = zip(*(processes.moved(rank, turn, which) for rank in range(len(found))), strict=True)
            got = found[0]["combined"][turn][which]
            np.testing.assert_allclose(got, base[which] + sum(moves) * shares(list(paces))[:, None], atol=4e-6)
            count = (np.array(paces) > 0).sum(0)
            one = count == 1
            np.testing.assert_array_equal(got[one], (base[which] + sum(moves))[one])
            np.testing.assert_array_equal(got[count == 0], base[which][count == 0])
            assert {0, 1, 2} <= set(count)
            for other in found[1:]:
                np.testing.assert_array_equal(other["combined"][turn][which], got)
            base[which] = got


def test_rows_that_moved_little_get_the_sum_and_hubs_the_mean() -> None:
    little, much = torch.tensor([1e-4, 1e-4]), torch.tensor([1e4, 1e4])
    for paces, expected in ((little, 1.0), (much, 0.5)):
        assert float(distributed.delta_scale(paces.sum(), distributed.saturation(paces).sum())) == pytest.approx(
            expected, rel=1e-4
        )


def test_borrowed_rows_are_those_of_a_dense_table(found: list[dict[str, Any]]) -> None:
    dense = processes.table().numpy()
    for turn in range(ROUNDS):
        before, moves = dense.copy(), [processes.asked(rank, turn) for rank in range(len(found))]
        paces = np.zeros((len(found), N))
        for pace, (rows, _, own) in zip(paces, moves, strict=True):
            pace[rows] = own
        by = shares(list(paces))
        for each, (rows, changes, _) in zip(found, moves, strict=True):
            np.testing.assert_allclose(each["borrowed"][0][turn], before[rows], atol=2e-6)
            dense[rows] += changes * by[rows, None]
    for rank, each in enumerate(found):
        np.testing.assert_allclose(each["borrowed"][1], dense[rank :: len(found)], atol=4e-6)


def directly(tables: list[np.ndarray], chunk: row_sharded.ShardedBatch) -> tuple[list[np.ndarray], np.ndarray, Any]:
    """The kernel on whole tables, its negatives taken from the chunk's pool; the tables, paces, and what it returns."""
    slots = np.zeros((POOL, 2), np.uint32)
    slots[:, 1] = processes.pool_of(chunk.number)
    law, after = processes.law(slots), [each.copy() for each in tables]
    room = cpu.make_workspace(law, N, DIM, with_step_curvature=True)
    walks = cpu.RaggedWalks(chunk.values, chunk.starts, chunk.lengths, chunk.ids)
    told = cpu.train_walks(cpu.EmbeddingTables(*after), walks, law, room, KEYS, RATES, 1)
    return after, room.step_curvature, told


def simulated(world: int, chunks: list[int]) -> tuple[list[np.ndarray], list[list[Any]]]:
    """Both tables after all turns in one process, and what each rank's steps return."""
    tables = [processes.table().numpy(), 2 * processes.table().numpy()]
    told: list[list[Any]] = [[] for _ in range(world)]
    for turn in range(max(chunks)):
        changes = [np.zeros_like(each) for each in tables]
        paces = np.zeros((2, world, N), np.float32)
        for rank in range(world):
            if turn >= chunks[rank]:
                told[rank].append((0.0, 0.0, 0, -1))
                continue
            chunk = processes.chunk(rank, world, turn)
            after, paces[:, rank], result = directly(tables, chunk)
            told[rank].append(result)
            changes = [sums + new - old for sums, new, old in zip(changes, after, tables, strict=True)]
        by = [shares(list(each))[:, None].astype(np.float32) for each in paces]
        tables = [old + change * share for old, change, share in zip(tables, changes, by, strict=True)]
    return tables, told


def test_borrowing_processes_train_as_one_that_combines_their_changes(found: list[dict[str, Any]]) -> None:
    world = len(found)
    tables, told = simulated(world, processes.CHUNKS[world])
    for rank, each in enumerate(found):
        np.testing.assert_allclose(np.array(each["trained"][0], float), np.array(told[rank], float), rtol=1e-5)
        for local, table in zip(each["trained"][1], tables, strict=True):
            np.testing.assert_allclose(local, table[rank::world], atol=1e-5)


def test_one_process_that_borrows_trains_as_the_kernel_does() -> None:
    told, locals_of = processes.trained(ALONE)
    tables, expected = simulated(1, [3])
    assert np.abs(tables[1] - 2 * processes.table().numpy()).max() > 0.1
    np.testing.assert_allclose(np.array(told, float), np.array(expected[0], float), rtol=1e-5)
    for local, table in zip(locals_of, tables, strict=True):
        np.testing.assert_allclose(local, table, atol=1e-5)


def test_a_pool_is_a_function_of_its_chunk() -> None:
    assert np.array_equal(processes.pool_of(7), processes.pool_of(7))
    assert not np.array_equal(processes.pool_of(7), processes.pool_of(8))


def test_rows_outside_the_table_are_an_error() -> None:
    with pytest.raises(TrainError, match="rows 2 to 41 of a table of 41"):
        row_sharded.RowShardedEmbedding(N, DIM, ALONE).fetch(torch.tensor([2, N]))


def test_the_interval_follows_the_tables() -> None:
    assert walks_per_sync(10, 80, 2, 4) == 1
    assert walks_per_sync(2_708, 80, 2, 4) == 67
    assert walks_per_sync(1_000_000, 80, 8, 4) == 6_250


def test_one_process_exchanges_nothing() -> None:
    table = processes.table()
    with init_process_group() as peers:
        assert (peers.rank, peers.world) == (0, 1)
        peers.combine([table], [torch.ones(N)], [peers.base(table)])
        assert peers.sum([2]) == [2.0]
        assert peers.told("a") == "a"
    assert torch.equal(table, processes.table())


@pytest.mark.parametrize("work", [processes.failing, processes.late])
def test_a_process_that_fails_or_is_late_ends_the_others(work: Callable[..., Any]) -> None:
    first, second = processes.at_all(work, 2, seconds=4)
    assert isinstance(first, TrainError)
    assert "process 0 of 2: another process has failed, or did not answer within 4 s" in str(first)
    assert isinstance(second, ValueError if work is processes.failing else TrainError)


def test_processes_that_begin_at_other_places_all_say_so() -> None:
    for error in processes.at_all(processes.elsewhere, 2):
        assert isinstance(error, TrainError)
        assert "the processes do not begin at the same place" in str(error)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"MASTER_ADDR": ""}, "MASTER_ADDR is not set: start the trainer with torchrun"),
        ({"RANK": ""}, "RANK is not set"),
        ({"RANK": "2"}, "RANK is 2, and must be below WORLD_SIZE"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two' in the environment"),
        ({"RANK": "1"}, "process 1 of 2 could not join the others at 127.0.0.1:"),
    ],
)
def test_who_cannot_join_says_why(monkeypatch: pytest.MonkeyPatch, change: dict[str, str], message: str) -> None:
    for name, value in {**processes.place(0, 2, processes.free_port()), **change}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainError, match=message):
        init_process_group(seconds=1)


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    free = Train(deterministic=False, device="cpu")
    assert count_workers(free) == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert count_workers(free) == 2
    assert count_workers(Train()) == 1


def test_parts_of_the_walks_are_all_of_them_once_and_as_many_everywhere() -> None:
    shards = [MemoryShard([[(100 * g + i, [i % 5, i % 3]) for i in range(size)] for g, size in enumerate(sizes)]) for sizes in
              ((7, 20), (1,), (13,))]  # fmt: skip
    found: dict[int, list[Any]] = {}
    for world in (1, 2, 3, 50):
        found[world] = []
        for rank in range(world):
            walks = WalkDataset(shards, np.arange(5))
            walks.part = (rank, world)
            batches = [batch.walk_ids.tolist() for batch in walks.batches(4, 9, 1)]
            assert len(batches) == walks.count(4) == -(-12 // world)
            for skip in (1, len(batches) - 1, len(batches)):
                assert [batch.walk_ids.tolist() for batch in walks.batches(4, 9, 1, skip)] == batches[skip:]
            found[world] += [batch for batch in batches if batch]
        assert found[world] == found[1]
