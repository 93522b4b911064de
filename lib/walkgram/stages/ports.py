"""What stages ask of their surroundings: a table's columns on the way out, and block files to map."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StructType

from walkgram import tables

__all__ = [
    "BlockStore",
    "ExchangeStore",
    "NewArray",
    "RowGroupFile",
    "ShardStore",
    "StageContext",
    "select_schema",
    "spark_schema",
    "to_batches",
]


class BlockStore(Protocol):
    """Numbered blocks of named arrays (`walkgram.lake.blocks.Blocks`); it travels to the executors."""

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block whole."""

    def create(self, number: int) -> AbstractContextManager["NewArray"]:
        """Make a block whose arrays are filled where they lie."""

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        """Map a block."""


class NewArray(Protocol):
    """Gives an array of a new block, all zeros, to be filled."""

    def __call__(self, name: str, dtype: Any, shape: int | tuple[int, ...]) -> np.ndarray:
        """The array `name`."""


class ShardStore(Protocol):
    """The numbered shards of a table (`walkgram.lake.shards.Shards`); it travels to the executors."""

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a shard whole, each batch a row group."""

    def has(self, number: int) -> bool:
        """Whether a shard is there; it is then whole."""

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """The row groups of a shard."""


class RowGroupFile(Protocol):
    """A Parquet file of a table (`walkgram.lake.parquet.ParquetShard`); it travels to the executors."""

    @property
    def row_groups(self) -> tuple[int, ...]:
        """The rows of each row group."""

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group."""


class ExchangeStore(Protocol):
    """What tasks send each other, round by round (`walkgram.lake.exchange.Exchange`); it travels to the executors."""

    def has(self, number: int, sender: int) -> bool:
        """Whether a sender is done with a round."""

    def write(self, number: int, sender: int, batches: Sequence[pa.RecordBatch]) -> None:
        """Write what a sender has for the receivers 0, 1, ... in a round."""

    def read(self, number: int, sender: int, receiver: int) -> pa.RecordBatch:
        """What a sender had for a receiver in a round."""

    def rows(self, number: int, sender: int) -> int:
        """How many rows a sender had for all receivers in a round."""

    def latest(self, senders: int) -> int:
        """The last round that all senders are done with; -1 where there is none."""

    def remove(self, number: int | None = None) -> None:
        """Remove a round, or all of them."""


class StageContext(Protocol):
    """What a stage of several steps asks of the run that it is part of (`walkgram.runtime.context.RunContext`)."""

    def materialize(self, name: str, frame: DataFrame) -> DataFrame:
        """A DataFrame computed once."""

    def files(self, table: str) -> Sequence[RowGroupFile]:
        """The files of a table, or of a DataFrame that was kept."""

    def tasks(self, count: int) -> DataFrame:
        """`id` 0..count-1, one row a task."""

    def scratch(self, name: str) -> BlockStore:
        """Blocks that last as long as the run."""

    def exchange(self, name: str) -> ExchangeStore:
        """What tasks send each other."""


def spark_schema(name: str, ids: pa.DataType | None = None) -> StructType:
    """The schema of a table as Spark states it."""
    made = StructType()
    for field in tables.table_schema(name, ids):
        made = made.add(field.name, from_arrow_type(field.type))
    return made


def select_schema(frame: DataFrame, name: str) -> DataFrame:
    """Select a table's columns in order, cast to its types; ids keep the type that they have."""

    def cast(column: tables.Column) -> Column:
        own = F.col(column.name)
        return own if column.type == tables.ID else own.cast(from_arrow_type(column.type)).alias(column.name)

    return frame.select(*[cast(column) for column in tables.TABLES[name].columns])


def to_batches(columns: Mapping[str, np.ndarray], rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
    """Arrays of one length as record batches of at most `rows` rows."""
    length = len(next(iter(columns.values())))
    for start in range(0, length, rows):
        yield pa.RecordBatch.from_arrays(
            [pa.array(values[start : start + rows]) for values in columns.values()], names=list(columns)
        )
