"""Walkers between blocks, through Spark: the shards of the other engine, and a stopped run that goes on."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.graphs import Built, built
from walkgram.config.schema import Walks
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


def edges(directed: bool) -> list[tuple[int, int, float]]:
    rng = np.random.default_rng(8)
    ends = rng.integers(0, N - 2, (90, 2))
    ends = np.unique(ends if directed else np.sort(ends, axis=1), axis=0)
    return [(int(a), int(b), float(rng.exponential() + 0.1)) for a, b in ends]


class StoppedError(Exception):
    """The run was stopped here."""


def by_blocks(
    spark: Any, made: Built, folder: Path, blocks: int, stop_after: int | None = None, **keys: Any
) -> tuple[Shards, int, list[int]]:
    """(shards, rounds, the steps told) of the engine of blocks; stopped after so many rounds."""
    plan = walks.WalkPlan(Walks(**(KEYS | keys)), len(made.nodes.open(0)["nodes"]), N)
    sink = Shards(str(folder / "walks"), str(folder / "aside"), walks.walks_schema(N))
    told: list[int] = []

    def tell(steps: int) -> None:
        told.append(steps)
        if len(told) == stop_after:
            raise StoppedError

    took = partitioned.walk_partitioned(
        lambda k: spark.range(0, k, 1, k), plan, blocks, made.blocks, made.nodes,
        lambda name: Exchange(str(folder / "rounds" / name), str(folder / "aside")), sink, tell,
    )  # fmt: skip
    assert not list((folder / "rounds").glob("*/*"))
    return sink, took, told


def whole(spark: Any, made: Built, folder: Path, **keys: Any) -> tuple[Shards, dict[int, int]]:
    """The shards and the visits of the engine that maps the whole graph."""
    plan = walks.WalkPlan(Walks(**(KEYS | keys)), len(made.nodes.open(0)["nodes"]), N)
    sink = Shards(str(folder / "walks"), str(folder / "aside"), walks.walks_schema(N))
    counted = walks.write_walks(spark.range(0, plan.shards, 1, 2), plan, made.blocks, made.nodes, sink)
    return sink, {r["index"]: r["count"] for r in walks.sum_visits(counted).collect()}


def bytes_of(sink: Shards) -> list[bytes]:
    return [file.read_bytes() for file in sorted(Path(sink.folder).glob("*.parquet"))]


@pytest.mark.parametrize("directed", [False, True])
def test_one_three_and_sixteen_blocks_write_the_very_same_shards(spark: Any, tmp_path: Path, directed: bool) -> None:
    one = built(spark, tmp_path / "g1", N, edges(directed), (1, 1), directed)
    expected, visits = whole(spark, one, tmp_path / "whole")
    for blocks in (1, 3, 16):
        cut = built(spark, tmp_path / f"g{blocks}b", N, edges(directed), (blocks, blocks), directed)
        sink, took, told = by_blocks(spark, cut, tmp_path / f"b{blocks}", blocks)
        assert bytes_of(sink) == bytes_of(expected)
        assert took <= 2 * KEYS["walk_length"]
        assert told == sorted(told)
        assert told[-1] == sum(visits.values())
        counted = walks.write_walks(
            spark.range(0, 3, 1, 2),
            walks.WalkPlan(Walks(**KEYS), len(one.nodes.open(0)["nodes"]), N),
            cut.blocks,
            cut.nodes,
            sink,
        )
        assert {r["index"]: r["count"] for r in walks.sum_visits(counted).collect()} == visits
    assert len(pq.read_table(expected.folder)) == 12 * len(one.nodes.open(0)["nodes"])


def test_a_run_stopped_after_any_round_goes_on_to_the_same_walks(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "WALKERS", 40)  # three waves
    made = built(spark, tmp_path / "g", N, edges(False), (3, 3))
    expected, took, told = by_blocks(spark, made, tmp_path / "straight", 3)
    assert bytes_of(expected) == bytes_of(whole(spark, made_whole(spark, tmp_path), tmp_path / "whole")[0])
    for attempt in count():
        try:
            sink, again, _ = by_blocks(spark, made, tmp_path / "stopped", 3, stop_after=4)
            break
        except StoppedError:
            assert attempt < took
    assert attempt > 5
    assert bytes_of(sink) == bytes_of(expected)
    assert again < took
    assert len(told) == took


def made_whole(spark: Any, folder: Path) -> Built:
    return built(spark, folder / "whole-graph", N, edges(False))


def test_a_lost_tasks_round_is_made_again(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = built(spark, tmp_path / "g", N, edges(False), (3, 3))
    expected = bytes_of(by_blocks(spark, made, tmp_path / "straight", 3)[0])
    original: Callable[..., Any] = partitioned.PartitionedWalk.round

    def losing(self: partitioned.PartitionedWalk, tasks: Any, number: int) -> Any:
        if number == 2:  # one task wrote its steps, but not its letters; another one wrote nothing
            self.run_block(2, 1)
            Path(self.letters.file_uri(2, 1)).unlink()
        return original(self, tasks, number)

    monkeypatch.setattr(partitioned.PartitionedWalk, "round", losing)
    assert bytes_of(by_blocks(spark, made, tmp_path / "lost", 3)[0]) == expected
