"""First-order walks by joins in Spark, for GraphFrames' random walks; prints JSON lines.

GraphFrames' JVM package is not on PyPI, and the classes that the wheel zingg carries are of a release before its walks
(org.graphframes.rw). So this repeats in DataFrames what RandomWalkWithRestart does, with restart probability 0 and its other
defaults: at most 50 neighbours of a node as an array, drawn again for each batch of 10 steps; each step joins all walkers with
the arrays, shuffles the array and takes its first; each batch goes to Parquet; at the end the batches are grouped by walk.
Cheaper than the original: built-in aggregates in place of its own, no restarts, walk_ids that are longs.

usage: spark-submit ... peer_joins.py GRAPH.npz WALKS BATCHES     (see bench_spark.py)
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import process_meter
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.runtime.session import get_session

NEIGHBOURS, BATCH = 50, 10


def sample_neighbours(edges: DataFrame, seed: int) -> DataFrame:
    """Return node, near: at most NEIGHBOURS of a node's neighbours, by their hashes."""
    both = edges.select("src", "dst").union(edges.select("dst", "src")).distinct()
    hashed = F.struct(F.xxhash64("src", "dst", F.lit(seed)).alias("hash"), "dst")
    near = F.slice(F.array_sort(F.collect_list(hashed)), 1, NEIGHBOURS)["dst"]
    return both.groupBy(F.col("src").alias("node")).agg(near.alias("near"))


def advance_walkers(walkers: DataFrame, near: DataFrame) -> DataFrame:
    """Return walk_id, at, part after BATCH steps, one join each; `part` has the nodes of these steps."""
    for _ in range(BATCH):
        joined = walkers.join(near, F.col("at") == F.col("node"), "left")
        stepped = joined.withColumn("next", F.element_at(F.shuffle("near"), 1))
        walkers = stepped.select("walk_id", F.col("next").alias("at"), F.array_append("part", F.col("next")).alias("part"))
    return walkers


def initial_walkers(near: DataFrame, count: int) -> DataFrame:
    """Return walk_id, at, part: `count` walkers on each node."""
    walkers = near.select(F.col("node").alias("at"), F.explode(F.sequence(F.lit(1), F.lit(count))))
    return walkers.select(F.monotonically_increasing_id().alias("walk_id"), "at", F.array("at").alias("part"))


def write_walks(spark: SparkSession, scratch: Path, count: int, batches: int) -> int:
    """Write `count` walks from each node of the edges in `scratch`; return the number of steps."""
    edges = spark.read.parquet(str(scratch / "edges.parquet"))
    for batch in range(batches):
        near = sample_neighbours(edges, batch)
        if batch == 0:
            walkers = initial_walkers(near, count)
        else:
            previous = spark.read.parquet(str(scratch / "batches" / f"batch={batch - 1}"))
            walkers = previous.select("walk_id", "at", F.array().cast("array<long>").alias("part"))
        advance_walkers(walkers, near).write.parquet(str(scratch / "batches" / f"batch={batch}"))
    parts = (
        spark.read.parquet(str(scratch / "batches"))
        .groupBy("walk_id")
        .agg(F.collect_list(F.struct("batch", "part")).alias("parts"))
    )
    walks = parts.select("walk_id", F.flatten(F.array_sort("parts")["part"]).alias("walk"))
    walks.write.parquet(str(scratch / "walks"))
    total = spark.read.parquet(str(scratch / "walks")).select(F.sum(F.size("walk") - 1))
    return int(total.collect()[0][0])


def main() -> None:
    """Run a small graph first, to warm up the JVM; then the graph."""
    edges, count, batches = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    spark = get_session("bench")
    meter = process_meter.Meter()
    with tempfile.TemporaryDirectory() as scratch:
        for name, rows in (("small", 20_000), ("complete", len(edges["src"]))):
            folder = Path(scratch, name)
            folder.mkdir()
            pq.write_table(pa.table({key: edges[key][:rows] for key in ("src", "dst")}), folder / "edges.parquet")
            before, start_time = sum(meter.read().values()), time.monotonic()
            steps = write_walks(spark, folder, count, batches)
            seconds = {"wall": time.monotonic() - start_time, "cpu": sum(meter.read().values()) - before}
            print(json.dumps({"graph": name, "steps": steps} | seconds), flush=True)


if __name__ == "__main__":
    main()
