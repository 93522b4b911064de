"""edges -> the graph as partitions of CSR rows that tasks map.

Three passes of tasks. `write_parts`: each part sorts its rows and builds their alias tables. `write_nodes`: one task lists the
nodes in order and collects the rows' totals. `write_partitions`: each partition is assembled from its parts, with the
probabilities of the reverse steps. Only `write_parts` shuffles, and only if there are several parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.kernels.graph import csr, edge_filter, edge_records, partition, reverse_edges
from walkgram.stages.ports import BlockStore, NewArray, to_batches
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = ["PART_EDGES", "GraphLayout", "estimate_mib", "write_nodes", "write_partitions", "write_parts"]

PART_EDGES = 1 << 24  # edges of a part, in both directions; its task needs about 3 GiB
PART_SCHEMA = "part long, nodes long, edges long, largest_degree long, lightest double, heaviest double"


class GraphLayout(NamedTuple):
    """How a graph of n nodes is stored.

    num_parts is a multiple of num_partitions: partition b is assembled from the parts b, b + num_partitions, ... If all
    weights are equal there are no alias tables. has_reverse_probabilities: store the probability of each edge's reverse step,
    for walks with 1/p above max(1, 1/q).
    """

    num_partitions: int
    num_parts: int
    n: int
    directed: bool
    has_equal_weights: bool
    has_reverse_probabilities: bool


def estimate_mib(n: int, num_edges: int, directed: bool) -> float:
    """Return the MiB of a graph in one partition, with weights that differ. num_edges: directed edges, both ways counted."""
    return (8 * n + num_edges * (16 + edge_filter.BITS_PER_EDGE / 8 / (1 if directed else 2)) * (2 if n > 2**31 else 1)) / 2**20


def write_parts(
    edges: DataFrame, num_parts: int, n: int, directed: bool, parts: BlockStore, setup: TaskSetup = NO_SETUP
) -> DataFrame:
    """Write the parts of a graph of n nodes; returns one row for each part that has an edge.

    edges: src, dst, weight, one row an edge. Raises `InputError` inside the task for an index that is not in 0..n-1, and for a
    weight that is not above 0 and finite.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        rows = list(batches)
        if not rows:
            return
        table = pa.Table.from_batches(rows)
        src, dst, weight, part = (table[name].to_numpy() for name in ("src", "dst", "weight", "part"))
        check_edges(src, dst, weight, n)
        for number in np.unique(part):
            mask = slice(None) if num_parts == 1 else part == number
            arrays = partition.build_partition(src[mask], dst[mask], weight[mask], int(number), num_parts, n, directed)
            parts.write(int(number), arrays)
            yield from to_batches(summarize_part(int(number), arrays))

    columns = [F.col(name).cast("long") for name in ("src", "dst")] + [F.col("weight").cast("double")]
    if num_parts == 1:
        return edges.select(*columns, F.lit(0).cast("long").alias("part")).coalesce(1).mapInArrow(write, PART_SCHEMA)
    numbers = [F.pmod(F.col(name).cast("long"), F.lit(num_parts).cast("long")) for name in ("src", "dst")]
    rows = edges.select(*columns, F.explode(F.array_distinct(F.array(*numbers))).alias("part"))
    by_id = getattr(rows, "repartitionById", None)  # Spark 4.1; before, a task may receive several parts
    shuffled = by_id(num_parts, F.col("part").cast("int")) if by_id else rows.repartition(num_parts, "part")
    return shuffled.mapInArrow(write, PART_SCHEMA)


def check_edges(src: np.ndarray, dst: np.ndarray, weight: np.ndarray, n: int) -> None:
    """Raise `InputError` for the first edge with an unknown node or an invalid weight."""
    for name, ends in (("src", src), ("dst", dst)):
        is_unknown = (ends < 0) | (ends >= n)
        if is_unknown.any():
            raise InputError(
                f"table edges: {name} {ends[is_unknown][0]} is no index of the vocabulary (0..{n - 1}): "
                "the two tables are of different runs; run the job that writes edges again with --force"
            )
    is_invalid = ~(np.isfinite(weight) & (weight > 0))
    if is_invalid.any():
        row = np.flatnonzero(is_invalid)[0]
        raise InputError(
            f"table edges: the edge {src[row]} -> {dst[row]} weighs {weight[row]}: weights must be above 0 and finite"
        )


