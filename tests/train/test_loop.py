"""The training loop: resume equals no interruption, and what must stop a run stops it with one clear line."""

import dataclasses
import io
import json
import signal
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import pytest
import torch

from oracles import MemoryShard
from walkgram.config.training import Examples as ExamplesConfig
from walkgram.config.training import Skipgram as SkipgramConfig
from walkgram.config.training import Train
from walkgram.errors import Stopped, TrainError
from walkgram.train import loop
from walkgram.train.examples import Examples
from walkgram.train.loop import Plan, Step
from walkgram.train.saved import Checkpoints
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram
from walkgram.train.watch import Watch

N = 12
WALKS = [(i, [(i + s * (1 + i % 3)) % N for s in range(3 + i % 6)]) for i in range(60)]
Make = Callable[..., loop.Objective]


def walks() -> Walks:
    return Walks([MemoryShard([WALKS[:25], WALKS[25:]])], np.arange(N))


def examples(rate: float = 1e-2, size: int = 16) -> loop.Objective:
    recipe = ExamplesConfig(batch_size=size, shuffle_buffer=64, learning_rate=rate)
    return Examples(walks(), Train(dim=4, epochs=5, window=2, negatives=2, examples=recipe))


def skipgram(rate: float = 0.1) -> loop.Objective:
    options = SkipgramConfig(batch_walks=4, shared_negatives=8, learning_rate=rate)
    return Skipgram(walks(), np.arange(1, N + 1), Train(dim=4, epochs=5, window=2, negatives=2, skipgram=options))


class Memory:
    """A place for checkpoints that cuts the power after so many of them are saved."""

    def __init__(self, power: int = 1000, **mark: Any) -> None:
        self.data: bytes | None = None
        self.power, self.saved, self.mark = power, 0, {"dim": 4, **mark}

    def load(self) -> IO[bytes] | None:
        return None if self.data is None else io.BytesIO(self.data)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        buffer = io.BytesIO()
        write(buffer)
        self.data, self.saved = buffer.getvalue(), self.saved + 1
        if self.saved == self.power:
            raise KeyboardInterrupt

    def checkpoints(self, **mark: Any) -> Checkpoints:
        return Checkpoints("memory:train.pt", self.load, self.save, {**self.mark, **mark})


def same(a: loop.Objective, b: loop.Objective) -> bool:
    pairs = zip(a.vectors(), b.vectors(), strict=True)
    return all((x is None and y is None) or (x is not None and y is not None and torch.equal(x, y)) for x, y in pairs)


@pytest.mark.parametrize("make", [examples, skipgram])
@pytest.mark.parametrize("power", [1, 3, 4])
def test_a_resumed_run_equals_an_uninterrupted_one(make: Make, power: int) -> None:
    whole, broken, resumed = make(), make(), make()
    losses = [epoch.loss for epoch in loop.train(whole, Plan(5), Memory().checkpoints())]
    memory = Memory(power)
    with pytest.raises(KeyboardInterrupt):
        loop.train(broken, Plan(5), memory.checkpoints())
    assert not same(broken, whole)
    done = loop.train(resumed, Plan(5), memory.checkpoints())
    assert same(resumed, whole)
    assert [epoch.loss for epoch in done] == losses
    assert [epoch.epoch for epoch in done] == [1, 2, 3, 4, 5]
    assert memory.saved == 5


@pytest.mark.parametrize("make", [examples, skipgram])
def test_a_run_broken_inside_an_epoch_goes_on_from_the_last_whole_one(make: Make) -> None:
    whole, broken, resumed = make(), make(), make()
    loop.train(whole, Plan(5), Memory().checkpoints())
    step, left = broken.step, [2 * broken.steps() + 3]

    def failing(batch: Any, progress: float, following: float) -> Step:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return step(batch, progress, following)

    broken.step = failing  # type: ignore[method-assign]
    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        loop.train(broken, Plan(5), memory.checkpoints())
    assert memory.saved == 2
    loop.train(resumed, Plan(5), memory.checkpoints())
    assert same(resumed, whole)


