"""Pairs that a join leaves out: by the blocks of their left rows, for the task that searches the block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.kernels.knn.blocks import Exclusions
from walkgram.stages.ports import BlockStore, to_batches
from walkgram.stages.similarity.vectors import JoinSide, VectorBlocks

__all__ = ["ExclusionBlocks", "find_excluded_rows", "write_exclusions"]

NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class ExclusionBlocks:
    """The excluded pairs of each left block; it travels to the executors. numbers: the blocks that have some."""

    same_row: bool
    numbers: frozenset[int] = frozenset()
    store: BlockStore | None = None

    def open(self, number: int) -> Exclusions:
        """Map the pairs of a left block."""
        if self.store is None or number not in self.numbers:
            return Exclusions(self.same_row, NO_ROWS, NO_ROWS)
        block = self.store.open(number)
        return Exclusions(self.same_row, np.asarray(block["left"]), np.asarray(block["right"]))


def find_excluded_rows(left: JoinSide, right: JoinSide, equal_ids: bool, excluded: DataFrame | None) -> DataFrame | None:
    """Return left_row, right_row of the excluded pairs, None where there are none to look for.

    equal_ids: exclude the pairs of equal ids. excluded: left_id, right_id; an id that a side does not have is ignored.
    """
    left_rows = left.rows.select(F.col("row").alias("left_row"), F.col("id").alias("left_id"))
    right_rows = right.rows.select(F.col("row").alias("right_row"), F.col("id").alias("right_id"))
    found = []
    if equal_ids:
        same_ids = left_rows.select("left_row", F.col("left_id").alias("right_id")).join(right_rows, on="right_id", how="inner")
        found.append(same_ids.select("left_row", "right_row"))
    if excluded is not None:
        pairs = excluded.select("left_id", "right_id").join(left_rows, on="left_id", how="inner")
        found.append(pairs.join(right_rows, on="right_id", how="inner").select("left_row", "right_row"))
    return None if not found else found[0] if len(found) == 1 else found[0].unionAll(found[1])


def write_exclusions(pairs: DataFrame, left: VectorBlocks, same_row: bool, store: BlockStore) -> ExclusionBlocks:
    """Write left_row, right_row as a block for each left block that has some. Memory of a task: the pairs of its blocks."""
    rows = pairs.select(F.floor(F.col("left_row") / left.block_rows).alias("block"), "left_row", "right_row")
    sorted_rows = rows.repartition(max(1, left.num_blocks), "block").sortWithinPartitions("block", "right_row", "left_row")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        received = [batch for batch in batches if len(batch)]
        if not received:
            return
        columns = {name: pa.Table.from_batches(received)[name].to_numpy() for name in ("block", "left_row", "right_row")}
        for number in np.unique(columns["block"]):
            inside = columns["block"] == number
            store.write(int(number), {"left": columns["left_row"][inside], "right": columns["right_row"][inside]})
            yield from to_batches({"block": np.array([number])})

    written = sorted_rows.mapInArrow(write, "block long").collect()
    return ExclusionBlocks(same_row, frozenset(row["block"] for row in written), store)
