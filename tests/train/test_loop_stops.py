"""Runs that are stopped, saved inside an epoch, shared by workers or ended early; and what they report."""

import json
import signal
import sys
import types
from typing import Any

import pytest

from support.models import WALKS, Make, MemorySlot, have_equal_vectors, make_keras_node2vec, make_skipgram
from walkgram.errors import Stopped, TrainError
from walkgram.train import loop
from walkgram.train.loop import TrainPlan
from walkgram.train.monitor import TrainMonitor, open_tensorboard
from walkgram.train.state import StepResult


class StopRequest:
    """Ask the process to stop, by a signal, when so many batches are under way."""

    def __init__(self, model: Any, after: int, number: int) -> None:
        self.left, self.number, self.step = after, number, model.step
        model.step = self.count_step  # type: ignore[method-assign]

    def count_step(self, batch: Any, progress: float, next_progress: float) -> StepResult:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(self.number)
        return self.step(batch, progress, next_progress)


@pytest.mark.parametrize("make", [make_keras_node2vec, make_skipgram])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_inside_the_epoch_and_a_rerun_equals_no_interruption(
    make: Make, number: int, status: int
) -> None:
    full, broken, resumed = make(), make(), make()
    losses = [epoch.loss for epoch in loop.run_loop(full, TrainPlan(3), MemorySlot().checkpoints())]
    memory = MemorySlot()
    StopRequest(broken, broken.num_steps() + 4, number)
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=r"epoch 2, \d+ of \d+ batches done; the checkpoint is memory:train\.pt") as found:
        loop.run_loop(broken, TrainPlan(3), memory.checkpoints())
    assert (found.value.status, memory.num_saved, signal.getsignal(number)) == (status, 2, before)
    done = loop.run_loop(resumed, TrainPlan(3), memory.checkpoints())
    assert have_equal_vectors(resumed, full)
    assert [epoch.loss for epoch in done] == pytest.approx(losses, rel=1e-12)


def test_a_signal_after_the_last_batch_stops_the_run_and_a_rerun_ends_it() -> None:
    full, broken, resumed, memory = make_skipgram(), make_skipgram(), make_skipgram(), MemorySlot()
    loop.run_loop(full, TrainPlan(2), MemorySlot().checkpoints())
    validate, left = broken.validate, [2]

    def interrupt() -> float | None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGTERM)
        return validate()

    broken.validate = interrupt  # type: ignore[method-assign]
    with pytest.raises(Stopped, match="stopped by SIGTERM after epoch 2;"):
        loop.run_loop(broken, TrainPlan(2), memory.checkpoints())
    assert len(loop.run_loop(resumed, TrainPlan(2), memory.checkpoints())) == 2
    assert have_equal_vectors(resumed, full)


def test_checkpoints_are_written_as_often_as_the_plan_says_and_change_nothing() -> None:
    full, often, memory = make_skipgram(), make_skipgram(), MemorySlot()
    loop.run_loop(full, TrainPlan(2), MemorySlot().checkpoints())
    loop.run_loop(often, TrainPlan(2, save_every=0.0), memory.checkpoints())
    assert memory.num_saved == 2 * often.num_steps() + 2
    assert have_equal_vectors(full, often)


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_train_every_batch_once(workers: int) -> None:
    model, memory = make_skipgram(), MemorySlot()
    seen: list[int] = []
    step = model.step

    def record(batch: Any, progress: float, next_progress: float) -> StepResult:
        seen.extend(batch.walks.walk_ids.tolist())
        return step(batch, progress, next_progress)

    model.step = record  # type: ignore[method-assign]
    epochs = loop.run_loop(model, TrainPlan(3, workers), memory.checkpoints())
    assert sorted(seen) == sorted([i for i, _ in WALKS] * 3)
    assert epochs[-1].loss < epochs[0].loss


def test_training_ends_early_when_the_validation_loss_does_not_fall() -> None:
    model, memory = make_skipgram(), MemorySlot()
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    model.validate = lambda: next(losses)  # type: ignore[method-assign]
    epochs = loop.run_loop(model, TrainPlan(5, patience=2), memory.checkpoints())
    assert [epoch.validation_loss for epoch in epochs] == [3.0, 2.0, 2.5, 2.0]


def test_a_value_that_is_not_finite_stops_the_run_with_the_batch_the_rate_and_the_remedy() -> None:
    model, memory = make_skipgram(), MemorySlot()
    loop.run_loop(model, TrainPlan(1), memory.checkpoints())
    saved = memory.data
    broken = make_skipgram()
    broken.vectors()[0][5, 1] = float("nan")
    again = MemorySlot()
    with pytest.raises(
        TrainError, match=r"a vector of walk \d+ is not finite, rate 0\.\d+ at epoch 1, batch \d+: lower .*--force"
    ):
        loop.run_loop(broken, TrainPlan(5), again.checkpoints())
    assert again.num_saved == 0
    assert memory.data == saved


def test_a_run_reports_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    scalars: list[tuple[str, float, int]] = []
    monitor = TrainMonitor(lines.append, lambda *scalar: scalars.append(scalar), run="abc")
    loop.run_loop(make_skipgram(), TrainPlan(2), MemorySlot().checkpoints(), monitor)
    found = [json.loads(line) for line in lines]
    assert [line["event"] for line in found] == ["start", "epoch", "epoch", "end"]
    assert found[0]["run"] == "abc"
    tokens = sum(len(walk) for _, walk in WALKS)
    assert [line["tokens"] for line in found[1:]] == [tokens, 2 * tokens, 2 * tokens]
    assert all(line["tokens_per_second"] > 0 and line["cpu_seconds"] >= 0 for line in found[1:])
    assert ("train/loss", found[1]["loss"], tokens) in scalars
    assert "epoch 2/2" in capsys.readouterr().err


def test_tensorboard_gets_the_scalars_and_its_absence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainError, match=r"train\.tensorboard needs TensorBoard: pip install .*walkgram\[tensorboard\]"):
        open_tensorboard("folder")
    seen: list[tuple[Any, ...]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            seen.append((folder,))

        def add_scalar(self, *scalar: Any) -> None:
            seen.append(scalar)

        def flush(self) -> None:
            pass

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    open_tensorboard("folder")("train/loss", 1.5, 7)
    assert seen == [("folder",), ("train/loss", 1.5, 7)]
