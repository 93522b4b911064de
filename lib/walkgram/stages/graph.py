"""edges -> the graph as a block of CSR rows that tasks map; and as a GraphFrame for users' own queries."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import WalkgramError
from walkgram.kernels import csr, walk
from walkgram.stages.contract import BlockStore, packed

if TYPE_CHECKING:
    from graphframes import GraphFrame

__all__ = ["both_ways", "graph", "to_graphframe"]

SUMMARY = "nodes long, edges long, largest_degree long"


def both_ways(edges: DataFrame) -> DataFrame:
    """src, dst, weight of every step that an undirected edge allows; a self loop once."""
    forth = edges.select("src", "dst", "weight")
    back = edges.where(F.col("src") != F.col("dst")).select(F.col("dst").alias("src"), F.col("src").alias("dst"), "weight")
    return forth.union(back)


def graph(steps: DataFrame, n: int, store: BlockStore, symmetric: bool) -> DataFrame:
    """Write the graph of directed `steps` (src, dst, weight) as one block; returns one row.

    `symmetric`: every step has its way back with the same weight, as `both_ways` makes them. The block holds
    the arrays of `walk.Graph`, and `nodes`, those with an edge, rising. Its task holds all steps, about 60 bytes each.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns: list[list[Any]] = [[], [], []]
        for batch in batches:
            for held, name in zip(columns, ("src", "dst", "weight"), strict=True):
                held.append(batch[name].to_numpy())
        src, dst, weight = (np.concatenate(held or [np.empty(0, np.int64)]) for held in columns)
        made = walk.graph(*csr.build(src, dst, weight, 0, n, n), symmetric)
        degrees = np.diff(made.indptr)
        store.write(0, made._asdict() | {"nodes": np.flatnonzero(degrees)})
        counts = {"nodes": np.count_nonzero(degrees), "edges": len(made.indices), "largest_degree": degrees.max(initial=0)}
        yield from packed({name: np.array([count], np.int64) for name, count in counts.items()})

    return steps.select("src", "dst", "weight").coalesce(1).mapInArrow(write, SUMMARY)


def to_graphframe(vertices: DataFrame, edges: DataFrame) -> "GraphFrame":
    """Our tables as a GraphFrame: `vocabulary` gives id (the dense index), item_id, frequency; `edges` as they are.

    Raises `WalkgramError` where GraphFrames' JVM package is not on the classpath.
    """
    from graphframes import GraphFrame

    named = vertices.withColumnRenamed("index", "id")
    try:
        return GraphFrame(named, edges)
    except Exception as error:
        if any(sign in str(error) for sign in ("JavaPackage", "ClassNotFound", "NoClassDefFound")):
            coordinate = f"io.graphframes:graphframes-spark4_2.13:{version('graphframes-py')}"
            raise WalkgramError(
                f"GraphFrames' JVM package is not on the classpath: start Spark with --packages {coordinate} "
                "(or set spark.jars.packages to it)"
            ) from None
        raise
