"""Small graphs as partitions on disk, for the tests of walks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from walkgram.kernels.graph import edge_records
from walkgram.lake.blocks import Blocks
from walkgram.stages.graph import build

EDGES = [(0, 1, 2.0), (0, 2, 1.0), (1, 2, 3.0), (2, 3, 0.5), (3, 4, 4.0), (4, 4, 1.0), (0, 5, 2.5), (5, 3, 1.5)]
Edges = list[tuple[int, int, float]]


class StoredGraph(NamedTuple):
    """The stores of a graph's partitions and of its nodes, and the rows of its parts."""

    partitions: Blocks
    nodes: Blocks
    parts: list[Any]

    @property
    def num_nodes(self) -> int:
        """Number of nodes with an edge."""
        return len(self.nodes.open(0)["nodes"])

    def open_partition(self, number: int = 0) -> Mapping[str, Any]:
        """Return a partition's arrays, with records unpacked."""
        return edge_records.unpack_block(self.partitions.open(number))


def build_graph(
    spark: Any, folder: Path, n: int, edges: Edges = EDGES, shape: tuple[int, int] = (1, 1), directed: bool = False
) -> StoredGraph:
    """Build a graph of n nodes with reverse probabilities. shape: (number of partitions, number of parts)."""
    parts, nodes, partitions = (Blocks(str(folder / name), "test") for name in ("parts", "nodes", "blocks"))
    num_partitions, num_parts = shape
    table = spark.createDataFrame(edges, "src long, dst long, weight double")
    rows = build.write_parts(table, num_parts, n, directed, parts).collect()
    numbers = [row["part"] for row in rows]
    has_equal_weights = min(row["lightest"] for row in rows) == max(row["heaviest"] for row in rows)
    (node_row,) = build.write_nodes(spark.range(1), numbers, num_parts, n, parts, nodes).collect()
    layout = build.GraphLayout(num_partitions, num_parts, n, directed, has_equal_weights, True)
    tasks = spark.range(0, num_partitions, 1, num_partitions)
    build.write_partitions(tasks, numbers, layout, parts, partitions).collect()
    graph = StoredGraph(partitions, nodes, rows)
    assert node_row["nodes"] == graph.num_nodes
    return graph