@pytest.mark.parametrize("make", [examples, skipgram])
def test_a_finished_run_is_not_trained_further_and_repeats_itself(make: Make) -> None:
    first, again, anew = make(), make(), make()
    memory = Memory()
    done = loop.train(first, Plan(2), memory.checkpoints())
    assert loop.train(again, Plan(2), memory.checkpoints()) == done
    assert memory.saved == 2
    loop.train(anew, Plan(2), Memory().checkpoints())
    assert same(first, again)
    assert same(first, anew)


def test_progress_rises_evenly_over_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, told = skipgram(), []
    step = objective.step
    monkeypatch.setattr(objective, "step", lambda batch, *span: told.append(span) or step(batch, *span))
    loop.train(objective, Plan(3), Memory().checkpoints())
    steps = 3 * objective.steps()
    assert np.array(told) == pytest.approx(np.array([(i / steps, (i + 1) / steps) for i in range(steps)]))


@pytest.mark.parametrize("make", [examples, skipgram])
def test_training_lowers_the_loss(make: Make) -> None:
    losses = [epoch.loss for epoch in loop.train(make(), Plan(5), Memory().checkpoints())]
    assert losses[-1] < losses[0]


def test_a_checkpoint_of_another_configuration_is_refused_and_the_key_named() -> None:
    memory = Memory(window=2, seed=7)
    loop.train(skipgram(), Plan(1), memory.checkpoints())
    with pytest.raises(TrainError, match=r"train\.pt: .*another configuration \(window: 2 there, 9 here\).*--force"):
        loop.train(skipgram(), Plan(1), memory.checkpoints(window=9))
    with pytest.raises(TrainError, match=r"rate: None there, 3 here"):
        loop.train(skipgram(), Plan(1), memory.checkpoints(rate=3))


def test_a_key_that_only_the_checkpoint_has_is_named() -> None:
    memory = Memory()
    loop.train(skipgram(), Plan(1), memory.checkpoints(hierarchical=True))
    with pytest.raises(TrainError, match="hierarchical"):
        loop.train(skipgram(), Plan(1), memory.checkpoints())


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None, {"mark": {}}, [1, 2]], ids=repr)
def test_a_damaged_checkpoint_is_refused_with_its_place_and_the_remedy(damage: Any) -> None:
    memory = Memory()
    loop.train(skipgram(), Plan(1), memory.checkpoints())
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
        loop.train(skipgram(), Plan(1), memory.checkpoints())


def test_a_rate_too_high_stops_at_the_first_loss_that_is_not_finite() -> None:
    memory = Memory()
    with pytest.raises(TrainError, match=r"the loss is (nan|inf) at epoch 1, batch \d+: lower the learning rate .*--force"):
        loop.train(examples(1e25), Plan(5), memory.checkpoints())
    assert memory.saved == 0


@pytest.mark.parametrize("rate", [0.025, 0.1, 1.0])
def test_skipgram_stays_finite_at_any_rate(rate: float) -> None:
    objective = skipgram(rate)
    epochs = loop.train(objective, Plan(5), Memory().checkpoints())
    assert epochs[-1].loss <= epochs[0].loss
    assert all(float(table.norm(dim=1).max()) < 10 for table in objective.vectors() if table is not None)


def test_a_checkpoint_of_other_walks_is_left_aside() -> None:
    memory = Memory()
    loop.train(skipgram(), Plan(1), dataclasses.replace(memory.checkpoints(), inputs={"walks": "old"}))
    fresh, other = skipgram(), skipgram()
    loop.train(fresh, Plan(2), dataclasses.replace(memory.checkpoints(), inputs={"walks": "new"}))
    loop.train(other, Plan(2), Memory().checkpoints())
    assert torch.equal(fresh.vectors()[0], other.vectors()[0])


def test_a_vector_that_is_not_finite_at_the_end_is_an_error_that_names_its_row() -> None:
    objective = skipgram()
    memory = Memory()
    loop.train(objective, Plan(1), memory.checkpoints())
    context = objective.vectors()[1]
    assert context is not None
    context[7, 2] = float("inf")
    with pytest.raises(TrainError, match="context_vector of row 7 is not finite"):
        loop.check_finite(objective)


def test_fewer_examples_than_a_batch_are_an_error_that_says_so() -> None:
    with pytest.raises(TrainError, match="batch_size"):
        loop.train(examples(size=10_000), Plan(5), Memory().checkpoints())


