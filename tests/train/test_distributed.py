"""Several processes: synchronised tables against numpy, exchanged rows against a dense table, failures that end all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from support import models, processes
from support.oracles import MemoryShard
from support.processes import DIM, POOL, ROUNDS, SCHEDULE, N
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu
from walkgram.kernels.sgns.params import RaggedWalks, SgnsTables, make_workspace
from walkgram.train import distributed
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup, init_process_group, walks_per_sync
from walkgram.train.models.skipgram import count_threads
from walkgram.train.placement.sharded_embedding import RowShardedEmbedding

ALONE = ProcessGroup()


@pytest.fixture(scope="module", params=[2, 3])
def results(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Run all checks at each rank of a world; return the ranks' results."""
    returned = processes.run_ranks(processes.run_everything, request.param)
    assert all(isinstance(result, dict) for result in returned), returned
    return returned


def test_sums_and_flags_are_those_of_all(results: list[dict[str, Any]]) -> None:
    world = len(results)
    ranks = world * (world - 1) / 2
    for result in results:
        assert result["sum"] == [1.5 * world, ranks, 2.0**40 * ranks]
        assert result["any"] == [False, True, True]


def test_a_broadcast_reaches_all_and_equal_values_are_known(results: list[dict[str, Any]]) -> None:
    assert [result["broadcast"] for result in results] == [{"from": 0}] * len(results)
    assert [result["all_equal"] for result in results] == [[True, False, False]] * len(results)


def delta_scales(curvatures: list[np.ndarray]) -> np.ndarray:
    """Return the (N,) scales of the rows' changes: the saturation of all steps in sequence over the processes' summed ones."""
    damped = distributed.CURVATURE_DAMPING * np.array(curvatures, float)
    separate = (1 - np.exp(-damped)).sum(0)
    return np.where(separate > 0, (1 - np.exp(-damped.sum(0))) / np.where(separate > 0, separate, 1), 1.0)


def test_synchronized_tables_follow_the_rule_and_are_equal_everywhere(results: list[dict[str, Any]]) -> None:
    base = [processes.make_table().numpy(), 2 * processes.make_table().numpy()]
    for turn in range(ROUNDS):
        for which in range(2):
            curvatures, moves = zip(*(processes.draw_changes(rank, turn, which) for rank in range(len(results))), strict=True)
            synced = results[0]["synchronized"][turn][which]
            np.testing.assert_allclose(synced, base[which] + sum(moves) * delta_scales(list(curvatures))[:, None], atol=4e-6)
            count = (np.array(curvatures) > 0).sum(0)
            moved_once = count == 1
            np.testing.assert_array_equal(synced[moved_once], (base[which] + sum(moves))[moved_once])
            np.testing.assert_array_equal(synced[count == 0], base[which][count == 0])
            assert {0, 1, 2} <= set(count)
            for other in results[1:]:
                np.testing.assert_array_equal(other["synchronized"][turn][which], synced)
            base[which] = synced


def test_rows_that_moved_little_get_the_sum_and_hubs_the_mean() -> None:
    small, large = torch.tensor([1e-4, 1e-4]), torch.tensor([1e4, 1e4])
    for curvatures, expected in ((small, 1.0), (large, 0.5)):
        assert float(distributed.delta_scale(curvatures.sum(), distributed.saturation(curvatures).sum())) == pytest.approx(
            expected, rel=1e-4
        )


def test_exchanged_rows_are_those_of_a_dense_table(results: list[dict[str, Any]]) -> None:
    dense = processes.make_table().numpy()
    for turn in range(ROUNDS):
        before, moves = dense.copy(), [processes.draw_requests(rank, turn) for rank in range(len(results))]
        curvatures = np.zeros((len(results), N))
        for curvature, (rows, _, values) in zip(curvatures, moves, strict=True):
            curvature[rows] = values
        scale = delta_scales(list(curvatures))
        for result, (rows, changes, _) in zip(results, moves, strict=True):
            np.testing.assert_allclose(result["exchanged"][0][turn], before[rows], atol=2e-6)
            dense[rows] += changes * scale[rows, None]
    for rank, result in enumerate(results):
        np.testing.assert_allclose(result["exchanged"][1], dense[rank :: len(results)], atol=4e-6)


def train_full(tables: list[np.ndarray], number: int) -> tuple[list[np.ndarray], np.ndarray, Any]:
    """Run the kernel on full tables, with the batch's pool as negatives; return (tables, curvatures, the kernel's result)."""
    slots, walks = np.zeros((POOL, 2), np.uint32), processes.make_batch(number)
    slots[:, 1] = processes.draw_pool(number)
    params, after = processes.make_params(slots), [table.copy() for table in tables]
    workspace = make_workspace(params, N, DIM, with_step_curvature=True)
    ragged = RaggedWalks(walks.values, walks.starts, walks.lengths, walks.walk_ids)
    result = cpu.train_walks(SgnsTables(*after), ragged, params, workspace, *SCHEDULE, 1)
    return after, workspace.step_curvature, result


