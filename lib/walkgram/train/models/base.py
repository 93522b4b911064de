"""The interfaces between the train job and a model: its inputs, its outputs, and the steps of the loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import pyarrow as pa

from walkgram.errors import TrainError
from walkgram.train.checkpoint import CheckpointSlot
from walkgram.train.data.walks import WalkShard
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.state import StepResult

__all__ = ["LoopModel", "ModelInputs", "PreviousEmbeddings", "TableOutput", "TableReader"]


class TableReader(Protocol):
    """The input tables that a model declares, by name."""

    def list_shards(self, table: str) -> Sequence[WalkShard]:
        """Return the files of a table, in order."""

    def iter_row_groups(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the row groups of a table, file by file."""

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table in memory."""


class NoTables:
    """A reader without tables, for models that are built from arrays."""

    def list_shards(self, table: str) -> Sequence[WalkShard]:
        """Raise `KeyError`."""
        raise KeyError(table)

    def iter_row_groups(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Raise `KeyError`."""
        raise KeyError(table)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Raise `KeyError`."""
        raise KeyError(table)


class PreviousEmbeddings(NamedTuple):
    """An embeddings table of an earlier run: its path, for messages, and a function that yields some columns of it."""

    path: str
    read: Callable[[Sequence[str]], Iterable[pa.Table]]


class TableOutput(NamedTuple):
    """Rows of one output table. A table may come in several outputs, such as one for each side."""

    table: str
    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]


@dataclass(frozen=True)
class ModelInputs:
    """Everything beside the configuration that a model is built from.

    run_id: the column of the embeddings; slots: two places for what this process alone has of a checkpoint; previous: the
    embeddings of a warm start, where `train.warm_start` names some.
    """

    tables: TableReader = field(default_factory=NoTables)
    run_id: str = ""
    group: ProcessGroup = SINGLE_PROCESS
    slots: Sequence[CheckpointSlot] = ()
    previous: PreviousEmbeddings | None = None


class LoopModel(ABC):
    """A model that the loop trains batch by batch: its tables and optimiser, its batches, one step."""

    tokens: int = 0
    """Tokens of an epoch at all processes, for the progress bar."""
    data_key: Mapping[str, str] = {}
    """What a checkpoint must agree with, beside the input tables and the code."""
    no_batch_remedy: ClassVar[str] = "make more walks"
    """What to do where an epoch has no batch."""

    @abstractmethod
    def num_steps(self) -> int:
        """Return the number of batches of an epoch, equal at all processes."""

    @abstractmethod
    def batches(self, epoch: int, skip: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch without the first `skip`, a function of (seed, epoch, process)."""

    @abstractmethod
    def step(self, batch: Any, progress: float, next_progress: float) -> StepResult:
        """Take one step. All epochs together run from 0 to 1, this batch from `progress` to `next_progress`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs. Collective."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the state by one that `state_dict` gave."""

    @abstractmethod
    def outputs(self) -> Iterable[TableOutput]:
        """Yield the rows that this process writes, after training. Together the processes write every row once."""

    def bind(self, group: ProcessGroup) -> int:
        """Train with these processes from now on; return the batches between two synchronisations, 0 for a single process.

        By default raise `TrainError` where there are several.
        """
        if group.world > 1:
            raise TrainError(f"{type(self).__name__} trains in one process, and there are {group.world}: start one")
        return 0

    def synchronize(self) -> None:
        """Make the tables of all processes equal. Collective."""
        return

    @property
    def can_roll_back(self) -> bool:
        """Whether `roll_back` can undo what was trained since the last synchronisation; by default it cannot."""
        return False

    def roll_back(self) -> None:
        """Return the tables of all processes to the last synchronisation. Collective."""
        raise NotImplementedError(f"{type(self).__name__} keeps no former tables")

    def learning_rate(self, progress: float) -> float:
        """Return the learning rate at `progress`, for the log; by default 0."""
        return 0.0

    def validate(self) -> float | None:
        """Return the validation loss; None, as by default, where there is no validation data. Collective."""
        return None

    def summarize(self) -> dict[str, int]:
        """Return counts for the manifest, by what they count."""
        return {}
