"""Tables of vectors as blocks of prepared rows that the tasks of a join map."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.kernels.arrays import Float32Matrix
from walkgram.kernels.knn.blocks import RowBlock
from walkgram.stages.ports import BlockStore, to_batches

__all__ = ["JoinSide", "VectorBlocks", "number_rows", "write_vectors"]

WRITTEN = "block long, rows long, shortest long, longest long, not_finite long, example long"


@dataclass(frozen=True)
class JoinSide:
    """A table of vectors that takes part in a join.

    name: its name in messages, and of its blocks: no two sides of a run share it. rows: row long (0..num_rows-1, the order of
    ties), id (unique, not null), vector array<float>, as `number_rows` returns them.
    """

    name: str
    rows: DataFrame
    num_rows: int


@dataclass(frozen=True)
class VectorBlocks:
    """The blocks of a side; it travels to the executors. dim: 0 where there are no rows."""

    store: BlockStore
    num_blocks: int
    block_rows: int
    dim: int

    def open(self, number: int) -> RowBlock:
        """Map a block."""
        return RowBlock(number * self.block_rows, np.asarray(self.store.open(number)["vectors"]))

    def open_all(self) -> Iterator[RowBlock]:
        """Map one block after another."""
        return map(self.open, range(self.num_blocks))


def number_rows(vectors: DataFrame, id_column: str, *order: Column) -> DataFrame:
    """Return row (0..n-1 in `order`, which has no ties), id, vector."""
    window = Window.orderBy(*order)
    number = (F.row_number().over(window) - 1).cast("long")
    return vectors.select(number.alias("row"), F.col(id_column).alias("id"), "vector")


def write_vectors(
    side: JoinSide, prepare: Callable[[Float32Matrix], Float32Matrix], block_rows: int, store: BlockStore
) -> VectorBlocks:
    """Write the prepared vectors of a side as blocks of block_rows rows.

    Raises `InputError` for vectors of several lengths, for an empty or null one, and for a value that is NaN or infinite;
    `ValueError` for another number of rows than side.num_rows.
    """
    num_blocks = -(-side.num_rows // block_rows)
    rows = side.rows.select(F.floor(F.col("row") / block_rows).alias("block"), "row", "vector")
    sorted_rows = rows.repartition(max(1, num_blocks), "block").sortWithinPartitions("row")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        received = [batch for batch in batches if len(batch)]
        if not received:
            return
        table = pa.Table.from_batches(received).combine_chunks()
        block, row, lists = table["block"].to_numpy(), table["row"].to_numpy(), table["vector"].chunk(0)
        lengths = pc.fill_null(lists.value_lengths(), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        is_uniform = lengths.min() == lengths.max() > 0
        matrix = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, lengths[0]) if is_uniform else None
        for number in np.unique(block):
            inside = block == number
            bad_rows = np.empty(0, np.int64)
            if matrix is not None:
                vectors = matrix[inside]
                bad_rows = row[inside][~np.isfinite(vectors).all(axis=1)]
                if not len(bad_rows):
                    store.write(int(number), {"vectors": prepare(vectors)})
            values = (number, inside.sum(), lengths.min(), lengths.max(), len(bad_rows), *bad_rows[:1], -1)
            names = [field.split()[0] for field in WRITTEN.split(", ")]
            yield from to_batches({name: np.array([value], np.int64) for name, value in zip(names, values, strict=False)})

    written = sorted_rows.mapInArrow(write, WRITTEN).collect()
    return VectorBlocks(store, num_blocks, block_rows, check_vectors(side, written))


def check_vectors(side: JoinSide, written: Sequence[Row]) -> int:
    """Return the length of the vectors. Raises as `write_vectors` does."""
    num_rows = sum(row["rows"] for row in written)
    if num_rows != side.num_rows:
        raise ValueError(f"{side.name} has {num_rows} rows, not {side.num_rows}")
    shortest, longest = min((r["shortest"] for r in written), default=0), max((r["longest"] for r in written), default=0)
    if written and shortest == 0:
        raise InputError(f"{side.name} has an empty vector: train again, or remove the row")
    if shortest != longest:
        raise InputError(f"{side.name} has vectors of several lengths, {shortest} to {longest}: keep one run_id")
    not_finite = sum(row["not_finite"] for row in written)
    if not_finite:
        example = min(row["example"] for row in written if row["not_finite"])
        (bad_id,) = side.rows.where(F.col("row") == example).select("id").head()  # type: ignore[misc]
        raise InputError(
            f"{side.name}: {not_finite} vectors have a value that is NaN or infinite, such as that of {bad_id!r}: "
            "train again, or remove these rows"
        )
    return int(longest)
