"""edges -> the graph as CSR blocks that tasks map; and as a GraphFrame for users' own queries."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import WalkgramError
from walkgram.kernels import csr
from walkgram.stages.contract import BlockStore, packed

if TYPE_CHECKING:
    from graphframes import GraphFrame

__all__ = ["SUMMARY", "both_ways", "graph", "to_graphframe"]

SUMMARY = "block long, nodes long, edges long, largest_degree long"
GRAPHFRAMES = "io.graphframes:graphframes-spark4_2.13:0.9.3"


def both_ways(edges: DataFrame) -> DataFrame:
    """src, dst, weight of every step that an undirected edge allows; a self loop once."""
    forth = edges.select("src", "dst", "weight")
    back = edges.where(F.col("src") != F.col("dst")).select(F.col("dst").alias("src"), F.col("src").alias("dst"), "weight")
    return forth.union(back)


def graph(steps: DataFrame, n: int, blocks: int, store: BlockStore) -> DataFrame:
    """Write the rows of directed `steps` (src, dst, weight) as blocks of consecutive nodes; returns one row a block.

    A block holds low, high, n (`range`), the CSR rows of its nodes (indptr, indices), alias slots and shares (empty where
    all its weights are equal), and `nodes`, those with an edge. A task holds its
    block's edges: about 40 bytes each while building.
    """
    height = max(1, -(-n // blocks))
    if blocks == 1:
        placed = steps.withColumn("block", F.lit(0).cast("long")).coalesce(1)
    else:
        placed = (
            steps.withColumn("block", F.floor(F.col("src") / height)).repartition(blocks, "block").sortWithinPartitions("block")
        )

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns: list[list[np.ndarray]] = [[], [], [], []]
        for batch in batches:
            for held, name in zip(columns, ("block", "src", "dst", "weight"), strict=True):
                held.append(batch[name].to_numpy())
        if not columns[0]:
            return
        block, src, dst, weight = (np.concatenate(held) for held in columns)
        for number in np.unique(block):
            own = slice(None) if block[0] == block[-1] else block == number
            low = int(number) * height
            arrays = block_of_graph(src[own], dst[own], weight[own], low, min(low + height, n), n)
            store.write(int(number), arrays)
            degrees = np.diff(arrays["indptr"])
            yield from packed({
                "block": np.array([number]), "nodes": np.array([len(arrays["nodes"])]),
                "edges": np.array([len(arrays["indices"])]),
                "largest_degree": np.array([degrees.max()]),
            })  # fmt: skip

    return placed.select("block", "src", "dst", "weight").mapInArrow(write, SUMMARY)


def block_of_graph(src: np.ndarray, dst: np.ndarray, weight: np.ndarray, low: int, high: int, n: int) -> dict[str, np.ndarray]:
    """The arrays of a graph block (`graph` says which)."""
    indptr, indices, weights = csr.build(src, dst, weight, low, high, n)
    equal = bool((weights == weights[0]).all()) if len(weights) else True
    none = np.empty(0, np.uint32)
    threshold, other = (none, none) if equal else csr.alias_slots(indptr, weights)
    share = np.empty(0, np.float32) if equal else csr.shares(indptr, weights)
    nodes = low + np.flatnonzero(np.diff(indptr))
    span = np.array([low, high, n], np.int64)
    return {
        "range": span,
        "indptr": indptr,
        "indices": indices,
        "threshold": threshold,
        "other": other,
        "share": share,
        "nodes": nodes,
    }


def to_graphframe(vertices: DataFrame, edges: DataFrame) -> "GraphFrame":
    """Our tables as a GraphFrame: `vocabulary` gives id (the dense index), item_id, frequency; `edges` as they are.

    Raises `WalkgramError` where GraphFrames' JVM package is not on the classpath.
    """
    from graphframes import GraphFrame

    named = vertices.withColumnRenamed("index", "id")
    try:
        return GraphFrame(named, edges)
    except Exception as error:
        if "JavaPackage" in str(error) or "ClassNotFound" in str(error) or "graphframes" in str(error).lower():
            raise WalkgramError(
                f"GraphFrames' JVM package is not on the classpath: start Spark with --packages {GRAPHFRAMES} "
                "(or set spark.jars.packages to it)"
            ) from None
        raise
