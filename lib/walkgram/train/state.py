"""The progress of a training run, and the results of its batches and epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

__all__ = ["EpochResult", "StepResult", "TrainState", "should_stop_early"]


class StepResult(NamedTuple):
    """The result of one batch: the sum of the measured losses and of their weights, tokens, and an error message or ""."""

    loss: float
    weight: float
    tokens: int
    error: str = ""


@dataclass(frozen=True)
class EpochResult:
    """The result of one epoch: its number from 1, its mean loss, wall seconds, and the validation loss or None."""

    epoch: int
    loss: float
    seconds: float
    validation_loss: float | None = None


@dataclass
class TrainState:
    """The progress of a run: finished epochs; batches, loss, weight and seconds of the current epoch; tokens of all epochs.

    `batches` counts those of this process, and every process has as many; the other numbers cover all processes.
    """

    epochs: list[EpochResult] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    weight: float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any] | None) -> Self:
        """Return the state that `to_dict` gave; a new one for None."""
        return cls() if saved is None else cls(**{**saved, "epochs": [EpochResult(**epoch) for epoch in saved["epochs"]]})

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values, for a checkpoint."""
        return vars(self) | {"epochs": [vars(epoch) for epoch in self.epochs]}

    def mean_loss(self) -> float:
        """Return the mean loss of the current epoch so far."""
        return self.loss / max(self.weight, 1e-30)

    def add(self, loss: float, weight: float, tokens: float) -> None:
        """Add the results of batches."""
        self.loss, self.weight = self.loss + loss, self.weight + weight
        self.tokens += int(tokens)

    def end_epoch(self, result: EpochResult) -> None:
        """Append the result of the current epoch and reset its sums."""
        self.epochs.append(result)
        self.loss = self.weight = self.seconds = 0.0
        self.batches = 0


def should_stop_early(epochs: list[EpochResult], patience: int) -> bool:
    """Return whether none of the last `patience` epochs lowered the least validation loss; never where patience is 0."""
    losses = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])
