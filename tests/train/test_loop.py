"""The training loop: a resumed run equals an uninterrupted one, and errors end a run with one clear line."""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from support.models import Make, MemorySlot, have_equal_vectors, make_keras_node2vec, make_skipgram
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.loop import TrainPlan
from walkgram.train.state import StepResult


@pytest.mark.parametrize("make", [make_keras_node2vec, make_skipgram])
@pytest.mark.parametrize("interrupt_after", [1, 3, 4])
def test_a_resumed_run_equals_an_uninterrupted_one(make: Make, interrupt_after: int) -> None:
    full, broken, resumed = make(), make(), make()
    losses = [epoch.loss for epoch in loop.run_loop(full, TrainPlan(5), MemorySlot().checkpoints())]
    memory = MemorySlot(interrupt_after)
    with pytest.raises(KeyboardInterrupt):
        loop.run_loop(broken, TrainPlan(5), memory.checkpoints())
    assert not have_equal_vectors(broken, full)
    done = loop.run_loop(resumed, TrainPlan(5), memory.checkpoints())
    assert have_equal_vectors(resumed, full)
    assert [epoch.loss for epoch in done] == losses
    assert [epoch.epoch for epoch in done] == [1, 2, 3, 4, 5]
    assert memory.num_saved == 5


@pytest.mark.parametrize("make", [make_keras_node2vec, make_skipgram])
def test_a_run_interrupted_inside_an_epoch_resumes_from_the_last_full_one(make: Make) -> None:
    full, broken, resumed = make(), make(), make()
    loop.run_loop(full, TrainPlan(5), MemorySlot().checkpoints())
    step: Callable[[Any, float, float], StepResult] = broken.step
    left = [2 * broken.num_steps() + 3]

    def fail(batch: Any, progress: float, next_progress: float) -> StepResult:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return step(batch, progress, next_progress)

    broken.step = fail
    memory = MemorySlot()
    with pytest.raises(KeyboardInterrupt):
        loop.run_loop(broken, TrainPlan(5), memory.checkpoints())
    assert memory.num_saved == 2
    loop.run_loop(resumed, TrainPlan(5), memory.checkpoints())
    assert memory.num_saved == 5
    assert have_equal_vectors(resumed, full)


@pytest.mark.parametrize("make", [make_keras_node2vec, make_skipgram])
def test_a_finished_run_is_not_trained_further_and_repeats_itself(make: Make) -> None:
    first, again, anew = make(), make(), make()
    memory = MemorySlot()
    done = loop.run_loop(first, TrainPlan(2), memory.checkpoints())
    assert loop.run_loop(again, TrainPlan(2), memory.checkpoints()) == done
    assert memory.num_saved == 2
    loop.run_loop(anew, TrainPlan(2), MemorySlot().checkpoints())
    assert have_equal_vectors(first, again)
    assert have_equal_vectors(first, anew)


def test_progress_rises_evenly_over_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_skipgram()
    spans: list[tuple[float, float]] = []
    step = model.step

    def record(batch: Any, progress: float, next_progress: float) -> StepResult:
        spans.append((progress, next_progress))
        return step(batch, progress, next_progress)

    monkeypatch.setattr(model, "step", record)
    loop.run_loop(model, TrainPlan(3), MemorySlot().checkpoints())
    steps = 3 * model.num_steps()
    assert np.array(spans) == pytest.approx(np.array([(i / steps, (i + 1) / steps) for i in range(steps)]))


@pytest.mark.parametrize("make", [make_keras_node2vec, make_skipgram])
def test_training_lowers_the_loss(make: Make) -> None:
    losses = [epoch.loss for epoch in loop.run_loop(make(), TrainPlan(5), MemorySlot().checkpoints())]
    assert losses[-1] < losses[0]


def test_a_checkpoint_of_another_configuration_is_refused_and_the_key_named() -> None:
    memory = MemorySlot(window=2, seed=7)
    loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints())
    with pytest.raises(TrainError, match=r"train\.pt: .*another configuration \(window: 2 there, 9 here\).*--force"):
        loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints(window=9))
    with pytest.raises(TrainError, match=r"rate: None there, 3 here"):
        loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints(rate=3))


def test_a_key_that_only_the_checkpoint_has_is_named() -> None:
    memory = MemorySlot()
    loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints(hierarchical=True))
    with pytest.raises(TrainError, match="hierarchical"):
        loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints())


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None, {"config_key": {}}, [1, 2]], ids=repr)
def test_a_damaged_checkpoint_is_refused_with_its_place_and_the_remedy(damage: Any) -> None:
    memory = MemorySlot()
    loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints())
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
        loop.run_loop(make_skipgram(), TrainPlan(1), memory.checkpoints())


def test_a_rate_too_high_stops_at_the_first_loss_that_is_not_finite() -> None:
    memory = MemorySlot()
    with pytest.raises(TrainError, match=r"the loss is (nan|inf) at epoch 1, batch \d+: lower the learning rate .*--force"):
        loop.run_loop(make_keras_node2vec(1e25), TrainPlan(5), memory.checkpoints())
    assert memory.num_saved == 0


@pytest.mark.parametrize("rate", [1e2, 1e6])
def test_a_rate_far_too_high_stops_though_the_loss_is_finite(rate: float) -> None:
    with pytest.raises(
        TrainError, match=r"the loss of epoch \d is \S+, where that at the start was .*: lower the learning rate"
    ):
        loop.run_loop(make_keras_node2vec(rate), TrainPlan(5), MemorySlot().checkpoints())


@pytest.mark.parametrize("rate", [0.025, 0.1, 1.0])
def test_skipgram_stays_finite_at_any_rate(rate: float) -> None:
    model = make_skipgram(rate)
    epochs = loop.run_loop(model, TrainPlan(5), MemorySlot().checkpoints())
    assert epochs[-1].loss <= epochs[0].loss
    assert all(float(table.norm(dim=1).max()) < 10 for table in model.vectors() if table is not None)


def test_a_checkpoint_of_other_walks_is_ignored() -> None:
    memory = MemorySlot()
    loop.run_loop(make_skipgram(), TrainPlan(1), dataclasses.replace(memory.checkpoints(), data_key={"walks": "old"}))
    fresh, other = make_skipgram(), make_skipgram()
    loop.run_loop(fresh, TrainPlan(2), dataclasses.replace(memory.checkpoints(), data_key={"walks": "new"}))
    loop.run_loop(other, TrainPlan(2), MemorySlot().checkpoints())
    assert torch.equal(fresh.vectors()[0], other.vectors()[0])


def test_fewer_examples_than_a_batch_are_an_error_that_says_so() -> None:
    with pytest.raises(TrainError, match="batch_size"):
        loop.run_loop(make_keras_node2vec(size=10_000), TrainPlan(5), MemorySlot().checkpoints())
