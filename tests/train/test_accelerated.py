"""Batches in plain torch make the same steps as the fused kernel, by the same draws; a device that is not there is named."""

import numpy as np
import pytest
import torch

from support.oracles import MemoryShard
from walkgram.config.train import Skipgram as Options
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.train import loop
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.models.skipgram_batched import BatchedSkipgram

N = 30
RNG = np.random.default_rng(5)
WALKS = [(i, RNG.integers(0, N, RNG.integers(1, 9)).tolist()) for i in range(80)]
NOWHERE = Checkpoints("memory:", lambda: None, lambda _: None, {})


def made(batch_walks: int, **options: float) -> Skipgram:
    chosen = Options(batch_walks=batch_walks, **options)  # type: ignore[arg-type]
    config = Train(dim=10, window=3, negatives=4, epochs=2, skipgram=chosen)
    return Skipgram(WalkDataset([MemoryShard([WALKS])], np.arange(N)), np.arange(1, N + 1), config)


def on_torch(objective: Skipgram) -> Skipgram:
    """The same objective by way of batches in plain torch."""
    objective.accelerated = BatchedSkipgram(objective.vector, objective.context, objective.law, objective.config, "cpu")
    return objective


@pytest.mark.parametrize("subsample", [0.0, 0.05])
def test_walks_of_one_tile_taken_singly_move_the_tables_as_the_fused_kernel_does(subsample: float) -> None:
    fused, plain = made(1, subsample=subsample), on_torch(made(1, subsample=subsample))
    losses = [[epoch.loss for epoch in loop.run_loop(o, loop.TrainPlan(2), NOWHERE)] for o in (fused, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for table, other in zip(fused.vectors(), plain.vectors(), strict=True):
        assert table is not None
        torch.testing.assert_close(table, other, rtol=0, atol=2e-5)
        assert float(table.abs().max()) > 0.05


def test_a_batch_of_many_walks_lowers_the_loss_and_its_state_goes_on() -> None:
    whole, first, second = (on_torch(made(16, learning_rate=0.1)) for _ in range(3))
    epochs = loop.run_loop(whole, loop.TrainPlan(6), NOWHERE)
    assert epochs[-1].loss < epochs[0].loss
    for epoch in range(2):
        for batch in (first if epoch == 0 else second).batches(epoch):
            (first if epoch == 0 else second).step(batch, 0.5, 0.5)
        if epoch == 0:
            second.load(first.state())
    again = on_torch(made(16, learning_rate=0.1))
    for epoch in range(2):
        for batch in again.batches(epoch):
            again.step(batch, 0.5, 0.5)
    assert torch.equal(again.vectors()[0], second.vectors()[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_device_that_is_not_there_is_named_with_the_remedy() -> None:
    walks = WalkDataset([MemoryShard([WALKS])], np.arange(N))
    with pytest.raises(
        TrainError,
        match=r"train\.device = cuda: torch finds no CUDA device here, or too few for its processes; use train\.device = cpu",
    ):
        Skipgram(walks, np.arange(1, N + 1), Train(deterministic=False, device="cuda"))
    with pytest.raises(ValueError, match=r"train\.device = cuda needs train\.deterministic = false"):
        Train(device="cuda")
