"""How far a run is, and what its batches and epochs have given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["EpochResult", "StepResult", "TrainState", "restore_state", "should_stop_early"]


class StepResult(NamedTuple):
    """What a batch gave: the sum of the measured loss and its weight, tokens trained, and what is wrong, if anything."""

    loss: float
    weight: float
    tokens: int
    wrong: str = ""


@dataclass(frozen=True)
class EpochResult:
    """One finished epoch: its number from 1, the mean of its measured loss, wall seconds, the held-out loss or None."""

    epoch: int
    loss: float
    seconds: float
    validation_loss: float | None = None


@dataclass
class TrainState:
    """How far a run is: finished epochs; batches, loss, weight and seconds of the current one; tokens of all.

    Batches are those of this process, and each has as many; the rest is of all processes.
    """

    epochs: list[EpochResult] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    weight: float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    def mean(self) -> float:
        """The mean loss of the current epoch so far."""
        return self.loss / max(self.weight, 1e-30)

    def add(self, loss: float, weight: float, tokens: float) -> None:
        """Count in what batches gave."""
        self.loss, self.weight, self.tokens = self.loss + loss, self.weight + weight, self.tokens + int(tokens)

    def end(self, done: EpochResult) -> None:
        """The current epoch is over."""
        self.epochs.append(done)
        self.batches, self.loss, self.weight, self.seconds = 0, 0.0, 0.0, 0.0

    def saved(self) -> dict[str, Any]:
        """It, for a checkpoint; `place_of` reads it."""
        return vars(self) | {"epochs": [vars(e) for e in self.epochs]}


def restore_state(saved: Mapping[str, Any] | None) -> TrainState:
    """The place that a checkpoint names; the beginning without one."""
    return TrainState() if saved is None else TrainState(**{**saved, "epochs": [EpochResult(**e) for e in saved["epochs"]]})


def should_stop_early(epochs: list[EpochResult], patience: int) -> bool:
    """Whether the last `patience` epochs have not bettered the held-out loss before them."""
    losses = [e.validation_loss for e in epochs if e.validation_loss is not None]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])
