"""What stages ask of storage, as protocols, and the columns of a table on its way out.

`walkgram.lake` implements the stores; `walkgram.runtime.context.RunContext` is the context. All stores travel to the executors.
"""

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
    """Numbered blocks of named arrays (`walkgram.lake.blocks.Blocks`)."""

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block; it is visible complete or not at all."""

    def create(self, number: int) -> AbstractContextManager["NewArray"]:
        """Open a new block whose arrays are filled in place."""

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        """Map a block's arrays."""


class NewArray(Protocol):
    """A factory of the arrays of a new block."""

    def __call__(self, name: str, dtype: Any, shape: int | tuple[int, ...]) -> np.ndarray:
        """Return the array `name`, all zeros, to be filled."""


class ShardStore(Protocol):
    """The numbered shards of a table (`walkgram.lake.shards.Shards`)."""

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a shard, one row group a batch; it is visible complete or not at all."""

    def has(self, number: int) -> bool:
        """Return whether a complete shard exists."""

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """Return the row groups of a shard."""


class RowGroupFile(Protocol):
    """A Parquet file of a table (`walkgram.lake.parquet.ParquetShard`)."""

    @property
    def row_groups(self) -> tuple[int, ...]:
        """Number of rows of each row group."""

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one row group."""


class ExchangeStore(Protocol):
    """Batches that tasks send each other, superstep by superstep (`walkgram.lake.exchange.Exchange`)."""

    def has(self, number: int, sender: int) -> bool:
        """Return whether a sender has finished superstep `number`."""

    def write(self, number: int, sender: int, batches: Sequence[pa.RecordBatch]) -> None:
        """Write a sender's batches for the receivers 0, 1, ... of a superstep."""

    def read(self, number: int, sender: int, receiver: int) -> pa.RecordBatch:
        """Read a sender's batch for a receiver."""

    def rows(self, number: int, sender: int) -> int:
        """Count the rows that a sender has written for all receivers."""

    def latest(self, senders: int) -> int:
        """Return the last superstep that all senders have finished; -1 if there is none."""

    def remove(self, number: int | None = None) -> None:
        """Remove one superstep, or all of them."""


class StageContext(Protocol):
    """What a stage of several steps asks of its run (`walkgram.runtime.context.RunContext`)."""

    def materialize(self, name: str, frame: DataFrame) -> DataFrame:
        """Compute a DataFrame once; it lasts as long as the run."""

    def files(self, table: str) -> Sequence[RowGroupFile]:
        """List the files of a table, or of a materialized DataFrame."""

    def tasks(self, count: int) -> DataFrame:
        """Return `id` 0..count-1, one row a task."""

    def scratch(self, name: str) -> BlockStore:
        """Return blocks that are removed at the end of the run."""

    def exchange(self, name: str) -> ExchangeStore:
        """Return an exchange that is removed at the end of the run."""


def spark_schema(name: str, ids: pa.DataType | None = None) -> StructType:
    """Return the Spark schema of a table. ids: the type of its ids."""
    schema = StructType()
    for field in tables.table_schema(name, ids):
        schema = schema.add(field.name, from_arrow_type(field.type))
    return schema


def select_schema(frame: DataFrame, name: str) -> DataFrame:
    """Select a table's columns in order, cast to its types; ids keep their type."""

    def cast(column: tables.Column) -> Column:
        value = F.col(column.name)
        return value if column.type == tables.ID else value.cast(from_arrow_type(column.type)).alias(column.name)

    return frame.select(*[cast(column) for column in tables.TABLES[name].columns])


def to_batches(columns: Mapping[str, np.ndarray], rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
    """Pack arrays of equal length in record batches of at most `rows` rows."""
    length = len(next(iter(columns.values())))
    for start in range(0, length, rows):
        yield pa.RecordBatch.from_arrays(
            [pa.array(values[start : start + rows]) for values in columns.values()], names=list(columns)
        )
