"""Batches in plain torch make the same steps as the fused kernel, by the same draws; a missing device is named."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.models import MemorySlot, get_replicated
from support.oracles import MemoryShard
from walkgram.config.train import SkipgramConfig, Train
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.models.skipgram_batched import ReplicatedOnDevice

CHECKS = Path(__file__).parent.parent / "support" / "device_checks.py"
N = 30
RNG = np.random.default_rng(5)
WALKS = [(i, RNG.integers(0, N, RNG.integers(1, 9)).tolist()) for i in range(80)]


def make_model(batch_walks: int, **options: Any) -> Skipgram:
    config = Train(dim=10, window=3, negatives=4, epochs=2, skipgram=SkipgramConfig(batch_walks=batch_walks, **options))
    return Skipgram(WalkDataset([MemoryShard([WALKS])], np.arange(N)), np.arange(1, N + 1), config)


def use_torch(model: Skipgram) -> Skipgram:
    """Make the model train by batches in plain torch; return it."""
    model.placement = ReplicatedOnDevice(get_replicated(model).setup, "cpu")
    return model


def run_loop(model: Skipgram, epochs: int) -> list[float]:
    return [epoch.loss for epoch in loop.run_loop(model, loop.TrainPlan(epochs), MemorySlot().checkpoints())]


@pytest.mark.parametrize("subsample", [0.0, 0.05])
def test_walks_of_one_tile_taken_singly_move_the_tables_as_the_fused_kernel_does(subsample: float) -> None:
    fused, plain = make_model(1, subsample=subsample), use_torch(make_model(1, subsample=subsample))
    assert run_loop(fused, 2) == pytest.approx(run_loop(plain, 2), rel=1e-4)
    for table, other in zip(fused.vectors(), plain.vectors(), strict=True):
        assert table is not None
        torch.testing.assert_close(table, other, rtol=0, atol=2e-5)
        assert float(table.abs().max()) > 0.05


def test_a_batch_of_many_walks_lowers_the_loss_and_its_state_resumes() -> None:
    full, first, second = (use_torch(make_model(16, learning_rate=0.1)) for _ in range(3))
    losses = run_loop(full, 6)
    assert losses[-1] < losses[0]
    for epoch in range(2):
        for batch in (first if epoch == 0 else second).batches(epoch):
            (first if epoch == 0 else second).step(batch, 0.5, 0.5)
        if epoch == 0:
            second.load_state_dict(first.state_dict())
    again = use_torch(make_model(16, learning_rate=0.1))
    for epoch in range(2):
        for batch in again.batches(epoch):
            again.step(batch, 0.5, 0.5)
    assert torch.equal(again.vectors()[0], second.vectors()[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_missing_device_is_named_with_the_remedy() -> None:
    walks = WalkDataset([MemoryShard([WALKS])], np.arange(N))
    with pytest.raises(
        TrainError,
        match=r"train\.device = cuda: torch finds no CUDA device here, or too few for its processes; use train\.device = cpu",
    ):
        Skipgram(walks, np.arange(1, N + 1), Train(deterministic=False, device="cuda"))


def test_a_device_needs_a_training_that_is_not_deterministic() -> None:
    with pytest.raises(ValueError, match=r"train\.device = cuda needs train\.deterministic = false"):
        Train(device="cuda")


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
def test_tables_on_a_device_are_trained_by_triton_as_by_torch() -> None:
    """In a process of its own, because Triton's interpreter is chosen before its import."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    if not torch.cuda.is_available():
        environment |= {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CHECKS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
