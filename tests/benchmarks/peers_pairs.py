"""Peers of the jobs pairs and edges: Spark jobs from the tables interactions and vocabulary to the same edges in Parquet.

`self_join` is what one writes in Spark SQL: the interactions joined with themselves, grouped and counted. `gram` is what one
writes with scipy: the users x items matrix, and blocks of its Gram matrix in mapInArrow. Both write with Spark's own Parquet
writer and its own compression.
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

LEAST_FREQUENCY, LEAST_WEIGHT = 2, 10.0
SCHEMA = "src long, dst long, frequency long, pmi double, weight double"
PARTITION = 3_000_000  # increments of a partition of the self-join
WORK = 1 << 26  # increments of a block of the Gram matrix
BATCH = 1 << 20


def self_join(spark: SparkSession, lake: Path, out: Path) -> None:
    """Write the edges, counted by a join of the interactions with themselves: one long key a pair, small partitions."""
    vocabulary = spark.read.parquet(str(lake / "vocabulary"))
    interactions = spark.read.parquet(str(lake / "interactions"))
    total, n = interactions.count(), vocabulary.count()
    partitions = max(2 * spark.sparkContext.defaultParallelism, increments(interactions) // PARTITION)
    spark.conf.set("spark.sql.shuffle.partitions", partitions)
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")  # the join's input is small, its output is not
    indexed = interactions.join(F.broadcast(vocabulary), "item_id").select("user_id", "index")
    left, right = indexed.withColumnRenamed("index", "src"), indexed.withColumnRenamed("index", "dst")
    both = left.join(right, "user_id").where(F.col("src") < F.col("dst"))
    counted = both.groupBy((F.col("src") * n + F.col("dst")).alias("pair")).agg(F.count(F.lit(1)).alias("frequency"))
    often = counted.where(F.col("frequency") >= LEAST_FREQUENCY)
    ends = often.select(F.expr(f"pair div {n}").alias("src"), (F.col("pair") % n).alias("dst"), "frequency")
    pmi = F.log("frequency") + F.log(F.lit(float(total))) - F.col("src_log") - F.col("dst_log")
    weighed = ends.join(logs(vocabulary, "src"), "src").join(logs(vocabulary, "dst"), "dst").withColumn("pmi", pmi)
    edges = weighed.withColumn("weight", F.col("pmi") * F.col("frequency")).where(F.col("weight") >= LEAST_WEIGHT)
    edges.select("src", "dst", "frequency", "pmi", "weight").write.mode("overwrite").parquet(str(out))


def increments(interactions: DataFrame) -> int:
    """Pairs that the self-join will make."""
    degree = F.col("count")
    return int(interactions.groupBy("user_id").count().agg(F.sum(degree * (degree - 1))).collect()[0][0]) // 2


def logs(vocabulary: DataFrame, end: str) -> DataFrame:
    """Logarithms of the items' frequencies, for one end of an edge."""
    return F.broadcast(vocabulary.select(F.col("index").alias(end), F.log("frequency").alias(f"{end}_log")))


def gram(spark: SparkSession, lake: Path, out: Path) -> None:
    """Write the edges, counted by blocks of the Gram matrix."""
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        place, least = Path(scratch), 4 * spark.sparkContext.defaultParallelism

        def build(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for _ in batches:
                yield pa.RecordBatch.from_pydict({"bound": matrices(lake, place, least)})

        def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            f = np.load(place / "frequency.npy")
            users = mapped(place, "users", len(f))
            items = mapped(place, "items", users.shape[0])
            for batch in batches:
                for block in batch["id"].to_pylist():
                    low, high = spans[block]
                    yield from weighed(items[low:high] @ users[:, :high], low, f, users.nnz)

        built = spark.range(0, 1, 1, 1).mapInArrow(build, "bound long").collect()
        spans = list(pairwise(row["bound"] for row in built))
        edges = spark.range(0, len(spans), 1, len(spans)).mapInArrow(count, SCHEMA)
        edges.write.mode("overwrite").parquet(str(out))


def matrices(lake: Path, place: Path, least: int) -> np.ndarray:
    """Save users x items and items x users as CSR; returns bounds of blocks of items, at least so many, of equal work."""
    vocabulary = pq.read_table(lake / "vocabulary", columns=["index", "item_id", "frequency"]).sort_by("index")
    table = pq.read_table(lake / "interactions", columns=["user_id", "item_id"])
    user = pd.factorize(table["user_id"].to_numpy())[0].astype(np.int32)
    item = pc.index_in(table["item_id"], value_set=vocabulary["item_id"].combine_chunks()).to_numpy()
    n = len(vocabulary)
    users = sp.csr_matrix((np.ones(len(user), np.int32), (user, item)), shape=(user.max() + 1, n))
    items = users.T.tocsr()
    for name, matrix in (("users", users), ("items", items)):
        for part in ("data", "indices", "indptr"):
            np.save(place / f"{name}-{part}.npy", getattr(matrix, part))
    np.save(place / "frequency.npy", vocabulary["frequency"].to_numpy())
    before = np.arange(users.nnz) - np.repeat(users.indptr[:-1], np.diff(users.indptr))  # items below an item in its user's row
    work = np.cumsum(np.bincount(users.indices, weights=before, minlength=n) + 1)
    blocks = max(least, int(work[-1]) // WORK)
    cuts = np.searchsorted(work, work[-1] * np.arange(1, blocks) / blocks) + 1
    return np.unique(np.concatenate([[0], cuts, [n]]))


def mapped(place: Path, name: str, columns: int) -> Any:
    """A matrix that `matrices` saved, mapped into memory."""
    data, indices, indptr = (np.load(place / f"{name}-{part}.npy", mmap_mode="r") for part in ("data", "indices", "indptr"))
    return sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))


def weighed(product: Any, low: int, f: np.ndarray, total: int) -> Iterator[pa.RecordBatch]:
    """The edges of a product: its rows are the items from `low` on, as dst; its columns items, of which those below are src."""
    dst = np.repeat(np.arange(low, low + product.shape[0], dtype=np.int32), np.diff(product.indptr))
    kept = np.flatnonzero((product.data >= LEAST_FREQUENCY) & (product.indices < dst))
    src, dst, frequency = (values[kept].astype(np.int64) for values in (product.indices, dst, product.data))
    logs = np.log(f)
    pmi = np.log(frequency) + np.log(total) - logs[src] - logs[dst]
    weight = pmi * frequency
    heavy = weight >= LEAST_WEIGHT
    columns = [values[heavy] for values in (src, dst, frequency, pmi, weight)]
    for start in range(0, len(columns[0]), BATCH):
        batch = [pa.array(values[start : start + BATCH]) for values in columns]
        yield pa.RecordBatch.from_arrays(batch, names=["src", "dst", "frequency", "pmi", "weight"])


SIDES = {"self_join": self_join, "gram": gram}
