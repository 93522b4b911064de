"""The only training loop: epochs, a checkpoint after each, resume, progress, and the check that all values are finite."""

import io
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from walkgram.errors import TrainError

__all__ = ["Checkpoints", "Epoch", "Objective", "train"]


class Objective(Protocol):
    """What is trained: its tables and optimiser, its batches, one step."""

    def steps(self) -> int:
        """Batches of an epoch."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch, a function of (seed, epoch)."""

    def step(self, batch: Any, progress: float) -> tuple[float, float]:
        """Take one step; (sum of the loss, its weight). `progress` runs from 0 to 1 over all epochs."""

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
    """One finished epoch: its number from 1, the mean loss of its batches, wall seconds."""

    epoch: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Checkpoints:
    """Where a run keeps its last state, and what the state must have been made from.

    `place` is for messages; load gives None where there is no checkpoint. A checkpoint of another `mark` (the
    configuration) is an error; one of other `inputs` (walks, code) is of no use, and training starts anew.
    """

    place: str
    load: Callable[[], bytes | None]
    save: Callable[[bytes], None]
    mark: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)


def train(objective: Objective, epochs: int, checkpoints: Checkpoints) -> list[Epoch]:
    """Train to the end, from the last checkpoint where there is one; the result equals that of an uninterrupted run.

    Raises `TrainError` for a checkpoint of another configuration, and where the loss or a vector is not finite.
    """
    done = resume(objective, checkpoints)
    steps = objective.steps()
    if steps == 0:
        raise TrainError("no batch of walks to train on: lower train.examples.batch_size, or make more walks")
    for epoch in range(len(done), epochs):
        started = time.monotonic()
        loss = run_epoch(objective, epoch, epochs, steps)
        done.append(Epoch(epoch + 1, loss, time.monotonic() - started))
        buffer = io.BytesIO()
        made_of = {"mark": dict(checkpoints.mark), "inputs": dict(checkpoints.inputs)}
        torch.save({**made_of, "epochs": [vars(e) for e in done], "state": objective.state()}, buffer)
        checkpoints.save(buffer.getvalue())
    check_finite(objective)
    return done


def run_epoch(objective: Objective, epoch: int, epochs: int, steps: int) -> float:
    """One pass over the batches, with a progress bar; the mean loss of its batches' sums by their weights."""
    total = weight = 0.0
    with tqdm(total=steps, desc=f"epoch {epoch + 1}/{epochs}", unit="batch", file=sys.stderr, mininterval=0.5) as bar:
        for number, batch in enumerate(objective.batches(epoch)):
            loss, share = objective.step(batch, (epoch + number / steps) / epochs)
            if not math.isfinite(loss):
                raise TrainError(
                    f"the loss is {loss} at epoch {epoch + 1}, batch {number + 1}: lower the learning rate and train anew "
                    "with --force (the checkpoint of the last finished epoch stays until then)"
                )
            total, weight = total + loss, weight + share
            bar.update()
            if number % 64 == 0:
                bar.set_postfix(loss=f"{total / max(weight, 1e-30):.4f}", refresh=False)
        mean = total / max(weight, 1e-30)
        bar.set_postfix(loss=f"{mean:.4f}")
    return mean


def check_finite(objective: Objective) -> None:
    """Raise `TrainError` where a vector is not finite."""
    for name, table in zip(("vector", "context_vector"), objective.vectors(), strict=True):
        if table is not None and not bool(torch.isfinite(table).all()):
            row = int((~torch.isfinite(table).all(dim=1)).nonzero()[0])
            raise TrainError(f"{name} of row {row} is not finite after training: lower the learning rate")


def resume(objective: Objective, checkpoints: Checkpoints) -> list[Epoch]:
    """Load the last checkpoint into the objective; the epochs that are done."""
    data = checkpoints.load()
    if data is None:
        return []
    remedy = "remove it, or run jobs/train.py with --force to train anew"
    try:
        saved = torch.load(io.BytesIO(data), weights_only=True)
        mark, epochs, state = saved["mark"], [Epoch(**e) for e in saved["epochs"]], saved["state"]
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise TrainError(f"{checkpoints.place}: damaged checkpoint ({reason}): {remedy}") from None
    if saved.get("inputs", {}) != dict(checkpoints.inputs):
        print(f"train: {checkpoints.place} was made from other walks or by other code: training anew", file=sys.stderr)
        return []
    if mark != dict(checkpoints.mark):
        here = dict(checkpoints.mark)
        other = [f"{k}: {mark.get(k)!r} there, {here.get(k)!r} here" for k in {**here, **mark} if mark.get(k) != here.get(k)]
        raise TrainError(f"{checkpoints.place}: checkpoint of another configuration ({'; '.join(other)}): {remedy}")
    print(f"train: going on from {checkpoints.place} after epoch {len(epochs)}", file=sys.stderr)
    objective.load(state)
    return epochs
