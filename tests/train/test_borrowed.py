"""Objective `skipgram` on sharded tables: where it starts, its batches, and checkpoints whose power is cut."""

import io
from collections.abc import Callable
from typing import IO

import numpy as np
import pytest
import torch

from support import models as given
from walkgram.config.train import Skipgram as Options
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.models import skipgram_sharded
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.models.skipgram_sharded import RowShardedSkipgram

N, EPOCHS = given.N, 3


class PowerCutError(Exception):
    """The power is cut."""


class Kept:
    """A place in memory; the power is cut before the save of a number."""

    place = "memory:part"

    def __init__(self, power: list[int]) -> None:
        self.data: bytes | None = None
        self.power = power

    def load(self) -> IO[bytes] | None:
        return None if self.data is None else io.BytesIO(self.data)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        self.power[0] -= 1
        if self.power[0] < 0:
            raise PowerCutError
        buffer = io.BytesIO()
        write(buffer)
        self.data = buffer.getvalue()


def places(saves: int = 1000) -> list[Kept]:
    """The checkpoint and the two places of rows, all cut after so many saves."""
    power = [saves]
    return [Kept(power) for _ in range(3)]


def config(**options: float) -> Train:
    skipgram = Options(batch_walks=4, shared_negatives=8, learning_rate=0.1, **options)  # type: ignore[arg-type]
    return Train(dim=4, epochs=EPOCHS, window=2, negatives=2, placement="row_sharded", skipgram=skipgram)


def made(peers: ProcessGroup = SINGLE_PROCESS, kept: list[Kept] | None = None, **options: float) -> RowShardedSkipgram:
    return RowShardedSkipgram(given.walks(), np.arange(1, N + 1), config(**options), peers, (kept or places())[1:])


def trained(kept: list[Kept]) -> RowShardedSkipgram:
    objective, (first, *_) = made(kept=kept), kept
    checkpoints = loop.Checkpoints(first.place, first.load, first.save, {})
    loop.run_loop(objective, loop.TrainPlan(EPOCHS, save_every=0), checkpoints)
    return objective


@pytest.mark.parametrize("world", [1, 2, 5, N + 1])
def test_rows_start_as_those_of_whole_tables(world: int) -> None:
    whole = Skipgram(given.walks(), np.arange(1, N + 1), config())
    for rank in range(world):
        own = made(ProcessGroup(rank, world))
        for mine, all_of in zip(own.vectors(), whole.vectors(), strict=True):
            assert mine is not None
            assert all_of is not None
            assert torch.equal(mine, all_of[rank::world])
            assert torch.equal(mine, all_of[list(own.rows)])


def test_batches_have_numbers_of_their_own_and_the_walks_of_all_processes_are_all_walks() -> None:
    numbers, walks = [], []
    for rank in range(3):
        own = made(ProcessGroup(rank, 3))
        assert own.join(own.peers) == skipgram_sharded.EVERY
        batches = list(own.batches(1))
        assert len(batches) == own.steps()
        assert [number for _, number, _ in own.batches(1, 2)] == [number for _, number, _ in batches[2:]]
        numbers += [number for _, number, _ in batches]
        walks += [walk for *_, chunk in batches for walk in chunk.walk_ids]
    assert len(set(numbers)) == len(numbers)
    assert sorted(walks) == [walk for walk, _ in given.WALKS]


def test_a_batch_takes_the_values_of_its_own_walks() -> None:
    for _, number, chunk in made().batches(0):
        own = skipgram_sharded.copy_walks(chunk, number)
        assert len(own.values) == chunk.lengths.sum()
        for k, walk in enumerate(chunk.walk_ids):
            assert own.values[own.starts[k] : own.starts[k] + own.lengths[k]].tolist() == given.WALKS[walk][1]


def test_the_loss_falls_and_every_token_is_counted() -> None:
    objective = made()
    checkpoints = loop.Checkpoints("memory:", lambda: None, lambda _: None, {})
    epochs = loop.run_loop(objective, loop.TrainPlan(EPOCHS), checkpoints)
    assert epochs[-1].loss < epochs[0].loss
    found = [objective.step(batch, 0, 0) for batch in objective.batches(0)]
    assert sum(step.tokens for step in found) == sum(len(walk) for _, walk in given.WALKS)


def test_without_negatives_and_with_the_mean_alone() -> None:
    objective = made(average=True)
    objective.law = objective.law._replace(shared_negatives=0)
    assert not objective.step(next(objective.batches(0)), 0, 0).wrong
    vector, context = objective.vectors()
    assert context is None
    assert torch.equal(vector, (objective.vector.local + objective.context.local) / 2)


@pytest.mark.parametrize("saves", [1, 2, 3, 4, 5, 20, 21])
def test_whenever_the_power_is_cut_a_rerun_comes_to_the_same_vectors(saves: int) -> None:
    kept = places(saves)
    with pytest.raises(PowerCutError):
        trained(kept)
    kept[0].power[0] = 1000
    assert given.same(trained(kept), trained(places()))


def test_rows_of_another_checkpoint_are_an_error_and_gone_ones_too() -> None:
    kept, other = places(), places()
    trained(kept)
    trained(other)
    for found, message in ((other[1:], "memory:part: of another checkpoint"), (places()[1:], "memory:part: gone")):
        kept[1:] = found
        with pytest.raises(TrainError, match=message):
            trained(kept)


def test_a_row_that_is_not_finite_is_named_as_the_tables_row() -> None:
    objective = made(ProcessGroup(1, 5))
    objective.context.local[1, 2] = np.nan
    with pytest.raises(TrainError, match="context_vector of row 6 is not finite"):
        loop.check_finite(objective)


def test_a_step_that_meets_such_a_row_names_the_walk() -> None:
    objective = made()
    objective.vector.local[:] = np.inf
    batch = next(objective.batches(0))
    assert objective.step(batch, 0, 0).wrong == f"a vector of walk {batch[2].walk_ids[0]} is not finite, rate 0.1"
