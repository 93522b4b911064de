"""Model `skipgram` on row-sharded tables: its first values, its batches, and checkpoints that are interrupted."""

import io
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import pytest
import torch

from support import models
from walkgram.config.train import SkipgramConfig, Train
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.models.base import ModelInputs
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.placement import row_sharded
from walkgram.train.placement.row_sharded import RowSharded

N, EPOCHS = models.N, 3


class PowerCutError(Exception):
    """The power is cut."""


class PowerCutSlot:
    """A checkpoint slot in memory; the power is cut before a save."""

    place = "memory:part"

    def __init__(self, saves_left: list[int]) -> None:
        self.data: bytes | None = None
        self.saves_left = saves_left

    def load(self) -> IO[bytes] | None:
        return None if self.data is None else io.BytesIO(self.data)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        self.saves_left[0] -= 1
        if self.saves_left[0] < 0:
            raise PowerCutError
        buffer = io.BytesIO()
        write(buffer)
        self.data = buffer.getvalue()


def make_slots(saves: int = 1000) -> list[PowerCutSlot]:
    """Return the checkpoint's slot and the two slots of rows; the power is cut after `saves` saves of any of them."""
    saves_left = [saves]
    return [PowerCutSlot(saves_left) for _ in range(3)]


def make_config(placement: str = "row_sharded", **options: Any) -> Train:
    skipgram = SkipgramConfig(batch_walks=4, shared_negatives=8, learning_rate=0.1, **options)
    return Train(dim=4, epochs=EPOCHS, window=2, negatives=2, placement=placement, skipgram=skipgram)  # type: ignore[arg-type]


def make_model(
    group: ProcessGroup = SINGLE_PROCESS, slots: list[PowerCutSlot] | None = None, config: Train | None = None
) -> Skipgram:
    inputs = ModelInputs(group=group, slots=(slots or make_slots())[1:])
    return Skipgram(models.make_walks(), np.arange(1, N + 1), config or make_config(), inputs)


def placement_of(model: Skipgram) -> RowSharded:
    assert isinstance(model.placement, RowSharded)
    return model.placement


def train(slots: list[PowerCutSlot]) -> Skipgram:
    model = make_model(slots=slots)
    loop.run_loop(model, loop.TrainPlan(EPOCHS, save_every=0), Checkpoints(slots[0], {}))
    return model


@pytest.mark.parametrize("world", [1, 2, 5, N + 1])
def test_rows_start_as_those_of_replicated_tables(world: int) -> None:
    replicated = make_model(config=make_config("replicated"))
    for rank in range(world):
        sharded = make_model(ProcessGroup(rank, world))
        for local, table in zip(sharded.vectors(), replicated.vectors(), strict=True):
            assert local is not None
            assert table is not None
            assert torch.equal(local, table[rank::world])
            assert torch.equal(local, table[list(sharded.placement.rows)])


def test_batches_have_distinct_numbers_and_the_walks_of_all_processes_are_all_walks() -> None:
    numbers, walk_ids = [], []
    for rank in range(3):
        model = make_model(ProcessGroup(rank, 3))
        assert model.bind(model.group) == row_sharded.SYNC_EVERY
        batches = list(model.batches(1))
        assert len(batches) == model.num_steps()
        assert [batch.number for batch in model.batches(1, 2)] == [batch.number for batch in batches[2:]]
        numbers += [batch.number for batch in batches]
        walk_ids += [walk for batch in batches for walk in batch.walks.walk_ids]
    assert len(set(numbers)) == len(numbers)
    assert sorted(walk_ids) == [walk for walk, _ in models.WALKS]


def test_a_batch_takes_the_values_of_its_walks_alone() -> None:
    for batch in make_model().batches(0):
        selected = row_sharded.select_values(batch.walks)
        assert len(selected.values) == batch.walks.lengths.sum()
        for k, walk in enumerate(batch.walks.walk_ids):
            values = selected.values[selected.starts[k] : selected.starts[k] + selected.lengths[k]]
            assert values.tolist() == models.WALKS[walk][1]


def test_the_loss_falls_and_every_token_is_counted() -> None:
    model = make_model()
    epochs = loop.run_loop(model, loop.TrainPlan(EPOCHS), Checkpoints(make_slots()[0], {}))
    assert epochs[-1].loss < epochs[0].loss
    results = [model.step(batch, 0, 0) for batch in model.batches(0)]
    assert sum(result.tokens for result in results) == sum(len(walk) for _, walk in models.WALKS)


def test_without_negatives_and_with_the_mean_alone() -> None:
    model = make_model(config=make_config(output="mean"))
    placement = placement_of(model)
    setup = placement.setup
    object.__setattr__(setup, "params", setup.params._replace(shared_negatives=0))
    assert not model.step(next(model.batches(0)), 0, 0).error
    vector, context = model.vectors()
    assert context is None
    assert torch.equal(vector, (placement.shards.vector.local + placement.shards.context.local) / 2)


@pytest.mark.parametrize("saves", [1, 2, 3, 4, 5, 20, 21])
def test_whenever_the_power_is_cut_a_rerun_comes_to_the_same_vectors(saves: int) -> None:
    slots = make_slots(saves)
    with pytest.raises(PowerCutError):
        train(slots)
    slots[0].saves_left[0] = 1000
    undisturbed = make_slots()
    assert models.have_equal_vectors(train(slots), train(undisturbed))
    assert (slots[0].saves_left[0] > undisturbed[0].saves_left[0]) == (saves >= 2)  # the rerun resumes: it saves less often


def test_rows_of_another_checkpoint_are_an_error_and_missing_ones_too() -> None:
    slots, other = make_slots(), make_slots()
    train(slots)
    train(other)
    for parts, message in (
        (other[1:], "memory:part: rows of another checkpoint"),
        (make_slots()[1:], "memory:part: missing"),
    ):
        slots[1:] = parts
        with pytest.raises(TrainError, match=message):
            train(slots)


def test_a_step_that_meets_a_row_that_is_not_finite_names_the_walk() -> None:
    model = make_model()
    placement_of(model).shards.vector.local[:] = np.inf
    batch = next(model.batches(0))
    assert model.step(batch, 0, 0).error == f"a vector of walk {batch.walks.walk_ids[0]} is not finite, rate 0.1"
