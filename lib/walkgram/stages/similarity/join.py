"""embeddings -> neighbours: exact cosine top-k, block of queries against every block of vectors."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.kernels.knn import topk
from walkgram.stages.ports import BlockStore, select_schema, to_batches

__all__ = ["join_top_k", "number_rows", "write_vectors"]


def number_rows(embeddings: DataFrame) -> DataFrame:
    """row (0..n-1 by falling frequency, ties by rising item_id), item_id, vector."""
    order = Window.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    return embeddings.select((F.row_number().over(order) - 1).cast("long").alias("row"), "item_id", "vector")


def write_vectors(rows: DataFrame, blocks: int, block_rows: int, store: BlockStore) -> DataFrame:
    """Write the unit vectors of `numbered` rows as blocks of block_rows rows; returns one row a block: block, rows, dim."""
    placed = rows.select(F.floor(F.col("row") / block_rows).alias("block"), "row", "vector")
    sorted_rows = placed.repartition(blocks, "block").sortWithinPartitions("row")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if not held:
            return
        table = pa.Table.from_batches(held).combine_chunks()
        block, lists = table["block"].to_numpy(), table["vector"].chunk(0)
        dims = np.unique(lists.value_lengths().to_numpy(zero_copy_only=False))
        if len(dims) != 1:
            raise InputError(f"embeddings have vectors of several lengths, {dims.min()} to {dims.max()}: keep one run_id")
        matrix = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, dims[0])
        for number in np.unique(block):
            own = topk.normalize_rows(matrix[block == number])
            store.write(int(number), {"vectors": own})
            yield from to_batches(
                {"block": np.array([number]), "rows": np.array([len(own)]), "dim": np.array([dims[0]], np.int64)}
            )

    return sorted_rows.mapInArrow(write, "block long, rows long, dim long")


def join_top_k(tasks: DataFrame, rows: DataFrame, blocks: int, block_rows: int, k: int, store: BlockStore) -> DataFrame:
    """The table `neighbours`. tasks: one row `id` = block of queries; rows: `numbered`. O(n^2 dim) in GEMM."""

    def best(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch["id"].to_pylist():
                every = ((b * block_rows, np.asarray(store.open(b)["vectors"])) for b in range(blocks))
                queries = np.asarray(store.open(number)["vectors"])
                found, scores = topk.find_top_k(queries, number * block_rows, every, k)
                count = found.shape[1]
                yield from to_batches({
                    "row": np.repeat(number * block_rows + np.arange(len(found)), count), "other": found.reshape(-1),
                    "rank": np.tile(np.arange(1, count + 1, dtype=np.int32), len(found)), "score": scores.reshape(-1),
                })  # fmt: skip

    found = tasks.mapInArrow(best, "row long, other long, rank int, score float")
    own = rows.select("row", "item_id")
    other = rows.select(F.col("row").alias("other"), F.col("item_id").alias("neighbour_id"))
    return select_schema(found.join(own, on="row", how="inner").join(other, on="other", how="inner"), "neighbours")
