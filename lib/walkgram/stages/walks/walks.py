"""graph blocks -> walks: each task maps the graph, walks the shards that it is given, writes them, and counts the visits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram import tables
from walkgram.config.schema import Walks
from walkgram.errors import InputError
from walkgram.kernels.graph import edge_records
from walkgram.kernels.walks import visit_counts
from walkgram.kernels.walks.walk import WalkGraph, sample_walks
from walkgram.stages.ports import BlockStore, ShardStore, select_schema, to_batches
from walkgram.stages.source.columns import quote_name, read_id
from walkgram.stages.workers import cache_zip_directories

__all__ = ["VisitCounter", "WalkPlan", "sum_visits", "walks_schema", "write_start_nodes", "write_walks"]

ROW_GROUP = 1 << 20  # nodes of a row group: what the trainer holds at once
SHARD = 1 << 25  # nodes of a shard: some 80 MB
LEAST = 1 << 22  # nodes of a shard below which there is no use in more shards
DENSE = 1 << 26  # nodes up to which a task counts visits in an array
COUNTS = "index long, count long"


def walks_schema(n: int) -> pa.Schema:
    """The table `walks` of a graph of n nodes: int32 nodes, int64 where n passes 2^31."""
    made = tables.table_schema("walks")
    return made if n <= 2**31 else made.set(1, pa.field("walk", pa.list_(pa.int64())))


@dataclass(frozen=True)
class WalkPlan:
    """Which walks there are and how they are cut into shards: the same for any number of tasks and cores.

    walk_id = repetition * starts + index of the start among the sorted start nodes.
    """

    config: Walks
    starts: int
    n: int

    @property
    def total(self) -> int:
        """Walks in all."""
        return self.starts * self.config.num_walks

    @property
    def shards(self) -> int:
        """Shards in all."""
        nodes = self.total * self.config.walk_length
        return min(self.total, self.config.num_shards or max(-(-nodes // SHARD), min(32, -(-nodes // LEAST))))

    def ids(self, shard: int) -> range:
        """The walk_ids of a shard."""
        return range(shard * self.total // self.shards, (shard + 1) * self.total // self.shards)

    def groups(self, shard: int) -> Iterator[np.ndarray]:
        """The walk_ids of a shard's row groups, int64."""
        whole, size = self.ids(shard), max(1, ROW_GROUP // self.config.walk_length)
        for low in range(whole.start, whole.stop, size):
            yield np.arange(low, min(low + size, whole.stop))


def write_walks(tasks: DataFrame, plan: WalkPlan, graph: BlockStore, starts: BlockStore, sink: ShardStore) -> DataFrame:
    """Walk the shards `id` of `tasks` and write those that are not there; returns the visits of each: index, count.

    The walks depend on the graph, p, q, walk_length, restart, stop and seed alone. Memory: the graph mapped once a host, and
    for each task 8 bytes a node for the counts (less for more than DENSE nodes) and a row group in flight.
    """
    own = plan.config

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seen = VisitCounter(plan.n)
        cache_zip_directories()

        def row_groups(shard: int) -> Iterator[pa.RecordBatch]:
            block, nodes = edge_records.unpack_block(graph.open(0)), starts.open(0)["nodes"]
            mapped = WalkGraph(*(block[name] for name in WalkGraph._fields))
            for ids in plan.groups(shard):
                first = np.asarray(nodes[ids % len(nodes)])
                made = sample_walks(
                    mapped, first, ids, own.seed, own.p, own.q, own.walk_length, own.restart_probability, own.stop_probability
                )
                yield seen.row_group(ids, *made)

        for batch in batches:
            for shard in batch["id"].to_pylist():
                if sink.has(shard):  # a run that was stopped had written it
                    for held in sink.read(shard):
                        seen.add(held["walk"].flatten().to_numpy())
                else:
                    sink.write(shard, row_groups(shard))
        yield from seen.rows()

    return tasks.mapInArrow(run, COUNTS)


class VisitCounter:
    """Counts of nodes: an array over all nodes, or, where they are many, sums for each row group."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.dense = np.zeros(n if n <= DENSE else 0, np.int64)
        self.sparse: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, values: np.ndarray) -> None:
        """Count these nodes."""
        if len(self.dense):
            visit_counts.count_visits(values, self.dense)
        else:
            self.sparse.append(np.unique(values, return_counts=True))

    def row_group(self, ids: np.ndarray, nodes: np.ndarray, lengths: np.ndarray) -> pa.RecordBatch:
        """Count walks, and give them as rows of the table `walks`; the nodes are not copied where no walk is cut short."""
        flat = visit_counts.flatten_walks(nodes, lengths)
        self.add(flat)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        walk = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
        return pa.RecordBatch.from_arrays([pa.array(ids), walk], schema=walks_schema(self.n))

    def rows(self) -> Iterator[pa.RecordBatch]:
        """index, count of the nodes that were seen; of many nodes possibly several rows."""
        found = np.flatnonzero(self.dense)
        for index, count in [(found, self.dense[found]), *self.sparse]:
            yield from to_batches({"index": index.astype(np.int64), "count": count})


def sum_visits(counts: DataFrame) -> DataFrame:
    """The table `node_visits`: how often the walks visit each node; nodes that no walk visits are left out."""
    return select_schema(counts.groupBy("index").agg(F.sum("count").alias("count")), "node_visits")


def write_start_nodes(table: DataFrame, column: str, vocabulary: DataFrame, graph: BlockStore, store: BlockStore) -> DataFrame:
    """Write the indices of the start nodes, rising, as block 0 (`nodes`); returns one row: nodes.

    table: ids in `column`, repeated or not. graph: block 0 holds `nodes`, those with an edge. Raises `InputError` inside the
    task for a null id and for one that is not in the graph; an empty table gives no row. One task holds all starts.
    """
    given, text = quote_name(column), isinstance(table.schema[column].dataType, T.StringType)
    value = (given if text else read_id(table, column, False)[0]).try_cast(vocabulary.schema["item_id"].dataType)
    ids = table.select(given.cast("string").alias("text"), value.alias("item_id"))
    found = ids.distinct().join(vocabulary.select("item_id", "index"), on="item_id", how="left").select("text", "index")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nodes, rows = graph.open(0)["nodes"], []
        for batch in batches:
            index = batch["index"].to_numpy(zero_copy_only=False)
            place = np.searchsorted(nodes, index)
            absent = np.isnan(index.astype(np.float64)) | (nodes[np.minimum(place, len(nodes) - 1)] != index)
            if absent.any():
                wrong = batch["text"][int(np.flatnonzero(absent)[0])].as_py()
                raise InputError(
                    f"walks.starts: column {column!r} holds {wrong if wrong is not None else 'a null id'}, which is no node of "
                    "the graph (it has no edge, or is not in the vocabulary): leave it out"
                )
            rows.append(index.astype(np.int64))
        if rows:
            chosen = np.unique(np.concatenate(rows))
            store.write(0, {"nodes": chosen})
            yield from to_batches({"nodes": np.array([len(chosen)])})

    return found.coalesce(1).mapInArrow(write, "nodes long")
