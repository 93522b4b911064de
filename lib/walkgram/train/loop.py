"""The only training loop: epochs, workers, processes, checkpoints, resume, stopping, and the check that values are finite."""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from walkgram.errors import Stopped, TrainError
from walkgram.train.checkpoint import Checkpoints, resume_checkpoint, save_checkpoint
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.monitor import SignalStop, TrainMonitor
from walkgram.train.state import EpochResult, StepResult, TrainState, restore_state, should_stop_early

__all__ = ["LoopModel", "TrainPlan", "run_loop"]


class LoopModel(Protocol):
    """What is trained: its tables and optimiser, its batches, one step."""

    tokens: int
    """Tokens of an epoch, at all processes, for the progress bar."""

    def join(self, peers: ProcessGroup) -> int:
        """Train with these from now on, all tables being equal; batches from one exchange to the next, 0 where alone."""

    def steps(self) -> int:
        """Batches of an epoch, equal at all processes."""

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Any]:
        """The batches of an epoch but the first `skip`, a function of (seed, epoch, process)."""

    def step(self, batch: Any, progress: float, following: float) -> StepResult:
        """Take one step. All epochs run from 0 to 1; the batch from `progress` to `following`."""

    def exchange(self) -> None:
        """Make the tables of all processes equal."""

    def rate(self, progress: float) -> float:
        """The learning rate there."""

    def measure(self) -> float | None:
        """The loss of what is held out; None where nothing is."""

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""

    def counts(self) -> dict[str, int]:
        """What it counted, for the manifest."""

    @property
    def rows(self) -> range:
        """The rows of the tables that this process gives the vectors of."""

    def vectors(self) -> tuple[Tensor, Tensor | None]:
        """(vectors, context vectors or None) of these rows, each (len(rows), dim) float32."""


@dataclass(frozen=True)
class TrainPlan:
    """How long to train, by how many threads, how often to save (seconds), and when to give up early (epochs; 0: never)."""

    epochs: int
    workers: int = 1
    save_every: float = math.inf
    patience: int = 0


def run_loop(
    objective: LoopModel,
    plan: TrainPlan,
    checkpoints: Checkpoints,
    watch: TrainMonitor | None = None,
    peers: ProcessGroup = SINGLE_PROCESS,
) -> list[EpochResult]:
    """Train to the end, from the last checkpoint where there is one; by one worker the result equals an uninterrupted run's.

    Raises `TrainError` for a checkpoint of another configuration, where the loss or a vector is not finite, and where another
    process has failed; `Stopped` after Ctrl-C or SIGTERM at any of the processes, when a checkpoint is written.
    """
    place = restore_state(resume_checkpoint(objective, checkpoints))
    every, steps = objective.join(peers), objective.steps()
    if steps == 0:
        raise TrainError(
            "no batch of walks to train on: make more walks (for train.model = keras_node2vec: lower train.keras_node2vec.batch_size)"
        )
    if not peers.same((place.saved(), steps, objective.tokens)):
        raise TrainError(
            "the processes do not begin at the same place: let all of them see one lake (lake.path), its walks and _checkpoints"
        )
    with SignalStop() as stop, ThreadPoolExecutor(plan.workers, thread_name_prefix="trainer") as pool:
        run = TrainingRun(objective, plan, checkpoints, watch or TrainMonitor(), peers, place, every, steps, stop, pool)
        run.watch.start(objective.tokens * plan.epochs, place.tokens)
        while len(place.epochs) < plan.epochs and not should_stop_early(place.epochs, plan.patience):
            run.epoch()
            save_checkpoint(objective, place.saved(), checkpoints)
            if peers.any(stop.asked):
                raise run.halted()
        check_finite(objective)
        run.watch.tell("end", place.tokens, place.epochs[-1].loss, objective.rate(1.0), epoch=len(place.epochs))
    return place.epochs


