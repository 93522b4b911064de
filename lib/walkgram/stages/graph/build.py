"""edges -> the graph as blocks of CSR rows that tasks map.

Three passes of tasks: parts (each sorts its rows and makes their alias slots), nodes (one task: the nodes in order, the
rows' totals), blocks (each copies its parts together and looks the ways back up). Only `parts` shuffles, and only where
there are several.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.kernels.graph import csr, edge_filter, edge_records, partition, reverse_edges
from walkgram.stages.ports import BlockStore, to_batches
from walkgram.stages.workers import cache_zip_directories

__all__ = ["PART", "estimate_mib", "write_nodes", "write_partitions", "write_parts"]

PART = 1 << 24  # edges of a part, each in both directions: about 3 GiB while it is made
PARTS = "part long, nodes long, edges long, largest_degree long, lightest double, heaviest double"


def estimate_mib(n: int, steps: int, directed: bool) -> float:
    """MiB of a graph of n nodes and `steps` directed edges in one block, if its weights differ."""
    return (8 * n + steps * (16 + edge_filter.BITS / 8 / (1 if directed else 2)) * (2 if n > 2**31 else 1)) / 2**20


def write_parts(edges: DataFrame, count: int, n: int, directed: bool, store: BlockStore) -> DataFrame:
    """Write the `count` parts of a graph of n nodes; returns one row for each that has an edge.

    edges: src, dst, weight, each edge once. Raises `InputError` inside the task for an end that is no node, and for a weight
    that is not above 0 and finite.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        held = list(batches)
        if not held:
            return
        table = pa.Table.from_batches(held)
        src, dst, weight, part = (table[name].to_numpy() for name in ("src", "dst", "weight", "part"))
        check_edges(src, dst, weight, n)
        for number in np.unique(part):
            mine = slice(None) if count == 1 else part == number
            arrays = partition.build_partition(src[mine], dst[mine], weight[mine], int(number), count, n, directed)
            store.write(int(number), arrays)
            yield from to_batches(summarize_part(int(number), arrays))

    columns = [F.col(name).cast("long") for name in ("src", "dst")] + [F.col("weight").cast("double")]
    if count == 1:
        return edges.select(*columns, F.lit(0).cast("long").alias("part")).coalesce(1).mapInArrow(write, PARTS)
    ends = F.array_distinct(F.array(*[F.pmod(F.col(name).cast("long"), F.lit(count).cast("long")) for name in ("src", "dst")]))
    sent = edges.select(*columns, F.explode(ends).alias("part"))
    by_id = getattr(sent, "repartitionById", None)  # Spark 4.1; elsewhere a task may get several parts
    placed = by_id(count, F.col("part").cast("int")) if by_id else sent.repartition(count, "part")
    return placed.mapInArrow(write, PARTS)


def check_edges(src: np.ndarray, dst: np.ndarray, weight: np.ndarray, n: int) -> None:
    """Raise `InputError` for the first edge that cannot be walked."""
    for name, ends in (("src", src), ("dst", dst)):
        wrong = (ends < 0) | (ends >= n)
        if wrong.any():
            raise InputError(
                f"table edges: {name} {ends[wrong][0]} is no index of the vocabulary (0..{n - 1}): "
                "edges and vocabulary must be made together; run the job that makes them again with --force"
            )
    wrong = ~(np.isfinite(weight) & (weight > 0))
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        raise InputError(
            f"table edges: the edge {src[at]} -> {dst[at]} weighs {weight[at]}: weights must be above 0 and finite"
        )


