"""Processes that train together while a signal stops one of them between two synchronisations; one imports this by its name."""

import signal
import time
from functools import partial
from typing import Any
from unittest import mock

import torch

from support import models
from walkgram.errors import Stopped
from walkgram.train import loop, stop_flag
from walkgram.train.checkpoint import load_checkpoint
from walkgram.train.distributed import ProcessGroup
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.state import StepResult

WAIT = 20.0  # seconds within which a stop must be heard


class StopAtOne:
    """The steps of a model: at the step `after` the last process is signalled, and the others wait for its flag."""

    def __init__(self, model: Skipgram, after: int, group: ProcessGroup) -> None:
        self.after, self.group, self.num_steps, self.step = after, group, 0, model.step
        model.step = self.run_step  # type: ignore[method-assign]

    def run_step(self, batch: Any, progress: float, next_progress: float) -> StepResult:
        self.num_steps += 1
        if self.num_steps == self.after and self.group.rank == self.group.world - 1:
            signal.raise_signal(signal.SIGTERM)
        elif self.num_steps == self.after + 1 and self.group.rank < self.group.world - 1:
            assert self.group.stop_flag is not None
            deadline = time.monotonic() + WAIT
            while not self.group.stop_flag.store.check([stop_flag.KEY]) and time.monotonic() < deadline:
                time.sleep(0.01)
        return self.step(batch, progress, next_progress)


def stop_and_resume(sync_tokens: float, after: int, group: ProcessGroup) -> dict[str, Any]:
    """Train undisturbed, with a stop, and on from its checkpoint; return what the runs came to."""
    plan, slot = loop.TrainPlan(3), models.MemorySlot()
    full, broken, resumed = (models.make_skipgram(sync_tokens=sync_tokens) for _ in range(3))
    loop.run_loop(full, plan, models.MemorySlot().checkpoints(), group=group)
    steps, message = StopAtOne(broken, after, group), ""
    with mock.patch.object(stop_flag, "POLL_EVERY", 0.0):
        try:
            loop.run_loop(broken, plan, slot.checkpoints(), group=group)
        except Stopped as stopped:
            message = str(stopped)
    saved = load_checkpoint(slot, ("state", "progress"))
    assert saved is not None
    slot.data = group.broadcast(slot.data)  # that of the first process is the run's
    assert group.stop_flag is not None
    group.stop_flag = stop_flag.StopFlag(group.stop_flag.store)
    with mock.patch.object(stop_flag, "KEY", "walkgram/rerun"):  # a new run has a new store
        loop.run_loop(resumed, plan, slot.checkpoints(), group=group)
    return {
        "message": message,
        "steps": steps.num_steps,
        "num_steps": full.num_steps(),
        "progress": saved["progress"],
        "saved": [table.numpy() for table in saved["state"].values()],
        "is_equal": models.have_equal_vectors(full, resumed),
        "has_trained": not torch.equal(full.vectors()[0], models.make_skipgram().vectors()[0]),
    }


late_stop = partial(stop_and_resume, 2.8)  # two processes synchronise every three batches: the other is there when it hears
early_stop = partial(stop_and_resume, 1000.0)  # a synchronisation at the end of an epoch alone
