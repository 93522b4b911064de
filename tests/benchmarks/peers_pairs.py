"""Peers of the jobs baskets and edges: Spark jobs from the tables interactions and vocabulary to the same edges in Parquet.

`self_join` is the usual query in Spark SQL: the interactions joined with themselves, grouped and counted. `gram` is the usual
code with scipy: the users x items matrix, and blocks of its Gram matrix in mapInArrow. Both write with Spark's Parquet writer
and its default compression.
"""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

MIN_FREQUENCY, MIN_WEIGHT = 2, 10.0
SCHEMA = "src long, dst long, frequency long, pmi double, weight double"
PARTITION_INCREMENTS = 3_000_000  # of the self-join
BLOCK_INCREMENTS = 1 << 26  # of the Gram matrix
BATCH_ROWS = 1 << 20


def write_self_join(spark: SparkSession, lake: Path, out: Path) -> None:
    """Write the edges, counted by a join of the interactions with themselves: one long key a pair, small partitions."""
    vocabulary = spark.read.parquet(str(lake / "vocabulary"))
    interactions = spark.read.parquet(str(lake / "interactions"))
    total, n = interactions.count(), vocabulary.count()
    partitions = max(2 * spark.sparkContext.defaultParallelism, count_increments(interactions) // PARTITION_INCREMENTS)
    spark.conf.set("spark.sql.shuffle.partitions", partitions)
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")  # the join's input is small, its output is not
    indexed = interactions.join(F.broadcast(vocabulary), "item_id").select("user_id", "index")
    left, right = indexed.withColumnRenamed("index", "src"), indexed.withColumnRenamed("index", "dst")
    both = left.join(right, "user_id").where(F.col("src") < F.col("dst"))
    counted = both.groupBy((F.col("src") * n + F.col("dst")).alias("pair")).agg(F.count(F.lit(1)).alias("frequency"))
    frequent = counted.where(F.col("frequency") >= MIN_FREQUENCY)
    ends = frequent.select(F.expr(f"pair div {n}").alias("src"), (F.col("pair") % n).alias("dst"), "frequency")
    pmi = F.log("frequency") + F.log(F.lit(float(total))) - F.col("src_log") - F.col("dst_log")
    weighted = ends.join(item_logs(vocabulary, "src"), "src").join(item_logs(vocabulary, "dst"), "dst").withColumn("pmi", pmi)
    edges = weighted.withColumn("weight", F.col("pmi") * F.col("frequency")).where(F.col("weight") >= MIN_WEIGHT)
    edges.select("src", "dst", "frequency", "pmi", "weight").write.mode("overwrite").parquet(str(out))


def count_increments(interactions: DataFrame) -> int:
    """Count the pairs that the self-join makes."""
    degree = F.col("count")
    return int(interactions.groupBy("user_id").count().agg(F.sum(degree * (degree - 1))).collect()[0][0]) // 2


def item_logs(vocabulary: DataFrame, end: str) -> DataFrame:
    """Return the logarithms of the items' frequencies, for one end of an edge."""
    return F.broadcast(vocabulary.select(F.col("index").alias(end), F.log("frequency").alias(f"{end}_log")))


def write_gram(spark: SparkSession, lake: Path, out: Path) -> None:
    """Write the edges, counted by blocks of the Gram matrix."""
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder, min_blocks = Path(scratch), 4 * spark.sparkContext.defaultParallelism

        def build(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for _ in batches:
                yield pa.RecordBatch.from_pydict({"bound": save_matrices(lake, folder, min_blocks)})

        def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            f = np.load(folder / "frequency.npy")
            users = map_matrix(folder, "users", len(f))
            items = map_matrix(folder, "items", users.shape[0])
            for batch in batches:
                for block in batch["id"].to_pylist():
                    low, high = spans[block]
                    yield from weight_edges(items[low:high] @ users[:, :high], low, f, users.nnz)

        bounds = spark.range(0, 1, 1, 1).mapInArrow(build, "bound long").collect()
        spans = list(pairwise(row["bound"] for row in bounds))
        edges = spark.range(0, len(spans), 1, len(spans)).mapInArrow(count, SCHEMA)
        edges.write.mode("overwrite").parquet(str(out))


def save_matrices(lake: Path, folder: Path, min_blocks: int) -> np.ndarray:
    """Save users x items and items x users as CSR; return bounds of at least `min_blocks` blocks of items, of equal work."""
    vocabulary = pq.read_table(lake / "vocabulary", columns=["index", "item_id", "frequency"]).sort_by("index")
    table = pq.read_table(lake / "interactions", columns=["user_id", "item_id"])
    user = pd.factorize(table["user_id"].to_numpy())[0].astype(np.int32)
    item = pc.index_in(table["item_id"], value_set=vocabulary["item_id"].combine_chunks()).to_numpy()
    n = len(vocabulary)
    users = sp.csr_matrix((np.ones(len(user), np.int32), (user, item)), shape=(user.max() + 1, n))
    items = users.T.tocsr()
    for name, matrix in (("users", users), ("items", items)):
        for part in ("data", "indices", "indptr"):
            np.save(folder / f"{name}-{part}.npy", getattr(matrix, part))
    np.save(folder / "frequency.npy", vocabulary["frequency"].to_numpy())
    items_before = np.arange(users.nnz) - np.repeat(users.indptr[:-1], np.diff(users.indptr))  # in the user's row
    work = np.cumsum(np.bincount(users.indices, weights=items_before, minlength=n) + 1)
    num_blocks = max(min_blocks, int(work[-1]) // BLOCK_INCREMENTS)
    cuts = np.searchsorted(work, work[-1] * np.arange(1, num_blocks) / num_blocks) + 1
    return np.unique(np.concatenate([[0], cuts, [n]]))


def map_matrix(folder: Path, name: str, columns: int) -> Any:
    """Map a matrix of `save_matrices` into memory."""
    data, indices, indptr = (np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in ("data", "indices", "indptr"))
    return sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))


def weight_edges(product: Any, low: int, f: np.ndarray, total: int) -> Iterator[pa.RecordBatch]:
    """Yield the edges of a product: its rows are the items from `low` on, as dst; its columns those below, as src."""
    dst = np.repeat(np.arange(low, low + product.shape[0], dtype=np.int32), np.diff(product.indptr))
    entries = np.flatnonzero((product.data >= MIN_FREQUENCY) & (product.indices < dst))
    src, dst, frequency = (values[entries].astype(np.int64) for values in (product.indices, dst, product.data))
    logs = np.log(f)
    pmi = np.log(frequency) + np.log(total) - logs[src] - logs[dst]
    weight = pmi * frequency
    is_heavy = weight >= MIN_WEIGHT
    columns = [values[is_heavy] for values in (src, dst, frequency, pmi, weight)]
    for start in range(0, len(columns[0]), BATCH_ROWS):
        batch = [pa.array(values[start : start + BATCH_ROWS]) for values in columns]
        yield pa.RecordBatch.from_arrays(batch, names=["src", "dst", "frequency", "pmi", "weight"])


SIDES = {"self_join": write_self_join, "gram": write_gram}
