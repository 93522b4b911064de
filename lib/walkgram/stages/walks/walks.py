"""graph partition -> walks: each task maps the whole graph, writes shards of the walks, and counts the visits of the nodes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram import tables
from walkgram.config.graph import Walks
from walkgram.errors import InputError
from walkgram.kernels.graph import edge_records
from walkgram.kernels.walks import visit_counts
from walkgram.kernels.walks.params import WalkParams, make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import WalkGraph
from walkgram.stages.ports import BlockStore, ShardStore, select_schema, to_batches
from walkgram.stages.source.columns import ValueRules, read_id, read_present
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = ["VisitCounter", "WalkPlan", "sum_visits", "walk_params", "walks_schema", "write_start_nodes", "write_walks"]

ROW_GROUP_NODES = 1 << 20  # nodes of a row group, which the trainer reads as one
SHARD_NODES = 1 << 25  # nodes of a shard, some 80 MB
MIN_SHARD_NODES, FEW_SHARDS = 1 << 22, 32  # up to FEW_SHARDS shards have at least MIN_SHARD_NODES nodes each
DENSE_NODES = 1 << 26  # largest graph whose visits a task counts in an array
VISITS_SCHEMA = "index long, count long"


def walks_schema(n: int) -> pa.Schema:
    """Return the schema of the table `walks` of a graph of n nodes: lists of int32, or of int64 if n exceeds 2^31."""
    schema = tables.table_schema("walks")
    return schema if n <= 2**31 else schema.set(1, pa.field("walk", pa.list_(pa.int64())))


@dataclass(frozen=True)
class WalkPlan:
    """Which walks there are and how they are split into shards: the same for any number of tasks and cores.

    walk_id = repetition * num_starts + index of the start among the sorted start nodes. n: nodes of the graph.
    """

    config: Walks
    num_starts: int
    n: int
    setup: TaskSetup = NO_SETUP

    @property
    def num_walks(self) -> int:
        """Number of walks."""
        return self.num_starts * self.config.num_walks

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        nodes = self.num_walks * self.config.walk_length
        default = max(-(-nodes // SHARD_NODES), min(FEW_SHARDS, -(-nodes // MIN_SHARD_NODES)))
        return min(self.num_walks, self.config.num_shards or default)

    def walk_ids(self, shard: int) -> range:
        """Return the walk_ids of a shard."""
        return range(shard * self.num_walks // self.num_shards, (shard + 1) * self.num_walks // self.num_shards)

    def row_groups(self, shard: int) -> Iterator[np.ndarray]:
        """Return the walk_ids of each row group of a shard, int64."""
        walk_ids, size = self.walk_ids(shard), max(1, ROW_GROUP_NODES // self.config.walk_length)
        for low in range(walk_ids.start, walk_ids.stop, size):
            yield np.arange(low, min(low + size, walk_ids.stop))


def walk_params(config: Walks) -> WalkParams:
    """Return the parameters of the walk kernels."""
    return make_walk_params(
        config.p, config.q, config.walk_length, config.seed, config.restart_probability, config.stop_probability
    )


def write_walks(tasks: DataFrame, plan: WalkPlan, graph: BlockStore, starts: BlockStore, shards: ShardStore) -> DataFrame:
    """Write the shards `id` of `tasks` that do not exist yet; returns the visits of all shards: index, count.

    The walks depend only on the graph and the configuration of their distribution: not on tasks, shards or cores. Memory: the
    graph, mapped once a host, and for each task 8 bytes a node for the counts (less above DENSE_NODES) and a row group.
    """
    params = walk_params(plan.config)

    def sample_shard(shard: int, counter: VisitCounter) -> Iterator[pa.RecordBatch]:
        block, nodes = edge_records.unpack_block(graph.open(0)), starts.open(0)["nodes"]
        walk_graph = WalkGraph(*(block[name] for name in WalkGraph._fields))
        for walk_ids in plan.row_groups(shard):
            first = np.asarray(nodes[walk_ids % len(nodes)])
            walks, lengths = sample_walks(walk_graph, first, walk_ids, params)
            yield counter.pack_walks(walk_ids, walks, lengths)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = VisitCounter(plan.n)
        plan.setup.apply()
        for batch in batches:
            for shard in batch["id"].to_pylist():
                if shards.has(shard):  # written by a run that was interrupted
                    for rows in shards.read(shard):
                        counter.add_visits(rows["walk"].flatten().to_numpy())
                else:
                    shards.write(shard, sample_shard(shard, counter))
        yield from counter.visit_batches()

    return tasks.mapInArrow(write, VISITS_SCHEMA)


class VisitCounter:
    """Visits by node: an array over all nodes, or, above DENSE_NODES, counts for each row group."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.dense = np.zeros(n if n <= DENSE_NODES else 0, np.int64)
        self.sparse: list[tuple[np.ndarray, np.ndarray]] = []

    def add_visits(self, nodes: np.ndarray) -> None:
        """Count one visit for each of the nodes."""
        if len(self.dense):
            visit_counts.count_visits(nodes, self.dense)
        else:
            self.sparse.append(np.unique(nodes, return_counts=True))

    def pack_walks(self, walk_ids: np.ndarray, nodes: np.ndarray, lengths: np.ndarray) -> pa.RecordBatch:
        """Count the visits of walks and pack the walks as rows of the table `walks`.

        nodes: (m, walk_length), each row valid up to its length; not copied if all walks have the full length.
        """
        flat = visit_counts.flatten_walks(nodes, lengths)
        self.add_visits(flat)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        walk = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
        return pa.RecordBatch.from_arrays([pa.array(walk_ids), walk], schema=walks_schema(self.n))

    def visit_batches(self) -> Iterator[pa.RecordBatch]:
        """Return index, count of the visited nodes; in a large graph a node may have several rows."""
        visited = np.flatnonzero(self.dense)
        for index, count in [(visited, self.dense[visited]), *self.sparse]:
            yield from to_batches({"index": index.astype(np.int64), "count": count})


