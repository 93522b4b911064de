"""The graph's partitions: rows, alias tables, reverse probabilities, and the errors of invalid edges."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.errors import PythonException

from support.graphs import EDGES, build_graph
from walkgram.kernels.graph import csr
from walkgram.kernels.walks import walk_graph


def first_order_probabilities(block: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Return the (n, n) probabilities of a first-order step, read from the alias table."""
    dense = np.zeros((n, n))
    for row in range(n):
        low, high = block["indptr"][row], block["indptr"][row + 1]
        for edge in range(low, high):
            threshold = (float(block["alias_table"][edge, 0]) + 1) / 2**32 if len(block["alias_table"]) else 1.0
            dense[row, block["indices"][edge]] += threshold / (high - low)
            if threshold < 1:
                dense[row, block["indices"][low + block["alias_table"][edge, 1]]] += (1 - threshold) / (high - low)
    return dense


@pytest.mark.parametrize("num_parts", [1, 3])
def test_the_graph_has_every_edge_in_both_directions_and_a_self_loop_once(spark: Any, tmp_path: Path, num_parts: int) -> None:
    n = 8  # 6 and 7 are isolated
    graph = build_graph(spark, tmp_path, n, shape=(1, num_parts))
    weights = np.zeros((n, n))
    for a, b, w in EDGES:
        weights[a, b] = weights[b, a] = w
    totals = weights.sum(axis=1, keepdims=True)
    probabilities = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    block = graph.open_partition()
    assert np.allclose(first_order_probabilities(block, n), probabilities, atol=1e-6)
    src = np.repeat(np.arange(n), np.diff(block["indptr"]))
    assert np.allclose(block["reverse_probabilities"], probabilities[block["indices"], src], atol=1e-6)
    assert sum(row["nodes"] for row in graph.parts) == 6
    assert sum(row["edges"] for row in graph.parts) == 2 * len(EDGES) - 1
    assert max(row["largest_degree"] for row in graph.parts) == 3
    assert graph.nodes.open(0)["nodes"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weight", [None, 7.0])
def test_a_partition_does_not_depend_on_the_number_of_parts(
    spark: Any, tmp_path: Path, directed: bool, weight: float | None
) -> None:
    rng = np.random.default_rng(5)
    ends = np.unique(rng.integers(0, 40, (150, 2)), axis=0)
    if not directed:
        ends = np.unique(np.sort(ends, axis=1), axis=0)
    edges = [(int(a), int(b), weight or float(rng.exponential())) for a, b in ends]
    one, seven = (build_graph(spark, tmp_path / str(p), 41, edges, (1, p), directed).open_partition() for p in (1, 7))
    src, dst, w = (np.array([e[i] for e in edges]) for i in range(3))
    if not directed:
        is_no_loop = src != dst
        src, dst = np.append(src, dst[is_no_loop]), np.append(dst, src[is_no_loop])
        w = np.append(w, w[is_no_loop])
    expected = walk_graph.build_walk_graph(*csr.build_csr(src, dst, w, 0, 41, 41), not directed)
    for name in walk_graph.WalkGraph._fields:
        assert one[name].tolist() == seven[name].tolist() == getattr(expected, name).tolist(), name


@pytest.mark.parametrize("shape", [(3, 3), (4, 8)])
def test_partition_b_of_k_has_the_rows_b_modulo_k(spark: Any, tmp_path: Path, shape: tuple[int, int]) -> None:
    single = build_graph(spark, tmp_path / "1", 8).open_partition()
    partitioned = build_graph(spark, tmp_path / "2", 8, shape=shape)
    for row in range(8):
        low, high = single["indptr"][row : row + 2]
        block = partitioned.open_partition(row % shape[0])
        first, last = block["indptr"][row // shape[0]], block["indptr"][row // shape[0] + 1]
        for name in ("indices", "alias_table", "reverse_probabilities"):
            assert block[name][first:last].tolist() == single[name][low:high].tolist()
    assert partitioned.nodes.open(0)["nodes"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_graph_of_equal_weights_has_no_alias_table(spark: Any, tmp_path: Path) -> None:
    block = build_graph(spark, tmp_path, 6, [(a, b, 7.0) for a, b, _ in EDGES]).open_partition()
    assert len(block["alias_table"]) == len(block["reverse_probabilities"]) == 0


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ((0, 9, 1.0), "dst 9 is no index of the vocabulary"),
        ((-1, 2, 1.0), "src -1 is no index"),
        ((1, 2, -1.0), "1 -> 2 weighs -1.0"),
        ((1, 2, 0.0), "weighs 0.0"),
        ((1, 2, float("nan")), "weighs nan"),
        ((1, 2, float("inf")), "weighs inf"),
    ],
)
def test_the_error_names_an_invalid_edge(spark: Any, tmp_path: Path, edge: tuple[int, int, float], message: str) -> None:
    with pytest.raises(PythonException, match=r"walkgram\.errors\.InputError: .*" + re.escape(message)):
        build_graph(spark, tmp_path, 9, [*EDGES, edge])
