"""The job walks on a small lake: start nodes, engines, reverse probabilities, and interrupted runs that continue."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.interruptions import read_times, stop_after
from support.lakes import restate_files

Job = Callable[..., int]
RING = [(f"n{i}", f"n{(i + 1) % 7}", 1.0 + i) for i in range(7)] + [("n0", "n3", 9.0), ("n3", "n1", 0.5), ("n5", "n5", 2.0)]
KEYS = ("walks.num_walks=6", "walks.walk_length=7", "walks.p=0.5", "walks.q=2.0", "walks.num_shards=5")


def job_arguments(lake: Path, *keys: str) -> list[str]:
    return [part for key in (*KEYS, f"lake.path={lake}", *keys) for part in ("--set", key)]


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Write a ring of seven nodes with further edges and a self loop, and an isolated node n9; return the source's keys."""
    folder = tmp_path_factory.mktemp("edges")
    (folder / "ring.csv").write_text("src,dst,weight\n" + "".join(f"{a},{b},{w}\n" for a, b, w in RING))
    (folder / "nodes.csv").write_text("item_id\nn9\n" + "".join(f"n{i}\n" for i in range(7)))
    return f"input.path={folder / 'ring.csv'}", "input.nodes=nodes.csv"


@pytest.fixture(scope="module")
def walks_lake(spark: Any, tmp_path_factory: pytest.TempPathFactory, edges: tuple[str, ...]) -> Path:
    """Run the jobs up to the walks of every node; return the lake."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("walks_lake") / "lake"
    for name in ("load_edges", "graph", "walks"):
        assert cli.main([name, *job_arguments(lake, *edges)]) == 0
    return lake


@pytest.fixture
def lake(walks_lake: Path, tmp_path: Path) -> Path:
    """Copy the lake with the walks, so that a test may change it."""
    shutil.copytree(walks_lake, tmp_path / "lake")
    return tmp_path / "lake"


def read_shards(lake: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((lake / "walks").glob("*.parquet"))}


def read_visits(lake: Path) -> dict[int, int]:
    return {row["index"]: row["count"] for row in pq.read_table(lake / "node_visits").to_pylist()}


def read_walks(lake: Path) -> list[list[str]]:
    """Read the walks by walk_id, as node ids."""
    ids = [w["item_id"] for w in pq.read_table(lake / "vocabulary").sort_by("index").to_pylist()]
    rows = pq.read_table(lake / "walks").sort_by("walk_id").to_pylist()
    assert [row["walk_id"] for row in rows] == list(range(len(rows)))
    return [[ids[node] for node in row["walk"]] for row in rows]


@pytest.fixture
def refused(job: Job, capsys: Any) -> Callable[..., None]:
    """Return refused(message, name, lake, *keys): assert that the job fails with this message and keeps the walks."""

    def check(message: str, name: str, lake: Path, *keys: str) -> None:
        before = read_shards(lake)
        capsys.readouterr()
        assert job(name, *job_arguments(lake, *keys)) == 2
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if ": error: " in line]
        assert len(lines) == 1
        assert message in lines[0], lines[0]
        assert "Traceback" not in error
        assert read_shards(lake) == before

    return check


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_walks_start_only_at_the_nodes_of_the_table(job: Job, lake: Path, tmp_path: Path, kind: str) -> None:
    path, ids = tmp_path / f"starts.{kind}", ["n4", "n2", "n4"]
    if kind == "csv":
        path.write_text("note,my id\n" + "".join(f"x,{i}\n" for i in ids))
    else:
        pq.write_table(pa.table({"my id": ids}), path)
    all_walks = read_walks(lake)
    keys = (f"walks.starts={path}", "walks.starts_column=my id", "input.format=edgelist", "walks.restart_probability=0.3")
    assert job("walks", *job_arguments(lake, *keys)) == 0
    walks = read_walks(lake)
    assert Counter(walk[0] for walk in walks) == {"n4": 6, "n2": 6}
    assert {node for walk in walks for node in walk} <= {node for walk in all_walks for node in walk}
    assert sum(read_visits(lake).values()) == sum(map(len, walks)) == 12 * 7
    assert Counter(walk[0] for walk in all_walks) == {f"n{i}": 6 for i in range(7)}


@pytest.mark.parametrize(("rows", "message"), [
    ("item_id\nn2\nn8\n", "column 'item_id' holds n8, which is no node of the graph"),
    ("item_id\nn9\n", "column 'item_id' holds n9, which is no node of the graph (it has no edge"),
    ('item_id,x\nn2,1\n"",2\n', "holds a null id"),
    ("item_id\n", "starts.csv has no rows: walks must start somewhere"),
    ("id\nn2\n", "has no column 'item_id': set walks.starts_column to one of id"),
    ("", "no columns could be read"),
    (None, "starts.csv: no such file or folder"),
])  # fmt: skip
def test_the_error_names_invalid_start_nodes(
    refused: Callable[..., None], lake: Path, tmp_path: Path, rows: str | None, message: str
) -> None:
    path = tmp_path / "starts.csv"
    if rows is not None:
        path.write_text(rows)
    refused(message, "walks", lake, f"walks.starts={path}")
    assert read_visits(lake)


def test_the_partitioned_engine_writes_the_same_bytes(
    job: Job, capsys: Any, refused: Callable[..., None], lake: Path, edges: tuple[str, ...]
) -> None:
    walks, counts = read_shards(lake), read_visits(lake)
    assert len(walks) == 5
    assert job("walks", *job_arguments(lake, "walks.engine=partitioned")) == 0
    assert "1 supersteps" in capsys.readouterr().out
    assert (read_shards(lake), read_visits(lake)) == (walks, counts)
    assert job("graph", *job_arguments(lake, "graph.partitions=3")) == 0
    refused(
        "walks.engine = replicated needs a graph of one partition, this one has 3", "walks", lake, "walks.engine=replicated"
    )
    assert job("walks", *job_arguments(lake)) == 0
    output = capsys.readouterr().out
    assert "5 shards" in output
    assert "0 supersteps" not in output
    assert (read_shards(lake), read_visits(lake)) == (walks, counts)
    assert not list((lake / "_staging").iterdir())


def test_a_graph_without_reverse_probabilities_serves_walks_that_need_none(
    job: Job, refused: Callable[..., None], lake: Path, tmp_path: Path
) -> None:
    arguments = job_arguments(lake, "walks.p=1.0")
    assert job("walks", *arguments) == 0
    expected = read_shards(lake)
    assert job("graph", *job_arguments(lake, "graph.reverse_probabilities=false")) == 0
    message = "walks.p = 0.5 needs the reverse probabilities: set graph.reverse_probabilities = true, run the job graph ("
    refused(message, "walks", lake)
    assert job("walks", *arguments, "--force") == 0
    assert read_shards(lake) == expected


@pytest.fixture
def interrupted(job: Job, capsys: Any, monkeypatch: pytest.MonkeyPatch, lake: Path) -> dict[str, int]:
    """Interrupt a run with seed 8 after two shards; return the times at which these were written."""
    shards, visits = read_shards(lake), read_visits(lake)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert job("walks", *job_arguments(lake, "walks.seed=8")) == 1
    assert "the machine is lost" in capsys.readouterr().err
    assert (read_shards(lake), read_visits(lake)) == (shards, visits)
    (staged,) = (lake / "_staging").glob("walks-*")
    staged_times = read_times(staged / "walks")
    assert set(staged_times) == {"part-00000.parquet", "part-00001.parquet"}
    assert not [file for file in (staged / "_attempts").iterdir() if file.is_file()]
    return staged_times


@pytest.fixture(scope="module")
def uninterrupted(walks_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Any, Any]]:
    """Return run(seed): the walks and visits of an uninterrupted run."""
    from walkgram.runtime import cli

    def run(seed: int) -> tuple[Any, Any]:
        lake = tmp_path_factory.mktemp("straight") / "lake"
        shutil.copytree(walks_lake, lake)
        assert cli.main(["walks", *job_arguments(lake, f"walks.seed={seed}")]) == 0
        return read_shards(lake), read_visits(lake)

    return run


@pytest.mark.parametrize(("seed", "force", "is_continued"), [(8, False, True), (8, True, False), (9, False, False)])
def test_an_interrupted_run_continues_unless_forced_or_changed(
    job: Job,
    lake: Path,
    interrupted: dict[str, int],
    uninterrupted: Callable[[int], tuple[Any, Any]],
    seed: int,
    force: bool,
    is_continued: bool,
) -> None:
    assert job("walks", *job_arguments(lake, f"walks.seed={seed}"), *["--force"] * force) == 0
    assert (read_shards(lake), read_visits(lake)) == uninterrupted(seed)
    new_times = read_times(lake / "walks")
    assert [new_times[name] == time for name, time in interrupted.items()] == [is_continued, is_continued]
    assert not list((lake / "_staging").iterdir())


def test_more_partitions_than_nodes_are_refused(refused: Callable[..., None], lake: Path) -> None:
    refused("graph.partitions = 9 is above the 8 nodes", "graph", lake, "graph.partitions=9")


@pytest.mark.parametrize(("rows", "message"), [
    ([(0, 1), (8, 2)], "table edges: src 8 is no index of the vocabulary (0..7)"),
    ([(0, 1), (2, -1)], "table edges: dst -1 is no index of the vocabulary (0..7)"),
    ([], "table edges has no rows: a graph needs an edge"),
])  # fmt: skip
@pytest.mark.parametrize("blocks", [1, 3])
def test_the_error_names_invalid_edges(
    refused: Callable[..., None], lake: Path, rows: list[tuple[int, int]], message: str, blocks: int
) -> None:
    (file,) = (lake / "edges").glob("*.parquet")
    schema = pq.read_schema(file)
    file.unlink()
    edges = [{"src": a, "dst": b, "weight": 1.0} for a, b in rows]
    pq.write_table(pa.Table.from_pylist(edges, schema), lake / "edges" / "mine.parquet")
    restate_files(lake, "edges")
    graph = sorted((lake / "graph").rglob("*.npy"))
    refused(message, "graph", lake, f"graph.partitions={blocks}")
    assert sorted((lake / "graph").rglob("*.npy")) == graph != []