class Asked:
    """Asks the process to stop, by a signal, when so many batches are under way."""

    def __init__(self, objective: loop.Objective, after: int, number: int) -> None:
        self.left, self.number, self.step = after, number, objective.step
        objective.step = self.stepped  # type: ignore[method-assign]

    def stepped(self, batch: Any, progress: float, following: float) -> Step:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(self.number)
        return self.step(batch, progress, following)


@pytest.mark.parametrize("make", [examples, skipgram])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_inside_the_epoch_and_a_rerun_equals_no_interruption(
    make: Make, number: int, status: int
) -> None:
    whole, broken, resumed = make(), make(), make()
    losses = [epoch.loss for epoch in loop.train(whole, Plan(3), Memory().checkpoints())]
    memory = Memory()
    Asked(broken, broken.steps() + 4, number)
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=r"epoch 2, \d+ of \d+ batches done; the checkpoint is memory:train\.pt") as found:
        loop.train(broken, Plan(3), memory.checkpoints())
    assert (found.value.status, memory.saved, signal.getsignal(number)) == (status, 2, before)
    done = loop.train(resumed, Plan(3), memory.checkpoints())
    assert same(resumed, whole)
    assert [epoch.loss for epoch in done] == pytest.approx(losses, rel=1e-12)


def test_checkpoints_are_written_as_often_as_the_plan_says_and_change_nothing() -> None:
    whole, often, memory = skipgram(), skipgram(), Memory()
    loop.train(whole, Plan(2), Memory().checkpoints())
    loop.train(often, Plan(2, save_every=0.0), memory.checkpoints())
    assert memory.saved == 2 * often.steps() + 2
    assert same(whole, often)


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_train_every_batch_once_and_are_stopped_whole(workers: int) -> None:
    objective, memory = skipgram(), Memory()
    seen: list[int] = []
    step = objective.step

    def watched(batch: Any, progress: float, following: float) -> Step:
        seen.extend(batch[1].walk_ids.tolist())
        return step(batch, progress, following)

    objective.step = watched  # type: ignore[method-assign]
    epochs = loop.train(objective, Plan(3, workers), memory.checkpoints())
    assert sorted(seen) == sorted([i for i, _ in WALKS] * 3)
    assert epochs[-1].loss < epochs[0].loss


def test_training_ends_early_when_the_held_out_loss_does_not_fall() -> None:
    objective, memory = skipgram(), Memory()
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    objective.measure = lambda: next(losses)  # type: ignore[method-assign]
    epochs = loop.train(objective, Plan(5, patience=2), memory.checkpoints())
    assert [epoch.held_out for epoch in epochs] == [3.0, 2.0, 2.5, 2.0]


def test_a_value_that_is_not_finite_stops_the_run_with_the_batch_the_rate_and_the_remedy() -> None:
    objective, memory = skipgram(), Memory()
    loop.train(objective, Plan(1), memory.checkpoints())
    saved = memory.data
    broken = skipgram()
    broken.vectors()[0][5, 1] = float("nan")
    again = Memory()
    with pytest.raises(
        TrainError, match=r"a vector of walk \d+ is not finite, rate 0\.\d+ at epoch 1, batch \d+: lower .*--force"
    ):
        loop.train(broken, Plan(5), again.checkpoints())
    assert again.saved == 0
    assert memory.data == saved


def test_what_a_run_shows_is_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    scalars: list[tuple[str, float, int]] = []
    shown = Watch(lines.append, lambda *scalar: scalars.append(scalar), run="abc")
    loop.train(skipgram(), Plan(2), Memory().checkpoints(), shown)
    found = [json.loads(line) for line in lines]
    assert [line["event"] for line in found] == ["start", "epoch", "epoch", "end"]
    assert found[0]["run"] == "abc"
    tokens = sum(len(walk) for _, walk in WALKS)
    assert [line["tokens"] for line in found[1:]] == [tokens, 2 * tokens, 2 * tokens]
    assert all(line["tokens_per_second"] > 0 and line["cpu_seconds"] >= 0 for line in found[1:])
    assert ("train/loss", found[1]["loss"], tokens) in scalars
    assert "epoch 2/2" in capsys.readouterr().err
