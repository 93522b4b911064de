"""A stand-in for GraphFrames' random walks: first-order walks by joins in Spark; prints a JSON line.

GraphFrames' JVM package is not on PyPI, and the classes that the wheel zingg carries are of a release before its walks
(org.graphframes.rw). So this says again in DataFrames what RandomWalkWithRestart does, restart probability 0, defaults
otherwise: neighbours of a node as an array, at most 50, drawn anew for each batch of 10 steps; each step joins all walkers
with the arrays, shuffles the array and takes its first; each batch goes to Parquet; at the end the batches are grouped by
walk. Kinder than the original: built-in aggregates in place of its own, no restarts, walk_ids that are longs.

usage: spark-submit ... peer_joins.py GRAPH.npz WALKS BATCHES     (bench_spark.py has the rest)
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import processes
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.runtime import session

NEIGHBOURS, BATCH = 50, 10


def neighbours(edges: DataFrame, seed: int) -> DataFrame:
    """node, near: at most NEIGHBOURS of a node's neighbours, those of the least hashes."""
    both = edges.select("src", "dst").union(edges.select("dst", "src")).distinct()
    drawn = F.struct(F.xxhash64("src", "dst", F.lit(seed)).alias("hash"), "dst")
    near = F.slice(F.array_sort(F.collect_list(drawn)), 1, NEIGHBOURS)["dst"]
    return both.groupBy(F.col("src").alias("node")).agg(near.alias("near"))


def advance(walkers: DataFrame, near: DataFrame) -> DataFrame:
    """walk_id, at, part: BATCH steps further, one join each; `part` holds the nodes that were reached."""
    for _ in range(BATCH):
        joined = walkers.join(near, F.col("at") == F.col("node"), "left")
        after = joined.withColumn("next", F.element_at(F.shuffle("near"), 1))
        walkers = after.select("walk_id", F.col("next").alias("at"), F.array_append("part", F.col("next")).alias("part"))
    return walkers


def first(near: DataFrame, count: int) -> DataFrame:
    """walk_id, at, part: `count` walkers on each node."""
    walkers = near.select(F.col("node").alias("at"), F.explode(F.sequence(F.lit(1), F.lit(count))))
    return walkers.select(F.monotonically_increasing_id().alias("walk_id"), "at", F.array("at").alias("part"))


def walk(spark: SparkSession, scratch: Path, count: int, batches: int) -> int:
    """Write `count` walks from each node of the edges in `scratch`; returns the steps."""
    edges = spark.read.parquet(str(scratch / "edges.parquet"))
    for batch in range(batches):
        near = neighbours(edges, batch)
        if batch == 0:
            walkers = first(near, count)
        else:
            former = spark.read.parquet(str(scratch / "batches" / f"batch={batch - 1}"))
            walkers = former.select("walk_id", "at", F.array().cast("array<long>").alias("part"))
        advance(walkers, near).write.parquet(str(scratch / "batches" / f"batch={batch}"))
    parts = (
        spark.read.parquet(str(scratch / "batches"))
        .groupBy("walk_id")
        .agg(F.collect_list(F.struct("batch", "part")).alias("parts"))
    )
    whole = parts.select("walk_id", F.flatten(F.array_sort("parts")["part"]).alias("walk"))
    whole.write.parquet(str(scratch / "walks"))
    total = spark.read.parquet(str(scratch / "walks")).select(F.sum(F.size("walk") - 1))
    return int(total.collect()[0][0])


def main() -> None:
    """A small graph first, so that the JVM is warm; then the graph."""
    held, count, batches = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    spark = session.get_session("bench")
    meter = processes.Meter()
    with tempfile.TemporaryDirectory() as scratch:
        for name, rows in (("small", 20_000), ("whole", len(held["src"]))):
            folder = Path(scratch, name)
            folder.mkdir()
            pq.write_table(pa.table({key: held[key][:rows] for key in ("src", "dst")}), folder / "edges.parquet")
            before, started = sum(meter.read().values()), time.monotonic()
            steps = walk(spark, folder, count, batches)
            seconds = {"wall": time.monotonic() - started, "cpu": sum(meter.read().values()) - before}
            print(json.dumps({"graph": name, "steps": steps} | seconds), flush=True)


if __name__ == "__main__":
    main()
