"""Small graphs as blocks, for the tests of what walks on them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from walkgram.kernels.graph import edge_records
from walkgram.lake.blocks import Blocks
from walkgram.stages.graph import build

EDGES = [(0, 1, 2.0), (0, 2, 1.0), (1, 2, 3.0), (2, 3, 0.5), (3, 4, 4.0), (4, 4, 1.0), (0, 5, 2.5), (5, 3, 1.5)]


def frame(spark: Any, edges: list[tuple[int, int, float]] = EDGES) -> Any:
    return spark.createDataFrame(edges, "src long, dst long, weight double")


class Built(NamedTuple):
    """The stores of a graph's blocks and of its nodes, and the rows of its parts."""

    blocks: Blocks
    nodes: Blocks
    parts: list[Any]

    def block(self, number: int = 0) -> Mapping[str, Any]:
        """A block's arrays, whatever their layout."""
        return edge_records.unpack_block(self.blocks.open(number))


def built(
    spark: Any, folder: Path, n: int, edges: list[tuple[int, int, float]] = EDGES, shape: tuple[int, int] = (1, 1),
    directed: bool = False,
) -> Built:  # fmt: skip
    made, nodes, blocks = (Blocks(str(folder / name), "test") for name in ("parts", "nodes", "blocks"))
    count, among = shape
    parts = build.write_parts(frame(spark, edges), among, n, directed, made).collect()
    numbers = [row["part"] for row in parts]
    equal = min(row["lightest"] for row in parts) == max(row["heaviest"] for row in parts)
    assert build.write_nodes(spark.range(1), numbers, among, n, made, nodes).collect()[0]["nodes"] == len(
        nodes.open(0)["nodes"]
    )
    build.write_partitions(
        spark.range(0, count, 1, count), numbers, (count, among, n), equal, directed, True, made, blocks
    ).collect()
    return Built(blocks, nodes, parts)