def simulate(world: int, num_batches: list[int]) -> tuple[list[np.ndarray], list[list[Any]]]:
    """Train all turns in one process; return both tables and the results of each rank's steps."""
    tables = [processes.make_table().numpy(), 2 * processes.make_table().numpy()]
    returned: list[list[Any]] = [[] for _ in range(world)]
    for turn in range(max(num_batches)):
        changes = [np.zeros_like(table) for table in tables]
        curvatures = np.zeros((2, world, N), np.float32)
        for rank in range(world):
            if turn >= num_batches[rank]:
                returned[rank].append((0.0, 0.0, 0, -1))
                continue
            after, curvatures[:, rank], result = train_full(tables, processes.batch_number(rank, world, turn))
            returned[rank].append(result)
            changes = [sums + new - old for sums, new, old in zip(changes, after, tables, strict=True)]
        scales = [delta_scales(list(by_rank))[:, None].astype(np.float32) for by_rank in curvatures]
        tables = [old + change * scale for old, change, scale in zip(tables, changes, scales, strict=True)]
    return tables, returned


def test_sharded_processes_train_as_one_that_adds_their_changes(results: list[dict[str, Any]]) -> None:
    world = len(results)
    tables, expected = simulate(world, processes.NUM_BATCHES[world])
    for rank, result in enumerate(results):
        np.testing.assert_allclose(np.array(result["trained"][0], float), np.array(expected[rank], float), rtol=1e-5)
        for local, table in zip(result["trained"][1], tables, strict=True):
            np.testing.assert_allclose(local, table[rank::world], atol=1e-5)


def test_replicated_processes_have_equal_tables_after_training(results: list[dict[str, Any]]) -> None:
    (first, curvatures), *others = [result["replicated"] for result in results]
    for tables, other_curvatures in others:
        for table, other in zip(first, tables, strict=True):
            np.testing.assert_array_equal(table, other)
        assert len(other_curvatures) == len(curvatures)
        assert other_curvatures[0] > 0
    assert len(curvatures) > 2
    assert curvatures[0] > 0
    initial = models.make_skipgram().vectors()[0].numpy()
    assert np.abs(first[0] - initial).max() > 0.01


def test_one_sharded_process_trains_as_the_kernel_does() -> None:
    returned, local_tables = processes.train_turns(ALONE)
    tables, expected = simulate(1, [3])
    assert np.abs(tables[1] - 2 * processes.make_table().numpy()).max() > 0.1
    np.testing.assert_allclose(np.array(returned, float), np.array(expected[0], float), rtol=1e-5)
    for local, table in zip(local_tables, tables, strict=True):
        np.testing.assert_allclose(local, table, atol=1e-5)


def test_a_pool_is_a_function_of_its_batch() -> None:
    assert np.array_equal(processes.draw_pool(7), processes.draw_pool(7))
    assert not np.array_equal(processes.draw_pool(7), processes.draw_pool(8))


def test_rows_outside_the_table_are_an_error() -> None:
    with pytest.raises(TrainError, match="rows 2 to 41 of a table of 41"):
        RowShardedEmbedding(N, DIM, ALONE).gather_rows(torch.tensor([2, N]))


def test_the_interval_follows_the_tables() -> None:
    assert walks_per_sync(10, 80, 2, 4) == 1
    assert walks_per_sync(2_708, 80, 2, 4) == 67
    assert walks_per_sync(1_000_000, 80, 8, 4) == 6_250


def test_one_process_exchanges_nothing() -> None:
    table = processes.make_table()
    with init_process_group() as group:
        assert (group.rank, group.world) == (0, 1)
        group.sync_replicas([table], [torch.ones(N)], [group.shadow_copy(table)])
        assert group.sum([2]) == [2.0]
        assert group.broadcast("a") == "a"
    assert torch.equal(table, processes.make_table())


@pytest.mark.parametrize("work", [processes.fail_at_one, processes.come_late])
def test_a_process_that_fails_or_is_late_ends_the_others(work: Callable[..., Any]) -> None:
    first, second = processes.run_ranks(work, 2, seconds=4)
    assert isinstance(first, TrainError)
    assert "process 0 of 2: another process has failed, or did not answer within 4 s" in str(first)
    assert isinstance(second, ValueError if work is processes.fail_at_one else TrainError)


def test_processes_that_start_from_other_states_all_fail() -> None:
    for error in processes.run_ranks(processes.resume_at_one, 2):
        assert isinstance(error, TrainError)
        assert "the processes do not start from the same state" in str(error)


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
def test_a_process_that_cannot_join_names_the_reason(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], message: str
) -> None:
    for name, value in {**processes.rank_environment(0, 2, processes.free_port()), **change}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainError, match=message):
        init_process_group(timeout=1)


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    free = Train(deterministic=False, device="cpu")
    assert count_threads(free) == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert count_threads(free) == 2
    assert count_threads(Train()) == 1


def test_slices_of_the_walks_are_all_of_them_once_and_as_many_everywhere() -> None:
    shards = [MemoryShard([[(100 * g + i, [i % 5, i % 3]) for i in range(size)] for g, size in enumerate(sizes)]) for sizes in
              ((7, 20), (1,), (13,))]  # fmt: skip
    walk_ids: dict[int, list[Any]] = {}
    for world in (1, 2, 3, 50):
        walk_ids[world] = []
        for rank in range(world):
            walks = WalkDataset(shards, np.arange(5))
            walks.rank_slice = (rank, world)
            batches = [batch.walk_ids.tolist() for batch in walks.batches(4, 9, 1)]
            assert len(batches) == walks.count_batches(4) == -(-12 // world)
            for skip in (1, len(batches) - 1, len(batches)):
                assert [batch.walk_ids.tolist() for batch in walks.batches(4, 9, 1, skip)] == batches[skip:]
            walk_ids[world] += [batch for batch in batches if batch]
        assert walk_ids[world] == walk_ids[1]
