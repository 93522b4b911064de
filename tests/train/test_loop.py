"""The training loop: resume equals no interruption, and what must stop a run stops it with one clear line."""

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
import torch

from support.models import Make, Memory, examples, same, skipgram
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.loop import TrainPlan
from walkgram.train.state import StepResult


@pytest.mark.parametrize("make", [examples, skipgram])
@pytest.mark.parametrize("power", [1, 3, 4])
def test_a_resumed_run_equals_an_uninterrupted_one(make: Make, power: int) -> None:
    whole, broken, resumed = make(), make(), make()
    losses = [epoch.loss for epoch in loop.run_loop(whole, TrainPlan(5), Memory().checkpoints())]
    memory = Memory(power)
    with pytest.raises(KeyboardInterrupt):
        loop.run_loop(broken, TrainPlan(5), memory.checkpoints())
    assert not same(broken, whole)
    done = loop.run_loop(resumed, TrainPlan(5), memory.checkpoints())
    assert same(resumed, whole)
    assert [epoch.loss for epoch in done] == losses
    assert [epoch.epoch for epoch in done] == [1, 2, 3, 4, 5]
    assert memory.saved == 5


@pytest.mark.parametrize("make", [examples, skipgram])
def test_a_run_broken_inside_an_epoch_goes_on_from_the_last_whole_one(make: Make) -> None:
    whole, broken, resumed = make(), make(), make()
    loop.run_loop(whole, TrainPlan(5), Memory().checkpoints())
    step, left = broken.step, [2 * broken.steps() + 3]

    def failing(batch: Any, progress: float, following: float) -> StepResult:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return step(batch, progress, following)

    broken.step = failing  # type: ignore[method-assign]
    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        loop.run_loop(broken, TrainPlan(5), memory.checkpoints())
    assert memory.saved == 2
    loop.run_loop(resumed, TrainPlan(5), memory.checkpoints())
    assert same(resumed, whole)


@pytest.mark.parametrize("make", [examples, skipgram])
def test_a_finished_run_is_not_trained_further_and_repeats_itself(make: Make) -> None:
    first, again, anew = make(), make(), make()
    memory = Memory()
    done = loop.run_loop(first, TrainPlan(2), memory.checkpoints())
    assert loop.run_loop(again, TrainPlan(2), memory.checkpoints()) == done
    assert memory.saved == 2
    loop.run_loop(anew, TrainPlan(2), Memory().checkpoints())
    assert same(first, again)
    assert same(first, anew)


def test_progress_rises_evenly_over_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, told = skipgram(), []
    step = objective.step
    monkeypatch.setattr(objective, "step", lambda batch, *span: told.append(span) or step(batch, *span))
    loop.run_loop(objective, TrainPlan(3), Memory().checkpoints())
    steps = 3 * objective.steps()
    assert np.array(told) == pytest.approx(np.array([(i / steps, (i + 1) / steps) for i in range(steps)]))


@pytest.mark.parametrize("make", [examples, skipgram])
def test_training_lowers_the_loss(make: Make) -> None:
    losses = [epoch.loss for epoch in loop.run_loop(make(), TrainPlan(5), Memory().checkpoints())]
    assert losses[-1] < losses[0]


def test_a_checkpoint_of_another_configuration_is_refused_and_the_key_named() -> None:
    memory = Memory(window=2, seed=7)
    loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints())
    with pytest.raises(TrainError, match=r"train\.pt: .*another configuration \(window: 2 there, 9 here\).*--force"):
        loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints(window=9))
    with pytest.raises(TrainError, match=r"rate: None there, 3 here"):
        loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints(rate=3))


def test_a_key_that_only_the_checkpoint_has_is_named() -> None:
    memory = Memory()
    loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints(hierarchical=True))
    with pytest.raises(TrainError, match="hierarchical"):
        loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints())


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None, {"mark": {}}, [1, 2]], ids=repr)
def test_a_damaged_checkpoint_is_refused_with_its_place_and_the_remedy(damage: Any) -> None:
    memory = Memory()
    loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints())
    assert memory.data is not None
    if damage is None:
        memory.data = memory.data[: len(memory.data) // 2]
    elif isinstance(damage, bytes):
        memory.data = damage
    else:
        buffer = io.BytesIO()
        torch.save(damage, buffer)
        memory.data = buffer.getvalue()
    with pytest.raises(TrainError, match=r"memory:train\.pt: damaged checkpoint \(.+\): remove it"):
        loop.run_loop(skipgram(), TrainPlan(1), memory.checkpoints())


def test_a_rate_too_high_stops_at_the_first_loss_that_is_not_finite() -> None:
    memory = Memory()
    with pytest.raises(TrainError, match=r"the loss is (nan|inf) at epoch 1, batch \d+: lower the learning rate .*--force"):
        loop.run_loop(examples(1e25), TrainPlan(5), memory.checkpoints())
    assert memory.saved == 0


@pytest.mark.parametrize("rate", [0.025, 0.1, 1.0])
def test_skipgram_stays_finite_at_any_rate(rate: float) -> None:
    objective = skipgram(rate)
    epochs = loop.run_loop(objective, TrainPlan(5), Memory().checkpoints())
    assert epochs[-1].loss <= epochs[0].loss
    assert all(float(table.norm(dim=1).max()) < 10 for table in objective.vectors() if table is not None)


def test_a_checkpoint_of_other_walks_is_left_aside() -> None:
    memory = Memory()
    loop.run_loop(skipgram(), TrainPlan(1), dataclasses.replace(memory.checkpoints(), inputs={"walks": "old"}))
    fresh, other = skipgram(), skipgram()
    loop.run_loop(fresh, TrainPlan(2), dataclasses.replace(memory.checkpoints(), inputs={"walks": "new"}))
    loop.run_loop(other, TrainPlan(2), Memory().checkpoints())
    assert torch.equal(fresh.vectors()[0], other.vectors()[0])


def test_a_vector_that_is_not_finite_at_the_end_is_an_error_that_names_its_row() -> None:
    objective = skipgram()
    memory = Memory()
    loop.run_loop(objective, TrainPlan(1), memory.checkpoints())
    context = objective.vectors()[1]
    assert context is not None
    context[7, 2] = float("inf")
    with pytest.raises(TrainError, match="context_vector of row 7 is not finite"):
        loop.check_finite(objective)


def test_fewer_examples_than_a_batch_are_an_error_that_says_so() -> None:
    with pytest.raises(TrainError, match="batch_size"):
        loop.run_loop(examples(size=10_000), TrainPlan(5), Memory().checkpoints())
