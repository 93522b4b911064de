"""Walks of the replicated engine: plan, shards, visits and start nodes."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.errors import PythonException

from support.graphs import EDGES, StoredGraph, build_graph
from walkgram.config.graph import Walks
from walkgram.lake.blocks import Blocks
from walkgram.lake.shards import Shards
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.walks import walks

KEYS = {"num_walks": 100, "walk_length": 12, "p": 0.25, "q": 4.0, "seed": 3}


def write_walks(
    spark: Any, graph: StoredGraph, folder: Path, num_shards: int, tasks: int = 2, starts: Blocks | None = None, **keys: Any
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Write walks; return (walks by walk_id, visits by node), read from the files."""
    config = Walks(**(KEYS | {"num_shards": num_shards} | keys))
    starts = starts or graph.nodes
    plan = walks.WalkPlan(config, len(starts.open(0)["nodes"]), 8)
    shards = Shards(str(folder / f"walks-{num_shards}"), str(folder / "aside"), walks.walks_schema(8))
    counts = walks.write_walks(spark.range(0, plan.num_shards, 1, tasks), plan, graph.partitions, starts, shards)
    visits = {row["index"]: row["count"] for row in walks.sum_visits(counts).collect()}
    rows = spark.read.parquet(shards.folder).collect()
    assert len(rows) == plan.num_walks
    assert shards.count() == plan.num_shards == num_shards
    return {row["walk_id"]: row["walk"] for row in rows}, visits


def test_walks_are_equal_for_any_number_of_shards_and_tasks_and_on_a_rerun(spark: Any, tmp_path: Path) -> None:
    graph = build_graph(spark, tmp_path, 6)
    expected = write_walks(spark, graph, tmp_path, 1)
    assert expected == write_walks(spark, graph, tmp_path, 2) == write_walks(spark, graph, tmp_path, 7, 3)
    by_id, visits = expected
    assert all(by_id[i][0] == i % 6 and len(by_id[i]) == 12 for i in by_id)
    edges = {(a, b) for a, b, _ in EDGES} | {(b, a) for a, b, _ in EDGES}
    assert all(step in edges for walk in by_id.values() for step in pairwise(walk))
    assert visits == dict(Counter(node for walk in by_id.values() for node in walk))


def test_shards_that_exist_are_counted_but_not_written_again(spark: Any, tmp_path: Path) -> None:
    graph = build_graph(spark, tmp_path, 6)
    expected = write_walks(spark, graph, tmp_path, 5)
    files = sorted((tmp_path / "walks-5").glob("*.parquet"))
    times = [file.stat().st_mtime_ns for file in files]
    files[3].unlink()
    assert write_walks(spark, graph, tmp_path, 5) == expected
    new_times = [file.stat().st_mtime_ns for file in files]
    assert [a == b for a, b in zip(times, new_times, strict=True)] == [True, True, True, False, True]


def test_another_seed_gives_other_walks(spark: Any, tmp_path: Path) -> None:
    graph = build_graph(spark, tmp_path, 6)
    assert write_walks(spark, graph, tmp_path / "a", 2, seed=1) != write_walks(spark, graph, tmp_path / "b", 2, seed=2)


def make_vocabulary(spark: Any) -> Any:
    return spark.createDataFrame([(i, f"n{i}", 1) for i in range(8)], "index long, item_id string, frequency long")


def test_walks_start_only_at_the_given_nodes(spark: Any, tmp_path: Path) -> None:
    graph, starts = build_graph(spark, tmp_path, 8), Blocks(str(tmp_path / "starts"), "test")
    table = spark.createDataFrame([("n5",), ("n2",), ("n5",)], "`my id` string")
    walks.write_start_nodes(table, "my id", make_vocabulary(spark), graph.nodes, starts, ValueRules()).collect()
    by_id, _ = write_walks(spark, graph, tmp_path, 3, starts=starts)
    assert len(by_id) == 200
    assert all(walk[0] == (2, 5)[i % 2] for i, walk in by_id.items())


@pytest.mark.parametrize(("ids", "message"), [
    (["n9"], "'my id' holds n9, which is no node"), (["n1", "n7"], "holds n7"), (["n1", None], "a null id"),
])  # fmt: skip
def test_the_error_names_a_start_node_that_is_not_in_the_graph(
    spark: Any, tmp_path: Path, ids: list[str | None], message: str
) -> None:
    graph = build_graph(spark, tmp_path, 8)  # 7 is isolated
    table, starts = spark.createDataFrame([(i,) for i in ids], "`my id` string"), Blocks(str(tmp_path / "starts"), "test")
    with pytest.raises(PythonException, match=r"walkgram\.errors\.InputError: .*" + message):
        walks.write_start_nodes(table, "my id", make_vocabulary(spark), graph.nodes, starts, ValueRules()).collect()


def test_nodes_above_32_bits_are_lists_of_longs() -> None:
    assert walks.walks_schema(2**31).field("walk").type == pa.list_(pa.int32())
    assert walks.walks_schema(2**31 + 1).field("walk").type == pa.list_(pa.int64())


def test_a_plan_splits_all_walks_into_shards_and_row_groups() -> None:
    for num_starts, num_shards in ((7, 3), (1, 5), (1000, 0)):
        plan = walks.WalkPlan(Walks(num_walks=1, walk_length=80, num_shards=num_shards), num_starts, num_starts)
        ids = [i for shard in range(plan.num_shards) for group in plan.row_groups(shard) for i in group.tolist()]
        assert ids == list(range(num_starts))
    large = walks.WalkPlan(Walks(num_walks=10, walk_length=80), 200_000_000, 200_000_000)
    assert len(large.walk_ids(0)) * 80 == pytest.approx(walks.SHARD_NODES, rel=0.01)
    assert max(len(group) for group in large.row_groups(0)) * 80 <= walks.ROW_GROUP_NODES
