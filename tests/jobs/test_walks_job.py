"""The job walks, on a small lake: start nodes, engines, the ways back, and a run that is stopped and goes on."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.interruptions import stop_after, times

Job = Callable[..., int]
RING = [(f"n{i}", f"n{(i + 1) % 7}", 1.0 + i) for i in range(7)] + [("n0", "n3", 9.0), ("n3", "n1", 0.5), ("n5", "n5", 2.0)]
KEYS = ("walks.num_walks=6", "walks.walk_length=7", "walks.p=0.5", "walks.q=2.0", "walks.num_shards=5")


def arguments(lake: Path, *more: str) -> list[str]:
    return [part for key in (*KEYS, f"lake.path={lake}", *more) for part in ("--set", key)]


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The keys of a ring of seven nodes with further edges and a self loop, and an isolated node n9."""
    folder = tmp_path_factory.mktemp("edges")
    (folder / "ring.csv").write_text("src,dst,weight\n" + "".join(f"{a},{b},{w}\n" for a, b, w in RING))
    (folder / "nodes.csv").write_text("item_id\nn9\n" + "".join(f"n{i}\n" for i in range(7)))
    return f"input.path={folder / 'ring.csv'}", "input.nodes=nodes.csv"


@pytest.fixture(scope="module")
def made(spark: Any, tmp_path_factory: pytest.TempPathFactory, edges: tuple[str, ...]) -> Path:
    """A lake up to the walks of every node."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("made") / "lake"
    for name in ("load_edges", "graph", "walks"):
        assert cli.main([name, *arguments(lake, *edges)]) == 0
    return lake


@pytest.fixture
def lake(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    shutil.copytree(made, tmp_path / "lake")
    return tmp_path / "lake"


def bytes_of(lake: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((lake / "walks").glob("*.parquet"))}


def tokens(lake: Path) -> dict[int, int]:
    return {row["index"]: row["count"] for row in pq.read_table(lake / "node_visits").to_pylist()}


def named(lake: Path) -> list[list[str]]:
    """The walks by walk_id, of the nodes' ids."""
    names = [w["item_id"] for w in pq.read_table(lake / "vocabulary").sort_by("index").to_pylist()]
    rows = pq.read_table(lake / "walks").sort_by("walk_id").to_pylist()
    assert [row["walk_id"] for row in rows] == list(range(len(rows)))
    return [[names[node] for node in row["walk"]] for row in rows]


@pytest.fixture
def refused(job: Job, capsys: Any) -> Callable[..., None]:
    """refused(said, name, lake, *keys): the job ends with one clear line, and the walks are as they were."""

    def check(said: str, name: str, lake: Path, *more: str) -> None:
        before = bytes_of(lake)
        capsys.readouterr()
        assert job(name, *arguments(lake, *more)) == 2
        error = capsys.readouterr().err
        ours = [line for line in error.splitlines() if ": error: " in line]
        assert len(ours) == 1
        assert said in ours[0], ours[0]
        assert "Traceback" not in error
        assert bytes_of(lake) == before

    return check


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_walks_start_at_the_nodes_of_a_table_alone(job: Job, lake: Path, tmp_path: Path, kind: str) -> None:
    place, ids = tmp_path / f"starts.{kind}", ["n4", "n2", "n4"]
    if kind == "csv":
        place.write_text("note,my id\n" + "".join(f"x,{i}\n" for i in ids))
    else:
        pq.write_table(pa.table({"my id": ids}), place)
    every = named(lake)
    more = (f"walks.starts={place}", "walks.starts_column=my id", "input.format=edgelist", "walks.restart_probability=0.3")
    assert job("walks", *arguments(lake, *more)) == 0
    found = named(lake)
    assert Counter(walk[0] for walk in found) == {"n4": 6, "n2": 6}
    assert {w for walk in found for w in walk} <= {w for walk in every for w in walk}
    assert sum(tokens(lake).values()) == sum(map(len, found)) == 12 * 7
    assert Counter(w for walk in every for w in walk[:1]) == {f"n{i}": 6 for i in range(7)}


@pytest.mark.parametrize(("rows", "said"), [
    ("item_id\nn2\nn8\n", "column 'item_id' holds n8, which is no node of the graph"),
    ("item_id\nn9\n", "column 'item_id' holds n9, which is no node of the graph (it has no edge"),
    ('item_id,x\nn2,1\n"",2\n', "holds a null id"),
    ("item_id\n", "starts.csv has no rows: walks must start somewhere"),
    ("id\nn2\n", "has no column 'item_id': set walks.starts_column to one of id"),
    ("", "no columns could be read"),
    (None, "starts.csv: no such file or folder"),
])  # fmt: skip
def test_start_nodes_that_cannot_be_used_are_named(
    refused: Callable[..., None], lake: Path, tmp_path: Path, rows: str | None, said: str
) -> None:
    place = tmp_path / "starts.csv"
    if rows is not None:
        place.write_text(rows)
    refused(said, "walks", lake, f"walks.starts={place}")
    assert tokens(lake)


