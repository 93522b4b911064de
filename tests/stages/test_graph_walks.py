"""The graph's block, walks through Spark, tokens, and the GraphFrame door."""

from collections import Counter
from collections.abc import Mapping
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


def adjacency(block: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """(n, n) probabilities of a first-order step, read back from the alias slots."""
    dense = np.zeros((n, n))
    for row in range(n):
        low, high = block["indptr"][row], block["indptr"][row + 1]
        for at in range(low, high):
            part = (float(block["slots"][at, 0]) + 1) / 2**32 if len(block["slots"]) else 1.0
            dense[row, block["indices"][at]] += part / (high - low)
            if part < 1:
                dense[row, block["indices"][low + block["slots"][at, 1]]] += (1 - part) / (high - low)
    return dense


def built(spark: Any, folder: Path, n: int, edges: list[tuple[int, int, float]] = EDGES) -> tuple[Blocks, Any]:
    store = Blocks(str(folder), "test")
    return store, graph.graph(steps(spark, edges), n, store, symmetric=True).collect()[0]


def test_the_block_holds_every_edge_both_ways_and_a_self_loop_once(spark: Any, tmp_path: Path) -> None:
    n = 8  # 6 and 7 are isolated
    store, summary = built(spark, tmp_path, n)
    expected = np.zeros((n, n))
    for a, b, w in EDGES:
        expected[a, b] = expected[b, a] = w
    rows = expected.sum(axis=1, keepdims=True)
    shares = np.divide(expected, rows, out=np.zeros_like(expected), where=rows > 0)
    block = store.open(0)
    assert np.allclose(adjacency(block, n), shares, atol=1e-6)
    src = np.repeat(np.arange(n), np.diff(block["indptr"]))
    assert np.allclose(block["back"], shares[block["indices"], src], atol=1e-6)
    assert (summary["nodes"], summary["edges"], summary["largest_degree"]) == (6, 2 * len(EDGES) - 1, 3)
    assert block["nodes"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_graph_of_equal_weights_carries_no_alias_slots(spark: Any, tmp_path: Path) -> None:
    store, _ = built(spark, tmp_path, 6, [(a, b, 7.0) for a, b, _ in EDGES])
    assert len(store.open(0)["slots"]) == len(store.open(0)["back"]) == 0


def walked(spark: Any, store: Blocks, partitions: int, p: float = 0.25, q: float = 4.0, ids: int = 600) -> dict[int, list[int]]:
    frame = walks.walk(spark.range(0, ids, 1, partitions), store, p, q, 12, 3)
    rows = frame.collect()
    assert len(rows) == ids
    return {r["walk_id"]: r["walk"] for r in rows}


def test_walks_are_equal_for_any_number_of_partitions_and_on_a_rerun(spark: Any, tmp_path: Path) -> None:
    store, _ = built(spark, tmp_path, 6)
    one = walked(spark, store, 1)
    assert one == walked(spark, store, 2) == walked(spark, store, 7) == walked(spark, store, 1)
    assert all(one[i][0] == i % 6 and len(one[i]) == 12 for i in one)
    edges = {(a, b) for a, b, _ in EDGES} | {(b, a) for a, b, _ in EDGES}
    assert all(step in edges for walk in one.values() for step in pairwise(walk))


def test_another_seed_gives_other_walks(spark: Any, tmp_path: Path) -> None:
    store, _ = built(spark, tmp_path, 6)
    first, second = (
        [r["walk"] for r in walks.walk(spark.range(0, 60, 1, 2), store, 1.0, 1.0, 12, seed).orderBy("walk_id").collect()]
        for seed in (1, 2)
    )
    assert first != second


def test_tokens_count_every_visit(spark: Any, tmp_path: Path) -> None:
    store, _ = built(spark, tmp_path, 8)
    frame = walks.walk(spark.range(0, 90, 1, 3), store, 1.0, 1.0, 7, 5)
    expected = Counter(node for r in frame.collect() for node in r["walk"])
    assert {r["index"]: r["count"] for r in walks.tokens(frame, 8).collect()} == dict(expected)


def test_a_graphframe_without_its_jvm_package_names_the_coordinate(spark: Any) -> None:
    vertices = spark.createDataFrame([(0, "a", 1)], "index long, item_id string, frequency long")
    edges = spark.createDataFrame([(0, 0, 1.0)], "src long, dst long, weight double")
    with pytest.raises(WalkgramError, match=r"io\.graphframes:graphframes-spark4_2\.13.*spark\.jars\.packages"):
        graph.to_graphframe(vertices, edges)
