"""The partitioned engine through Spark: the shards of the replicated engine, and interrupted runs that continue."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.graphs import StoredGraph, build_graph
from walkgram.config.graph import Walks
from walkgram.lake.exchange import Exchange
from walkgram.lake.shards import Shards
from walkgram.stages.walks import partitioned, walks

N = 30
KEYS = {
    "num_walks": 12,
    "walk_length": 9,
    "p": 0.25,
    "q": 4.0,
    "seed": 5,
    "num_shards": 3,
    "restart_probability": 0.05,
    "stop_probability": 0.02,
}


def random_edges(directed: bool) -> list[tuple[int, int, float]]:
    rng = np.random.default_rng(8)
    ends = rng.integers(0, N - 2, (90, 2))
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return [(int(a), int(b), float(rng.exponential() + 0.1)) for a, b in ends]


class InterruptError(Exception):
    """The run was interrupted."""


def walk_partitioned(
    spark: Any, graph: StoredGraph, folder: Path, num_partitions: int, stop_after: int | None = None
) -> tuple[Shards, int, list[int]]:
    """Run the partitioned engine, interrupted after `stop_after` supersteps; return (shards, supersteps, reported steps)."""
    plan = walks.WalkPlan(Walks.model_validate(KEYS), graph.num_nodes, N)
    shards = Shards(str(folder / "walks"), str(folder / "aside"), walks.walks_schema(N))
    reports: list[int] = []

    def report_steps(steps: int) -> None:
        reports.append(steps)
        if len(reports) == stop_after:
            raise InterruptError

    supersteps = partitioned.walk_partitioned(
        lambda k: spark.range(0, k, 1, k), plan, num_partitions, graph.partitions, graph.nodes,
        lambda name: Exchange(str(folder / "exchange" / name), str(folder / "aside")), shards, report_steps,
    )  # fmt: skip
    assert not list((folder / "exchange").glob("*/*"))
    return shards, supersteps, reports


def count_visits(spark: Any, graph: StoredGraph, shards: Shards) -> dict[int, int]:
    """Write the shards that do not exist by the replicated engine; the visits of all."""
    plan = walks.WalkPlan(Walks.model_validate(KEYS), graph.num_nodes, N)
    counts = walks.write_walks(spark.range(0, plan.num_shards, 1, 2), plan, graph.partitions, graph.nodes, shards)
    return {row["index"]: row["count"] for row in walks.sum_visits(counts).collect()}


def walk_replicated(spark: Any, graph: StoredGraph, folder: Path) -> tuple[Shards, dict[int, int]]:
    """Run the replicated engine; return (shards, visits)."""
    shards = Shards(str(folder / "walks"), str(folder / "aside"), walks.walks_schema(N))
    return shards, count_visits(spark, graph, shards)


def read_files(shards: Shards) -> list[bytes]:
    return [file.read_bytes() for file in sorted(Path(shards.folder).glob("*.parquet"))]


@pytest.mark.parametrize("directed", [False, True])
def test_one_three_and_sixteen_partitions_write_the_shards_of_the_replicated_engine(
    spark: Any, tmp_path: Path, directed: bool
) -> None:
    graph = build_graph(spark, tmp_path / "graph", N, random_edges(directed), (1, 1), directed)
    expected, visits = walk_replicated(spark, graph, tmp_path / "replicated")
    for k in (1, 3, 16):
        partitions = build_graph(spark, tmp_path / f"graph-{k}", N, random_edges(directed), (k, k), directed)
        shards, supersteps, reports = walk_partitioned(spark, partitions, tmp_path / f"walks-{k}", k)
        assert read_files(shards) == read_files(expected)
        assert supersteps <= 2 * KEYS["walk_length"]
        assert reports == sorted(reports)
        assert reports[-1] == sum(visits.values())
        assert count_visits(spark, partitions, shards) == visits
    assert len(pq.read_table(expected.folder)) == 12 * graph.num_nodes


def test_a_run_interrupted_after_any_superstep_continues_to_the_same_walks(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "WALKERS", 40)  # three waves
    graph = build_graph(spark, tmp_path / "graph", N, random_edges(False), (3, 3))
    single = build_graph(spark, tmp_path / "single", N, random_edges(False))
    expected, supersteps, reports = walk_partitioned(spark, graph, tmp_path / "uninterrupted", 3)
    assert read_files(expected) == read_files(walk_replicated(spark, single, tmp_path / "replicated")[0])
    for attempt in count():
        try:
            shards, last_supersteps, _ = walk_partitioned(spark, graph, tmp_path / "interrupted", 3, stop_after=4)
            break
        except InterruptError:
            assert attempt < supersteps
    assert attempt > 5
    assert read_files(shards) == read_files(expected)
    assert last_supersteps < supersteps
    assert len(reports) == supersteps


def test_lost_files_of_a_superstep_are_written_again(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build_graph(spark, tmp_path / "graph", N, random_edges(False), (3, 3))
    expected = read_files(walk_partitioned(spark, graph, tmp_path / "complete", 3)[0])
    original: Callable[..., Any] = partitioned.PartitionedWalk.run_superstep

    def lose_messages(self: partitioned.PartitionedWalk, tasks: Any, superstep: int) -> Any:
        if superstep == 2:  # one task has written its steps but not its messages; the others nothing
            self.run_partition(2, 1)
            assert isinstance(self.messages, Exchange)
            Path(self.messages.file_uri(2, 1)).unlink()
        return original(self, tasks, superstep)

    monkeypatch.setattr(partitioned.PartitionedWalk, "run_superstep", lose_messages)
    assert read_files(walk_partitioned(spark, graph, tmp_path / "lost", 3)[0]) == expected