def test_a_graph_of_blocks_is_walked_by_the_other_engine_to_the_same_bytes(
    job: Job, capsys: Any, refused: Callable[..., None], lake: Path, edges: tuple[str, ...]
) -> None:
    walks, counts = bytes_of(lake), tokens(lake)
    assert len(walks) == 5
    assert job("walks", *arguments(lake, "walks.engine=partitioned")) == 0
    assert "1 rounds" in capsys.readouterr().out
    assert (bytes_of(lake), tokens(lake)) == (walks, counts)
    assert job("graph", *arguments(lake, "graph.partitions=3")) == 0
    refused("walks.engine = replicated needs a graph of one block, this one has 3", "walks", lake, "walks.engine=replicated")
    assert job("walks", *arguments(lake)) == 0
    said = capsys.readouterr().out
    assert "5 shards" in said
    assert "0 rounds" not in said
    assert (bytes_of(lake), tokens(lake)) == (walks, counts)
    assert not list((lake / "_staging").iterdir())


def test_a_graph_without_ways_back_is_for_walks_that_need_none(
    job: Job, refused: Callable[..., None], lake: Path, tmp_path: Path
) -> None:
    plain = arguments(lake, "walks.p=1.0")
    assert job("walks", *plain) == 0
    expected = bytes_of(lake)
    assert job("graph", *arguments(lake, "graph.reverse_probabilities=false")) == 0
    refused("walks.p = 0.5 needs the ways back: set graph.reverse_probabilities = true, run jobs/graph.py again", "walks", lake)
    assert job("walks", *plain, "--force") == 0
    assert bytes_of(lake) == expected


@pytest.fixture
def stopped(job: Job, capsys: Any, monkeypatch: pytest.MonkeyPatch, lake: Path) -> dict[str, int]:
    """The times of the two shards that a run with seed 8 had written when it was stopped."""
    former, counts = bytes_of(lake), tokens(lake)
    with monkeypatch.context() as broken:
        stop_after(broken, 2)
        assert job("walks", *arguments(lake, "walks.seed=8")) == 1
    assert "the machine was taken away" in capsys.readouterr().err
    assert (bytes_of(lake), tokens(lake)) == (former, counts)
    (staged,) = (lake / "_staging").glob("walks-*")
    kept = times(staged / "walks")
    assert set(kept) == {"part-00000.parquet", "part-00001.parquet"}
    assert not [file for file in (staged / "_attempts").iterdir() if file.is_file()]
    return kept


@pytest.fixture(scope="module")
def straight(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Any, Any]]:
    """The walks and tokens of a run with this seed that was not stopped."""
    from walkgram.runtime import cli

    def run(seed: int) -> tuple[Any, Any]:
        lake = tmp_path_factory.mktemp("straight") / "lake"
        shutil.copytree(made, lake)
        assert cli.main(["walks", *arguments(lake, f"walks.seed={seed}")]) == 0
        return bytes_of(lake), tokens(lake)

    return run


@pytest.mark.parametrize(("seed", "force", "kept"), [(8, False, True), (8, True, False), (9, False, False)])
def test_a_stopped_run_goes_on_unless_it_is_another_one_or_forced(
    job: Job,
    lake: Path,
    stopped: dict[str, int],
    straight: Callable[[int], tuple[Any, Any]],
    seed: int,
    force: bool,
    kept: bool,
) -> None:
    assert job("walks", *arguments(lake, f"walks.seed={seed}"), *["--force"] * force) == 0
    assert (bytes_of(lake), tokens(lake)) == straight(seed)
    now = times(lake / "walks")
    assert [now[name] == time for name, time in stopped.items()] == [kept, kept]
    assert not list((lake / "_staging").iterdir())


@pytest.mark.parametrize(("rows", "said"), [
    ([(0, 1), (8, 2)], "table edges: src 8 is no index of the vocabulary (0..7)"),
    ([(0, 1), (2, -1)], "table edges: dst -1 is no index of the vocabulary (0..7)"),
    ([], "table edges has no rows: a graph needs an edge"),
])  # fmt: skip
@pytest.mark.parametrize("blocks", [1, 3])
def test_edges_that_are_no_graph_are_named(
    refused: Callable[..., None], lake: Path, rows: list[tuple[int, int]], said: str, blocks: int
) -> None:
    (file,) = (lake / "edges").glob("*.parquet")
    schema = pq.read_schema(file)
    file.unlink()
    given = [{"src": a, "dst": b, "weight": 1.0} for a, b in rows]
    pq.write_table(pa.Table.from_pylist(given, schema), lake / "edges" / "mine.parquet")
    graph = sorted((lake / "graph").rglob("*.npy"))
    refused(said, "graph", lake, f"graph.partitions={blocks}")
    assert sorted((lake / "graph").rglob("*.npy")) == graph != []
