"""The graph's blocks, walks through Spark, tokens, and the GraphFrame door."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from walkgram.errors import WalkgramError
from walkgram.lake.blocks import Blocks
from walkgram.stages import graph, walks

EDGES = [(0, 1, 2.0), (0, 2, 1.0), (1, 2, 3.0), (2, 3, 0.5), (3, 4, 4.0), (4, 4, 1.0), (0, 5, 2.5), (5, 3, 1.5)]


def steps(spark: Any, edges: list[tuple[int, int, float]] = EDGES) -> Any:
    return graph.both_ways(spark.createDataFrame(edges, "src long, dst long, weight double"))


def adjacency(blocks: Blocks, count: int, n: int) -> np.ndarray:
    """(n, n) shares of the rows, read back from the blocks."""
    dense = np.zeros((n, n))
    for number in range(count):
        block = blocks.open(number)
        low = int(block["range"][0])
        for row in range(len(block["indptr"]) - 1):
            for at in range(block["indptr"][row], block["indptr"][row + 1]):
                degree = block["indptr"][row + 1] - block["indptr"][row]
                dense[low + row, block["indices"][at]] = block["share"][at] if len(block["share"]) else 1 / degree
    return dense


@pytest.mark.parametrize("count", [1, 2, 3])
def test_blocks_hold_every_edge_both_ways_and_a_self_loop_once(spark: Any, tmp_path: Path, count: int) -> None:
    n = 8  # 6 and 7 are isolated
    store = Blocks(str(tmp_path), "test")
    summary = graph.graph(steps(spark), n, count, store).collect()
    expected = np.zeros((n, n))
    for a, b, w in EDGES:
        expected[a, b] = expected[b, a] = w
    rows = expected.sum(axis=1, keepdims=True)
    assert np.allclose(
        adjacency(store, len(summary), n), np.divide(expected, rows, out=np.zeros_like(expected), where=rows > 0), atol=1e-6
    )
    assert sum(r["edges"] for r in summary) == 2 * len(EDGES) - 1
    assert np.concatenate([store.open(i)["nodes"] for i in range(len(summary))]).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_graph_of_equal_weights_carries_no_alias_slots(spark: Any, tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "test")
    graph.graph(steps(spark, [(a, b, 7.0) for a, b, _ in EDGES]), 6, 1, store).collect()
    assert len(store.open(0)["threshold"]) == len(store.open(0)["share"]) == 0


def walked(spark: Any, store: Blocks, partitions: int, p: float = 0.25, q: float = 4.0, ids: int = 600) -> dict[int, list[int]]:
    frame = walks.walk(spark.range(0, ids, 1, partitions), store, p, q, 12, 3)
    rows = frame.collect()
    assert len(rows) == ids
    return {r["walk_id"]: r["walk"] for r in rows}


def test_walks_are_equal_for_any_number_of_partitions_and_on_a_rerun(spark: Any, tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "test")
    graph.graph(steps(spark), 6, 1, store).collect()
    one = walked(spark, store, 1)
    assert one == walked(spark, store, 2) == walked(spark, store, 7) == walked(spark, store, 1)
    assert all(one[i][0] == i % 6 and len(one[i]) == 12 for i in one)
    edges = {(a, b) for a, b, _ in EDGES} | {(b, a) for a, b, _ in EDGES}
    assert all(step in edges for walk in one.values() for step in pairwise(walk))


def test_another_seed_gives_other_walks(spark: Any, tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "test")
    graph.graph(steps(spark), 6, 1, store).collect()
    first, second = (
        [r["walk"] for r in walks.walk(spark.range(0, 60, 1, 2), store, 1.0, 1.0, 12, seed).orderBy("walk_id").collect()]
        for seed in (1, 2)
    )
    assert first != second


def test_tokens_count_every_visit(spark: Any, tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "test")
    graph.graph(steps(spark), 8, 1, store).collect()
    frame = walks.walk(spark.range(0, 90, 1, 3), store, 1.0, 1.0, 7, 5)
    expected = Counter(node for r in frame.collect() for node in r["walk"])
    assert {r["index"]: r["count"] for r in walks.tokens(frame, 8).collect()} == dict(expected)


def test_a_graphframe_without_its_jvm_package_names_the_coordinate(spark: Any) -> None:
    vertices = spark.createDataFrame([(0, "a", 1)], "index long, item_id string, frequency long")
    edges = spark.createDataFrame([(0, 0, 1.0)], "src long, dst long, weight double")
    with pytest.raises(WalkgramError, match=r"io\.graphframes:graphframes-spark4_2\.13.*spark\.jars\.packages"):
        graph.to_graphframe(vertices, edges)
