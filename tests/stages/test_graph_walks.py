"""The graph's block, walks through Spark, tokens, and the GraphFrame door."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from support.graphs import EDGES, Built, built
from walkgram.config.schema import Walks
from walkgram.errors import WalkgramError
from walkgram.kernels.graph import csr
from walkgram.kernels.walks import walk
from walkgram.lake.blocks import Blocks
from walkgram.lake.shards import Shards
from walkgram.stages.graph import graphframe
from walkgram.stages.walks import walks


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


@pytest.mark.parametrize("among", [1, 3])
def test_the_block_holds_every_edge_both_ways_and_a_self_loop_once(spark: Any, tmp_path: Path, among: int) -> None:
    n = 8  # 6 and 7 are isolated
    made = built(spark, tmp_path, n, shape=(1, among))
    expected = np.zeros((n, n))
    for a, b, w in EDGES:
        expected[a, b] = expected[b, a] = w
    rows = expected.sum(axis=1, keepdims=True)
    shares = np.divide(expected, rows, out=np.zeros_like(expected), where=rows > 0)
    block = made.block()
    assert np.allclose(adjacency(block, n), shares, atol=1e-6)
    src = np.repeat(np.arange(n), np.diff(block["indptr"]))
    assert np.allclose(block["back"], shares[block["indices"], src], atol=1e-6)
    assert sum(row["nodes"] for row in made.parts) == 6
    assert sum(row["edges"] for row in made.parts) == 2 * len(EDGES) - 1
    assert max(row["largest_degree"] for row in made.parts) == 3
    assert made.nodes.open(0)["nodes"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weight", [None, 7.0])
def test_a_block_is_the_same_however_many_parts_it_is_made_of(
    spark: Any, tmp_path: Path, directed: bool, weight: float | None
) -> None:
    rng = np.random.default_rng(5)
    ends = np.unique(rng.integers(0, 40, (150, 2)), axis=0)
    if not directed:
        ends = np.unique(np.sort(ends, axis=1), axis=0)
    edges = [(int(a), int(b), weight or float(rng.exponential())) for a, b in ends]
    one, many = (built(spark, tmp_path / str(p), 41, edges, (1, p), directed).block() for p in (1, 7))
    src, dst, w = (np.array([e[i] for e in edges]) for i in range(3))
    if not directed:
        other = src != dst
        src, dst, w = np.append(src, dst[other]), np.append(dst, src[other]), np.append(w, w[other])
    straight = walk.build_walk_graph(*csr.build_csr(src, dst, w, 0, 41, 41), not directed)
    for name in walk.WalkGraph._fields:
        assert one[name].tolist() == many[name].tolist() == getattr(straight, name).tolist(), name


@pytest.mark.parametrize("shape", [(3, 3), (4, 8)])
def test_blocks_hold_every_count_th_row(spark: Any, tmp_path: Path, shape: tuple[int, int]) -> None:
    whole, cut = built(spark, tmp_path / "1", 8).block(), built(spark, tmp_path / "2", 8, shape=shape)
    for row in range(8):
        low, high = whole["indptr"][row : row + 2]
        block = cut.block(row % shape[0])
        first, last = block["indptr"][row // shape[0]], block["indptr"][row // shape[0] + 1]
        for name in ("indices", "slots", "back"):
            assert block[name][first:last].tolist() == whole[name][low:high].tolist()
    assert cut.nodes.open(0)["nodes"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_graph_of_equal_weights_carries_no_alias_slots(spark: Any, tmp_path: Path) -> None:
    block = built(spark, tmp_path, 6, [(a, b, 7.0) for a, b, _ in EDGES]).block()
    assert len(block["slots"]) == len(block["back"]) == 0


@pytest.mark.parametrize(
    ("edge", "line"),
    [
        ((0, 9, 1.0), "dst 9 is no index of the vocabulary"),
        ((-1, 2, 1.0), "src -1 is no index"),
        ((1, 2, -1.0), "1 -> 2 weighs -1.0"),
        ((1, 2, 0.0), "weighs 0.0"),
        ((1, 2, float("nan")), "weighs nan"),
        ((1, 2, float("inf")), "weighs inf"),
    ],
)
def test_an_edge_that_cannot_be_walked_is_named(spark: Any, tmp_path: Path, edge: tuple[int, int, float], line: str) -> None:
    with pytest.raises(Exception, match=re.escape(line)):
        built(spark, tmp_path, 9, [*EDGES, edge])


def walked(
    spark: Any, made: Built, folder: Path, shards: int, tasks: int = 2, starts: Blocks | None = None, **keys: Any
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """(walks by id, visits by node), as they lie on the disk."""
    config = Walks(**({"num_walks": 100, "walk_length": 12, "p": 0.25, "q": 4.0, "seed": 3, "shards": shards} | keys))
    starts = starts or made.nodes
    plan = walks.WalkPlan(config, len(starts.open(0)["nodes"]), 8)
    sink = Shards(str(folder / f"walks-{shards}"), str(folder / "aside"), walks.walks_schema(8))
    counts = walks.write_walks(spark.range(0, plan.shards, 1, tasks), plan, made.blocks, starts, sink)
    visits = {r["index"]: r["count"] for r in walks.sum_visits(counts).collect()}
    rows = spark.read.parquet(sink.folder).collect()
    assert len(rows) == plan.total
    assert sink.count() == plan.shards
    return {r["walk_id"]: r["walk"] for r in rows}, visits


def test_walks_are_equal_for_any_number_of_shards_and_tasks_and_on_a_rerun(spark: Any, tmp_path: Path) -> None:
    made = built(spark, tmp_path, 6)
    one = walked(spark, made, tmp_path, 1)
    assert one == walked(spark, made, tmp_path, 2) == walked(spark, made, tmp_path, 7, 3)
    by_id, visits = one
    assert all(by_id[i][0] == i % 6 and len(by_id[i]) == 12 for i in by_id)
    edges = {(a, b) for a, b, _ in EDGES} | {(b, a) for a, b, _ in EDGES}
    assert all(step in edges for walk in by_id.values() for step in pairwise(walk))
    assert visits == dict(Counter(node for walk in by_id.values() for node in walk))


def test_shards_that_are_there_are_not_walked_again_but_counted(spark: Any, tmp_path: Path) -> None:
    made = built(spark, tmp_path, 6)
    first = walked(spark, made, tmp_path, 5)
    files = sorted((tmp_path / "walks-5").glob("*.parquet"))
    times = [file.stat().st_mtime_ns for file in files]
    files[3].unlink()
    assert walked(spark, made, tmp_path, 5) == first
    again = [file.stat().st_mtime_ns for file in files]
    assert [a == b for a, b in zip(times, again, strict=True)] == [True, True, True, False, True]


def test_another_seed_gives_other_walks(spark: Any, tmp_path: Path) -> None:
    made = built(spark, tmp_path, 6)
    assert walked(spark, made, tmp_path / "a", 2, seed=1) != walked(spark, made, tmp_path / "b", 2, seed=2)


def test_walks_start_at_the_chosen_nodes_alone(spark: Any, tmp_path: Path) -> None:
    made, chosen = built(spark, tmp_path, 8), Blocks(str(tmp_path / "starts"), "test")
    words = spark.createDataFrame([(i, f"n{i}", 1) for i in range(8)], "index long, item_id string, frequency long")
    table = spark.createDataFrame([("n5",), ("n2",), ("n5",)], "`my id` string")
    walks.write_start_nodes(table, "my id", words, made.nodes, chosen).collect()
    by_id, _ = walked(spark, made, tmp_path, 3, starts=chosen)
    assert len(by_id) == 200
    assert all(walk[0] == (2, 5)[i % 2] for i, walk in by_id.items())


@pytest.mark.parametrize(("ids", "line"), [
    (["n9"], "'my id' holds n9, which is no node"), (["n1", "n7"], "holds n7"), (["n1", None], "a null id"),
])  # fmt: skip
def test_start_nodes_that_are_not_in_the_graph_are_named(spark: Any, tmp_path: Path, ids: list[str | None], line: str) -> None:
    made = built(spark, tmp_path, 8)  # 7 is isolated
    words = spark.createDataFrame([(i, f"n{i}", 1) for i in range(8)], "index long, item_id string, frequency long")
    table = spark.createDataFrame([(i,) for i in ids], "`my id` string")
    with pytest.raises(Exception, match=line):
        walks.write_start_nodes(table, "my id", words, made.nodes, Blocks(str(tmp_path / "starts"), "test")).collect()


def test_node_numbers_beyond_32_bits_are_lists_of_longs() -> None:
    assert walks.walks_schema(2**31).field("walk").type == pa.list_(pa.int32())
    assert walks.walks_schema(2**31 + 1).field("walk").type == pa.list_(pa.int64())


def test_a_plan_cuts_all_walks_into_shards_and_row_groups() -> None:
    for total, shards in ((7, 3), (1, 5), (1000, 0)):
        plan = walks.WalkPlan(Walks(num_walks=1, walk_length=80, num_shards=shards), total, total)
        ids = [i for shard in range(plan.shards) for group in plan.groups(shard) for i in group.tolist()]
        assert ids == list(range(total))
    large = walks.WalkPlan(Walks(num_walks=10, walk_length=80), 200_000_000, 200_000_000)
    assert len(large.ids(0)) * 80 == pytest.approx(walks.SHARD, rel=0.01)
    assert max(len(group) for group in large.groups(0)) * 80 <= walks.ROW_GROUP


def test_a_graphframe_without_its_jvm_package_names_the_coordinate(spark: Any) -> None:
    vertices = spark.createDataFrame([(0, "a", 1)], "index long, item_id string, frequency long")
    edges = spark.createDataFrame([(0, 0, 1.0)], "src long, dst long, weight double")
    with pytest.raises(WalkgramError, match=r"io\.graphframes:graphframes-spark4_2\.13.*spark\.jars\.packages"):
        graphframe.to_graphframe(vertices, edges)
