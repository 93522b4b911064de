"""graph blocks -> walks: each task maps the graph and walks the walk_ids that it is given."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram import tables
from walkgram.kernels.walk import Graph, walks
from walkgram.stages.contract import BlockStore, conform, packed, spark_schema

__all__ = ["tokens", "walk"]

BATCH = 1 << 22  # nodes of a batch of walks: 16 MiB


def walk(ids: DataFrame, store: BlockStore, p: float, q: float, walk_length: int, seed: int) -> DataFrame:
    """The table `walks` of the walk_ids in column `id`.

    walk_id = repetition * (number of nodes) + index of the start in the sorted nodes. The walks depend on the graph, p, q,
    walk_length and seed alone, not on how `ids` are partitioned.
    """
    schema = tables.schema("walks")

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        block = store.open(0)
        graph = Graph(*(block[name] for name in Graph._fields))
        nodes = np.asarray(block["nodes"])
        size = max(1, BATCH // walk_length)
        for batch in batches:
            walk_ids = batch["id"].to_numpy()
            for low in range(0, len(walk_ids), size):
                part = walk_ids[low : low + size]
                walked, lengths = walks(graph, nodes[part % len(nodes)], part, seed, p, q, walk_length)
                yield pa.RecordBatch.from_arrays([pa.array(part), as_lists(walked, lengths)], schema=schema)

    return conform(ids.mapInArrow(run, spark_schema("walks")), "walks")


def as_lists(nodes: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """Rows of `nodes` cut at `lengths`, as an Arrow list column; no copy where every row is whole."""
    whole = bool((lengths == nodes.shape[1]).all())
    values = nodes.reshape(-1) if whole else nodes[np.arange(nodes.shape[1]) < lengths[:, None]]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def tokens(walks: DataFrame, n: int) -> DataFrame:
    """The table `tokens`: how often the walks visit each node; nodes that no walk visits are left out."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        visits = np.zeros(n, np.int64)
        for batch in batches:
            visits += np.bincount(batch["walk"].flatten().to_numpy(), minlength=n)
        seen = np.flatnonzero(visits)
        yield from packed({"index": seen, "count": visits[seen]})

    counted = walks.select("walk").mapInArrow(count, "index long, count long")
    return conform(counted.groupBy("index").agg(F.sum("count").alias("count")), "tokens")