@dataclass
class TrainingRun:
    """One run of the loop. `every`: batches from one exchange between processes to the next; `steps`: batches of an epoch."""

    objective: LoopModel
    plan: TrainPlan
    checkpoints: Checkpoints
    watch: TrainMonitor
    peers: ProcessGroup
    place: TrainState
    every: int
    steps: int
    stop: SignalStop
    pool: ThreadPoolExecutor

    def epoch(self) -> None:
        """The rest of an epoch: at most two batches a worker under way, their results taken in order."""
        place, number = self.place, len(self.place.epochs)
        started, saved = time.monotonic() - place.seconds, time.monotonic()
        whole = self.plan.epochs * self.steps
        under_way: deque[Future[StepResult]] = deque()
        apart = TrainState()  # what the batches since the last exchange gave, here alone
        for at, batch in enumerate(self.objective.batches(number, place.batches), number * self.steps + place.batches):
            under_way.append(self.pool.submit(self.objective.step, batch, at / whole, (at + 1) / whole))
            while len(under_way) >= 2 * self.plan.workers:
                self.take(under_way.popleft(), apart)
            stopping, saving = self.stop.asked, time.monotonic() - saved > self.plan.save_every
            done = at + 1 - number * self.steps
            if not (done % self.every == 0 or done == self.steps if self.every else stopping or saving):
                continue
            while under_way:
                self.take(under_way.popleft(), apart)
            if self.every:
                stopping, saving = self.meet(apart, stopping, saving)
            if stopping or saving:
                place.seconds = time.monotonic() - started
                save_checkpoint(self.objective, place.saved(), self.checkpoints)
                saved = time.monotonic()
            if stopping:
                self.watch.tell("stopped", place.tokens, place.mean(), self.objective.rate(at / whole), epoch=number + 1)
                raise self.halted()
        while under_way:
            self.take(under_way.popleft(), apart)
        self.end(started)

    def take(self, under_way: Future[StepResult], apart: TrainState) -> None:
        """Wait for a batch and count it in; raise `TrainError` where it met a value that is not finite."""
        place, found, epoch = self.place, under_way.result(), len(self.place.epochs)
        if found.wrong or not math.isfinite(found.loss):
            reason = found.wrong or f"the loss is {found.loss}"
            raise TrainError(
                f"{reason} at epoch {epoch + 1}, batch {place.batches + 1}: lower the learning rate and train anew with "
                "--force (the last checkpoint stays until then)"
            )
        place.batches += 1
        (apart if self.every else place).add(found.loss, found.weight, found.tokens)
        rate = self.objective.rate((epoch * self.steps + place.batches) / (self.plan.epochs * self.steps))
        loss = (place if place.weight else apart).mean()
        self.watch.progress(epoch + 1, self.plan.epochs, place.tokens, loss, rate)

    def meet(self, apart: TrainState, stopping: bool, saving: bool) -> tuple[bool, bool]:
        """Exchange with the other processes; whether any of them is to stop, and whether the first is to save."""
        own = float(saving and self.peers.rank == 0)
        # First what goes between CPUs: there a process that is gone is noticed at once, between GPUs it is waited for.
        loss, weight, tokens, stops, saves = self.peers.sum([apart.loss, apart.weight, apart.tokens, float(stopping), own])
        self.objective.exchange()
        self.place.add(loss, weight, tokens)
        apart.loss, apart.weight, apart.tokens = 0.0, 0.0, 0
        return stops > 0, saves > 0

    def end(self, started: float) -> None:
        """An epoch is over: measure what is held out, and tell of it."""
        place, number = self.place, len(self.place.epochs) + 1
        validation_loss = self.objective.measure()
        done = EpochResult(number, place.mean(), time.monotonic() - started, validation_loss)
        more = {} if validation_loss is None else {"validation_loss": validation_loss}
        rate = self.objective.rate(number / self.plan.epochs)
        self.watch.tell("epoch", place.tokens, done.loss, rate, epoch=number, **more)
        place.end(done)

    def halted(self) -> Stopped:
        """What is said when a signal has come."""
        place, stop = self.place, self.stop
        where = f"in epoch {len(place.epochs) + 1}, {place.batches:,} of {self.steps:,} batches done"
        if not place.batches and place.epochs:
            where = f"after epoch {len(place.epochs)}"
        kept = f"the checkpoint is {self.checkpoints.place}, and a rerun goes on from it (one with --force begins anew)"
        return Stopped(f"stopped by {stop.name} {where}; {kept}", stop.status)


def check_finite(objective: LoopModel) -> None:
    """Raise `TrainError` where a vector is not finite."""
    for name, table in zip(("vector", "context_vector"), objective.vectors(), strict=True):
        for low in range(0, 0 if table is None else len(table), 1 << 16):
            part = table[low : low + (1 << 16)]  # type: ignore[index]
            finite = torch.isfinite(part).all(dim=1)
            if not bool(finite.all()):
                row = objective.rows[low + int((~finite).nonzero()[0])]
                raise TrainError(f"{name} of row {row} is not finite after training: lower the learning rate")