def summarize_part(number: int, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The row of a part."""
    degrees, weights = np.diff(arrays["indptr"]), arrays["weights"]
    return {
        "part": np.array([number]),
        "nodes": np.array([np.count_nonzero(arrays["present"])]),
        "edges": np.array([len(weights)]),
        "largest_degree": np.array([degrees.max(initial=0)]),
        "lightest": np.array([weights.min(initial=np.inf)]),
        "heaviest": np.array([weights.max(initial=0.0)]),
    }


def write_nodes(task: DataFrame, made: Sequence[int], count: int, n: int, source: BlockStore, store: BlockStore) -> DataFrame:
    """Put the rows' facts together in the graph's order, from the parts `made` of `count`; returns one row: nodes.

    Block 0 of `store` gets `nodes`, those with an edge, rising; block `count` of `source`, behind the parts, gets `largest`
    and `totals` of all rows. 17 bytes a node while it runs.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for _ in batches:
            present, largest, totals = np.zeros(n, np.bool_), np.zeros(n), np.zeros(n)
            for number in made:
                block = source.open(number)
                for whole, name in ((present, "present"), (largest, "largest"), (totals, "totals")):
                    whole[number::count] = block[name]
            found = np.flatnonzero(present)
            store.write(0, {"nodes": found})
            source.write(count, {"largest": largest, "totals": totals})
            yield from to_batches({"nodes": np.array([len(found)])})

    return task.mapInArrow(write, "nodes long")


def write_partitions(
    tasks: DataFrame, made: Sequence[int], shape: tuple[int, int, int], equal: bool, directed: bool, way_back: bool,
    source: BlockStore, store: BlockStore,
) -> DataFrame:  # fmt: skip
    """Write block `id` for each row of `tasks`, the arrays of `walk.Graph`; returns block, edges.

    shape: (blocks, parts, nodes). `equal`: all weights of the graph are the same; if not, slots, indices and back are columns
    of `records`. `way_back`: keep `back`, for walks with 1/p above max(1, 1/q). Only a block that is the whole graph has
    an edge filter. Its arrays are written as they are made: a task's own memory is that of a part, and of the filter.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for batch in batches:
            for number in batch["id"].to_pylist():
                mine = [part for part in made if part % shape[0] == number]
                with store.create(number) as new:
                    edges = assemble_partition(new, mine, number, shape, equal, directed, way_back, source)
                yield from to_batches({"block": np.array([number]), "edges": np.array([edges])})

    return tasks.mapInArrow(write, "block long, edges long")


def assemble_partition(
    new: Any, mine: Sequence[int], number: int, shape: tuple[int, int, int], equal: bool, directed: bool, way_back: bool,
    source: BlockStore,
) -> int:  # fmt: skip
    """Fill the arrays of a block from its parts; returns its edges."""
    count, among, n = shape
    stride = among // count
    indptr = new("indptr", np.int64, partition.count_partition_rows(n, number, count) + 1)
    opened = {(part - number) // count: source.open(part) for part in mine}
    for first, block in opened.items():
        indptr[1 + first :: stride] = np.diff(block["indptr"])
    np.cumsum(indptr, out=indptr)
    edges = int(indptr[-1])
    if equal or csr.index_dtype(n) is not np.int32:
        made: Mapping[str, np.ndarray] = {
            "indices": new("indices", csr.index_dtype(n), edges),
            "slots": new("slots", np.uint32, (0 if equal else edges, 2)),
            "back": new("back", np.float32, edges if way_back and not (equal and not directed) else 0),
        }
    else:
        made = edge_records.view_columns(new("records", np.uint32, (edges, 4 if way_back else 3)))
    indices, slots, back = (made[name] for name in ("indices", "slots", "back"))
    totals = source.open(among)
    for first, block in opened.items():
        columns = [(block["indices"], indices)]
        if len(slots):
            own = block["slots"] if len(block["slots"]) else csr.identity_alias_table(block["indptr"])
            columns += [(own[:, 0], slots[:, 0]), (own[:, 1], slots[:, 1])]
        if len(back):
            reverse = block["back"] if directed else block["weights"]
            columns.append(
                (
                    reverse_edges.compute_reverse_probabilities(block["indices"], reverse, totals["largest"], totals["totals"]),
                    back,
                )
            )
        for source_column, column in columns:
            partition.scatter_rows(block["indptr"], source_column, first, stride, indptr, column)
    words = edge_filter.build_edge_filter(indptr, indices, not directed) if count == 1 else np.empty(0, np.uint64)
    new("filter", np.uint64, len(words))[:] = words
    new("symmetric", np.bool_, 1)[:] = not directed
    return edges
