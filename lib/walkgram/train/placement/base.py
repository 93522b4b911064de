"""The interface of a placement: where the in and out tables of skip-gram lie, and how a batch of walks trains them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from walkgram.config.train import Train
from walkgram.kernels.sgns.params import SgnsParams
from walkgram.train.checkpoint import CheckpointSlot
from walkgram.train.data.walks import WalkBatch
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.state import StepResult

__all__ = ["NumberedBatch", "Placement", "Schedule", "TableSetup", "nonfinite_error"]


class NumberedBatch(NamedTuple):
    """Walks of an epoch; no two batches of the epoch, at any process, have the same number."""

    epoch: int
    number: int
    walks: WalkBatch


class Schedule(NamedTuple):
    """The seeds of a batch's negatives and subsampling, and the learning rates of its first walk and after its last."""

    seeds: tuple[int, int]
    rates: tuple[float, float]


@dataclass(frozen=True)
class TableSetup:
    """What a placement is built from.

    fill_rows(values, rows): write the first values of rows (k,) int64 of the in table (None: the first ones) into (k, dim)
    float32; loss_stride: the loss is measured on one walk in so many; slots: two places for what this process alone has of a
    checkpoint.
    """

    config: Train
    params: SgnsParams
    num_rows: int
    loss_stride: int
    fill_rows: Callable[[NDArray[np.float32], NDArray[np.int64] | None], None]
    group: ProcessGroup = SINGLE_PROCESS
    slots: Sequence[CheckpointSlot] = field(default=())


class Placement(Protocol):
    """The in and out table, (n, dim) float32 each."""

    @property
    def can_roll_back(self) -> bool:
        """Whether `roll_back` can undo what was trained since the last synchronisation."""

    @property
    def rows(self) -> range:
        """The rows that this process writes after training."""

    def bind(self, group: ProcessGroup) -> None:
        """Train with these processes from now on. Collective."""

    def batches_per_sync(self, walks: int, batch_walks: int) -> int:
        """Return the batches between two synchronisations, where `walks` walks at each process suit the tables."""

    def train(self, batch: NumberedBatch, schedule: Schedule) -> StepResult:
        """Train on a batch."""

    def measure_loss(self, batches: Iterable[WalkBatch], seeds: tuple[int, int]) -> tuple[float, float]:
        """Return the sum of the losses of walks, and of their weights, without training."""

    def synchronize(self) -> None:
        """Make the tables of all processes equal. Collective."""

    def roll_back(self) -> None:
        """Return the tables of all processes to the last synchronisation. Collective."""

    def state_dict(self) -> dict[str, Any]:
        """Return both tables, or where their checkpoint is. Collective."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace both tables."""

    def tables(self) -> tuple[Tensor, Tensor]:
        """Return this process's rows of the in and the out table, on the CPU, to read or to write first values into."""

    def write_back(self) -> None:
        """Train from now on with the values that the caller has written into `tables()`."""


def nonfinite_error(walk_id: int, rate: float) -> str:
    """Return the message of a batch that met a vector that is not finite."""
    return f"a vector of walk {walk_id} is not finite, rate {rate:.3g}"
