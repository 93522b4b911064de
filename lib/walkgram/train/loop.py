"""The only training loop: epochs, workers, checkpoints, resume, stopping, and the check that all values are finite."""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from walkgram.errors import Stopped, TrainError
from walkgram.train.saved import Checkpoints, resume, save
from walkgram.train.watch import Stop, Watch

__all__ = ["Epoch", "Objective", "Plan", "Step", "train"]


class Step(NamedTuple):
    """What a batch gave: the sum of the measured loss and its weight, tokens trained, and what is wrong, if anything."""

    loss: float
    weight: float
    tokens: int
    wrong: str = ""


class Objective(Protocol):
    """What is trained: its tables and optimiser, its batches, one step."""

    tokens: int
    """Tokens of an epoch, for the progress bar."""

    def steps(self) -> int:
        """Batches of an epoch."""

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Any]:
        """The batches of an epoch but the first `skip`, a function of (seed, epoch)."""

    def step(self, batch: Any, progress: float, following: float) -> Step:
        """Take one step. All epochs run from 0 to 1; the batch from `progress` to `following`."""

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

    def vectors(self) -> tuple[Tensor, Tensor | None]:
        """(vectors, context vectors or None), each (n, dim) float32."""


@dataclass(frozen=True)
class Epoch:
    """One finished epoch: its number from 1, the mean of its measured loss, wall seconds, the held-out loss or None."""

    epoch: int
    loss: float
    seconds: float
    held_out: float | None = None


@dataclass(frozen=True)
class Plan:
    """How long to train, by how many threads, how often to save (seconds), and when to give up early (epochs; 0: never)."""

    epochs: int
    workers: int = 1
    save_every: float = math.inf
    patience: int = 0


@dataclass
class Place:
    """How far a run is: finished epochs; batches, loss, weight and seconds of the current one; tokens of all."""

    epochs: list[Epoch] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    weight: float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    def mean(self) -> float:
        """The mean loss of the current epoch so far."""
        return self.loss / max(self.weight, 1e-30)

    def saved(self) -> dict[str, Any]:
        """It, for a checkpoint; `place_of` reads it."""
        return vars(self) | {"epochs": [vars(e) for e in self.epochs]}


def train(objective: Objective, plan: Plan, checkpoints: Checkpoints, watch: Watch | None = None) -> list[Epoch]:
    """Train to the end, from the last checkpoint where there is one; by one worker the result equals an uninterrupted run's.

    Raises `TrainError` for a checkpoint of another configuration, and where the loss or a vector is not finite; `Stopped`
    after Ctrl-C or SIGTERM, when a checkpoint is written.
    """
    place = place_of(resume(objective, checkpoints))
    steps = objective.steps()
    if steps == 0:
        raise TrainError(
            "no batch of walks to train on: make more walks (for train.objective = examples: lower train.examples.batch_size)"
        )
    watch = watch or Watch()
    with Stop() as stop, ThreadPoolExecutor(plan.workers, thread_name_prefix="trainer") as pool:
        watch.start(objective.tokens * plan.epochs, place.tokens)
        while len(place.epochs) < plan.epochs and not given_up(place.epochs, plan.patience):
            run_epoch(objective, plan, place, checkpoints, watch, stop, pool)
            save(objective, place.saved(), checkpoints)
            if stop.asked:
                raise halted(place, steps, stop, checkpoints)
        check_finite(objective)
        watch.tell("end", place.tokens, place.epochs[-1].loss, objective.rate(1.0), epoch=len(place.epochs))
    return place.epochs


def place_of(saved: Mapping[str, Any] | None) -> Place:
    """The place that a checkpoint names; the beginning without one."""
    return Place() if saved is None else Place(**{**saved, "epochs": [Epoch(**e) for e in saved["epochs"]]})


def run_epoch(
    objective: Objective, plan: Plan, place: Place, checkpoints: Checkpoints, watch: Watch, stop: Stop, pool: ThreadPoolExecutor
) -> None:
    """The rest of an epoch: at most two batches a worker under way, their results taken in order."""
    epoch, steps = len(place.epochs), objective.steps()
    started, saved = time.monotonic() - place.seconds, time.monotonic()
    whole = plan.epochs * steps
    under_way: deque[Future[Step]] = deque()

    def take() -> None:
        account(under_way.popleft().result(), epoch, place)
        rate = objective.rate((epoch * steps + place.batches) / whole)
        watch.progress(epoch + 1, plan.epochs, place.tokens, place.mean(), rate)

    for number, batch in enumerate(objective.batches(epoch, place.batches), place.batches):
        at = epoch * steps + number
        under_way.append(pool.submit(objective.step, batch, at / whole, (at + 1) / whole))
        if len(under_way) >= 2 * plan.workers:
            take()
        if stop.asked or time.monotonic() - saved > plan.save_every:
            while under_way:
                take()
            place.seconds = time.monotonic() - started
            save(objective, place.saved(), checkpoints)
            saved = time.monotonic()
            if stop.asked:
                watch.tell("stopped", place.tokens, place.mean(), objective.rate(at / whole), epoch=epoch + 1)
                raise halted(place, steps, stop, checkpoints)
    while under_way:
        take()
    held_out = objective.measure()
    done = Epoch(epoch + 1, place.mean(), time.monotonic() - started, held_out)
    rate = objective.rate((epoch + 1) / plan.epochs)
    more = {} if held_out is None else {"held_out": held_out}
    watch.tell("epoch", place.tokens, done.loss, rate, epoch=epoch + 1, **more)
    place.epochs.append(done)
    place.batches, place.loss, place.weight, place.seconds = 0, 0.0, 0.0, 0.0


def halted(place: Place, steps: int, stop: Stop, checkpoints: Checkpoints) -> Stopped:
    """What is said when a signal has come."""
    where = f"in epoch {len(place.epochs) + 1}, {place.batches:,} of {steps:,} batches done"
    if not place.batches and place.epochs:
        where = f"after epoch {len(place.epochs)}"
    kept = f"the checkpoint is {checkpoints.place}, and a rerun goes on from it (one with --force begins anew)"
    return Stopped(f"stopped by {stop.name} {where}; {kept}", stop.status)


def account(found: Step, epoch: int, place: Place) -> None:
    """Count one batch in; raise `TrainError` where it met a value that is not finite."""
    if found.wrong or not math.isfinite(found.loss):
        reason = found.wrong or f"the loss is {found.loss}"
        raise TrainError(
            f"{reason} at epoch {epoch + 1}, batch {place.batches + 1}: lower the learning rate and train anew with --force "
            "(the last checkpoint stays until then)"
        )
    place.batches += 1
    place.loss, place.weight, place.tokens = place.loss + found.loss, place.weight + found.weight, place.tokens + found.tokens


def given_up(epochs: list[Epoch], patience: int) -> bool:
    """Whether the last `patience` epochs have not bettered the held-out loss before them."""
    losses = [e.held_out for e in epochs if e.held_out is not None]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


def check_finite(objective: Objective) -> None:
    """Raise `TrainError` where a vector is not finite."""
    for name, table in zip(("vector", "context_vector"), objective.vectors(), strict=True):
        for low in range(0, 0 if table is None else len(table), 1 << 16):
            part = table[low : low + (1 << 16)]  # type: ignore[index]
            finite = torch.isfinite(part).all(dim=1)
            if not bool(finite.all()):
                row = low + int((~finite).nonzero()[0])
                raise TrainError(f"{name} of row {row} is not finite after training: lower the learning rate")