def sum_visits(visits: DataFrame) -> DataFrame:
    """Build the table `node_visits` from index, count; nodes that no walk visits have no row."""
    return select_schema(visits.groupBy("index").agg(F.sum("count").alias("count")), "node_visits")


def write_start_nodes(
    table: DataFrame, column: str, vocabulary: DataFrame, graph_nodes: BlockStore, starts: BlockStore, rules: ValueRules
) -> DataFrame:
    """Write the indices of the start nodes, distinct and rising, as block 0 (`nodes`) of `starts`; returns one row: nodes.

    table: item ids in `column`, with or without duplicates; an empty table gives no row. graph_nodes: block 0 has `nodes`, the
    nodes with an edge. Raises `InputError` inside the task for a null id, and for an id that is no node. One task has all
    start nodes in memory.
    """
    raw = read_present(table, column, rules)
    value, _ = read_id(table, column, vocabulary.schema["item_id"].dataType.typeName(), rules)
    ids = table.select(raw.cast("string").alias("text"), value.alias("item_id")).distinct()
    indexed = ids.join(vocabulary.select("item_id", "index"), on="item_id", how="left").select("text", "index")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nodes, indices = graph_nodes.open(0)["nodes"], []
        for batch in batches:
            index = batch["index"].to_numpy(zero_copy_only=False)
            position = np.minimum(np.searchsorted(nodes, index), len(nodes) - 1)
            is_unknown = np.isnan(index.astype(np.float64)) | (nodes[position] != index)
            if is_unknown.any():
                text = batch["text"][int(np.flatnonzero(is_unknown)[0])].as_py()
                raise InputError(
                    f"walks.starts: column {column!r} holds {text if text is not None else 'a null id'}, which is no node of "
                    "the graph (it has no edge, or is not in the vocabulary): remove the row"
                )
            indices.append(index.astype(np.int64))
        if indices:
            distinct = np.unique(np.concatenate(indices))
            starts.write(0, {"nodes": distinct})
            yield from to_batches({"nodes": np.array([len(distinct)])})

    return indexed.coalesce(1).mapInArrow(write, "nodes long")
