"""Checks of the tables on a device, run by test_skipgram_batched.py in a process of their own (see `sgns_checks`)."""

import pytest
import torch

from support import models
from walkgram.config.train import SkipgramConfig, Train
from walkgram.kernels.sgns import triton_step
from walkgram.train import loop
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.models.skipgram_batched import ReplicatedOnDevice
from walkgram.train.placement.base import Schedule

HAS_CUDA = torch.cuda.is_available()
NUM_STEPS = 5


def make_by_torch(model: Skipgram) -> ReplicatedOnDevice:
    return ReplicatedOnDevice(models.get_replicated(model).setup, "cpu")


def make_by_triton(model: Skipgram) -> ReplicatedOnDevice:
    """Return tables that Triton's kernels train: on the CUDA device if there is one, else by its interpreter."""
    placement = ReplicatedOnDevice(models.get_replicated(model).setup, "cuda" if HAS_CUDA else "cpu")
    if not HAS_CUDA:
        placement.scratch = torch.zeros(model.num_rows, dtype=torch.int32)
        placement.step_torch = placement.step_triton  # type: ignore[method-assign]
    return placement


def test_steps_by_triton_move_the_tables_as_steps_by_torch_do() -> None:
    model = models.make_skipgram()
    by_torch, by_triton = make_by_torch(model), make_by_triton(model)
    initial = by_torch.vector.clone()
    for k, batch in zip(range(NUM_STEPS), model.batches(0), strict=False):
        schedule = Schedule((5 + k, 6), (0.3, 0.3))
        expected, result = (placement.train(batch, schedule) for placement in (by_torch, by_triton))
        assert result[:2] == pytest.approx(expected[:2], rel=1e-3 if HAS_CUDA else 1e-5)
        assert result.tokens == expected.tokens > 0
    tolerance = 2e-3 if HAS_CUDA else 1e-6  # a device multiplies in TensorFloat-32
    for table, other in zip(by_triton.tables(), by_torch.tables(), strict=True):
        torch.testing.assert_close(table, other, rtol=0, atol=tolerance)
    assert float((by_triton.vector - initial).abs().max()) > 0.05


@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_training_on_a_device_runs_the_triton_kernels(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    calls, step_batch = [], triton_step.step_batch

    def record(*arguments: object, **options: object) -> torch.Tensor:
        calls.append(options)
        return step_batch(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(triton_step, "step_batch", record)
    options = SkipgramConfig(batch_walks=4, shared_negatives=8, learning_rate=0.1)
    config = Train.model_validate(
        {"dim": 4, "window": 2, "negatives": 2, "device": "cuda", "deterministic": False, "dtype": dtype, "skipgram": options}
    )
    model = Skipgram(models.make_walks(), models.make_counts(), config)
    assert isinstance(model.placement, ReplicatedOnDevice)
    assert {table.device.type for table in model.placement.trained_tables()} == {"cuda"}
    assert {table.dtype for table in model.placement.trained_tables()} == {getattr(torch, dtype)}
    epochs = loop.run_loop(model, loop.TrainPlan(5), models.MemorySlot().checkpoints())
    assert len(calls) == 5 * model.num_steps()
    assert epochs[-1].loss < epochs[0].loss