def summarize_part(number: int, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the row of a part in PART_SCHEMA."""
    degrees, weights = np.diff(arrays["indptr"]), arrays["weights"]
    return {
        "part": np.array([number]),
        "nodes": np.array([np.count_nonzero(arrays["is_node"])]),
        "edges": np.array([len(weights)]),
        "largest_degree": np.array([degrees.max(initial=0)]),
        "lightest": np.array([weights.min(initial=np.inf)]),
        "heaviest": np.array([weights.max(initial=0.0)]),
    }


def write_nodes(
    task: DataFrame, part_numbers: Sequence[int], num_parts: int, n: int, parts: BlockStore, nodes: BlockStore,
    setup: TaskSetup = NO_SETUP,
) -> DataFrame:  # fmt: skip
    """Collect the rows' statistics in the graph's order from the parts `part_numbers`; returns one row: nodes.

    Block 0 of `nodes` has `nodes`, the nodes with an edge, rising. Block num_parts of `parts`, after the last part, has
    `largest` and `totals` of all rows. Memory: 17 bytes a node.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for _ in batches:
            columns = {"is_node": np.zeros(n, np.bool_), "largest": np.zeros(n), "totals": np.zeros(n)}
            for number in part_numbers:
                block = parts.open(number)
                for name, column in columns.items():
                    column[number::num_parts] = block[name]
            indices = np.flatnonzero(columns.pop("is_node"))
            nodes.write(0, {"nodes": indices})
            parts.write(num_parts, columns)
            yield from to_batches({"nodes": np.array([len(indices)])})

    return task.mapInArrow(write, "nodes long")


def write_partitions(
    tasks: DataFrame, part_numbers: Sequence[int], layout: GraphLayout, parts: BlockStore, graph: BlockStore,
    setup: TaskSetup = NO_SETUP,
) -> DataFrame:  # fmt: skip
    """Write partition `id` for each row of `tasks`, the arrays of `walk_graph.WalkGraph`; returns block, edges.

    If the weights differ and indices are 32 bits, the edges' arrays are columns of one array `records`. Only a graph of one
    partition has an edge filter. The arrays are filled in place: a task's memory is that of a part, and of the filter.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for batch in batches:
            for number in batch["id"].to_pylist():
                numbers = [part for part in part_numbers if part % layout.num_partitions == number]
                with graph.create(number) as new_array:
                    edges = assemble_partition(new_array, numbers, number, layout, parts)
                yield from to_batches({"block": np.array([number]), "edges": np.array([edges])})

    return tasks.mapInArrow(write, "block long, edges long")


def assemble_partition(
    new_array: NewArray, part_numbers: Sequence[int], number: int, layout: GraphLayout, parts: BlockStore
) -> int:
    """Fill the arrays of a partition from its parts; returns the number of its edges."""
    count, stride = layout.num_partitions, layout.num_parts // layout.num_partitions
    indptr = new_array("indptr", np.int64, partition.count_partition_rows(layout.n, number, count) + 1)
    blocks = {(part - number) // count: parts.open(part) for part in part_numbers}  # by the first row in the partition
    for first, block in blocks.items():
        indptr[1 + first :: stride] = np.diff(block["indptr"])
    np.cumsum(indptr, out=indptr)
    columns = create_edge_arrays(new_array, int(indptr[-1]), layout)
    totals = parts.open(layout.num_parts)
    for first, block in blocks.items():
        copies: list[tuple[np.ndarray, np.ndarray]] = [(block["indices"], columns.indices)]
        if len(columns.alias_table):
            table = block["alias_table"] if len(block["alias_table"]) else csr.identity_alias_table(block["indptr"])
            copies += [(table[:, 0], columns.alias_table[:, 0]), (table[:, 1], columns.alias_table[:, 1])]
        if len(columns.reverse_probabilities):
            reverse_weights = block["reverse_weights"] if layout.directed else block["weights"]
            probabilities = reverse_edges.compute_reverse_probabilities(
                block["indices"], reverse_weights, totals["largest"], totals["totals"]
            )
            copies.append((probabilities, columns.reverse_probabilities))
        for source, target in copies:
            partition.scatter_rows(block["indptr"], source, first, stride, indptr, target)
    words = np.empty(0, np.uint64)
    if count == 1:
        words = edge_filter.build_edge_filter(indptr, columns.indices, not layout.directed)
    new_array("filter", np.uint64, len(words))[:] = words
    new_array("is_symmetric", np.bool_, 1)[:] = not layout.directed
    return int(indptr[-1])


def create_edge_arrays(new_array: NewArray, num_edges: int, layout: GraphLayout) -> edge_records.EdgeArrays:
    """Create the arrays of a partition's edges: columns of `records`, or separate arrays."""
    index_dtype, has_reverse = csr.index_dtype(layout.n), layout.has_reverse_probabilities
    if not layout.has_equal_weights and index_dtype is np.int32:
        return edge_records.view_columns(new_array("records", np.uint32, (num_edges, 4 if has_reverse else 3)))
    is_trivial = layout.has_equal_weights and not layout.directed  # the reverse probability is then 1 / degree
    num_reverse = num_edges if has_reverse and not is_trivial else 0
    return edge_records.EdgeArrays(
        alias_table=new_array("alias_table", np.uint32, (0 if layout.has_equal_weights else num_edges, 2)),
        indices=new_array("indices", index_dtype, num_edges),
        reverse_probabilities=new_array("reverse_probabilities", np.float32, num_reverse),
    )
