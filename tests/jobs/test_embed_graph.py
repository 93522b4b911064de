"""The pipeline of a graph, from an edge table to the export; and lakes that change between ratings and edges."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import require_data
from support.oracles import sum_edges, vocabulary

Job = Callable[..., int]
SMALL = ("walks.num_walks=3", "walks.walk_length=6", "train.dim=4", "train.epochs=1", "train.window=2", "neighbours.k=2")
RING = [(f"n{i}", f"n{(i + 1) % 7}", 1.0 + i) for i in range(7)] + [("n0", "n3", 9.0), ("n3", "n0", 0.5), ("n5", "n5", 2.0)]


def job_arguments(lake: Path, path: Path, *options: str) -> list[str]:
    settings = (*SMALL, f"lake.path={lake}", f"input.path={path}", *options)
    return [part for key in settings for part in ("--set", key)]


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Write an edge list: a ring of seven nodes with two further edges and a self loop."""
    path = tmp_path / "ring.edgelist"
    path.write_text("".join(f"{a} {b} {w}\n" for a, b, w in RING))
    return path


def test_an_edge_list_gives_neighbours_and_an_export(job: Job, capsys: Any, tmp_path: Path, ring: Path) -> None:
    lake = tmp_path / "lake"
    (tmp_path / "titles.csv").write_text("item_id,title\nn0,Zero\n")
    titles = ("input.items=titles.csv", "input.item_columns.lists=[]", "input.item_columns.keep=[]", "report.group=")
    options = (*titles, "report.items=2", "report.neighbours=1")
    assert job("embed_graph", *job_arguments(lake, ring, *options)) == 0
    output = capsys.readouterr().out
    assert "[6/6] export: done" in output
    words = vocabulary(sum_edges(RING, False))
    assert [line for line in output.splitlines() if line in ("Zero", "n3", "n0", "n5")] == ["Zero", "n3"]  # the most frequent
    names, walk_steps = read_steps(lake)
    assert names == [name for name, _ in words]
    assert walk_steps == {(a, b) for edge in sum_edges(RING, False) for a, b in (edge, edge[::-1])}
    vectors = {row["item_id"]: row["frequency"] for row in pq.read_table(lake / "embeddings").to_pylist()}
    assert vectors == dict(words)
    assert pq.read_table(lake / "neighbours").num_rows == 2 * len(words)
    metadata = (lake / "export" / "metadata.tsv").read_text().splitlines()
    assert metadata[1:] == [f"{name}\t{'Zero' if name == 'n0' else ''}" for name in names]
    assert (lake / "export" / "degrees.png").exists()
    assert job("run", *job_arguments(lake, ring, *options, "input.kind=edges")) == 0
    assert capsys.readouterr().out.count("up to date") == 6


def read_steps(lake: Path) -> tuple[list[str], set[tuple[str, str]]]:
    """Read (ids by index, every step of the walks by node ids)."""
    names = [w["item_id"] for w in pq.read_table(lake / "vocabulary").sort_by("index").to_pylist()]
    walks = pq.read_table(lake / "walks")["walk"].to_pylist()
    return names, {(names[a], names[b]) for walk in walks for a, b in pairwise(walk)}


def test_directed_edges_are_walked_in_their_direction_only(job: Job, capsys: Any, tmp_path: Path, ring: Path) -> None:
    for name in ("load_edges", "graph", "walks"):
        assert job(name, *job_arguments(tmp_path / "lake", ring, "input.directed=true", "walks.num_walks=20")) == 0
    assert "7 nodes, 10 steps" in capsys.readouterr().out
    names, walk_steps = read_steps(tmp_path / "lake")
    expected = sum_edges(RING, True)
    assert names == [name for name, _ in vocabulary(expected)]
    assert walk_steps == set(expected)


def list_tables(lake: Path) -> set[str]:
    return {folder.name for folder in lake.iterdir() if not folder.name.startswith("_")}


def test_a_lake_changes_from_ratings_to_edges_and_back_without_mixed_tables(
    job: Job, capsys: Any, tmp_path: Path, ring: Path
) -> None:
    lake = tmp_path / "lake"
    ratings = [
        "--set",
        f"lake.path={lake}",
        "--set",
        "sample.users=40",
        "--set",
        "sample.items=20",
        "--set",
        "sample.ratings=300",
    ]
    assert job("interactions", *ratings) == 0
    shutil.copytree(lake / "interactions", tmp_path / "interactions")
    assert job("load_edges", *job_arguments(lake, ring)) == 0
    assert list_tables(lake) == {"vocabulary", "edges"}
    capsys.readouterr()
    assert job("edges", *ratings) == 2
    assert "table interactions is not in" in capsys.readouterr().err

    shutil.copytree(tmp_path / "interactions", lake / "interactions")  # as after a commit that was killed before the removal
    assert job("baskets", *ratings) == 2
    error = capsys.readouterr().err
    assert "interactions was made together with another vocabulary than the lake holds now: run the job interactions (" in error

    shutil.copytree(lake / "edges", tmp_path / "edges")
    assert job("interactions", *ratings) == 0
    assert list_tables(lake) == {"interactions", "vocabulary", "items", "sample"}
    assert job("graph", *ratings) == 2
    assert "table edges is not in" in capsys.readouterr().err
    shutil.copytree(tmp_path / "edges", lake / "edges")
    assert job("graph", *ratings) == 2
    error = capsys.readouterr().err
    assert (
        "table edges was made together with another vocabulary than the lake holds now: run the job edges (walkgram edges)"
        in error
    )


def test_the_error_names_the_job_of_the_kind_of_source(job: Job, capsys: Any, tmp_path: Path, ring: Path) -> None:
    lake = tmp_path / "lake"
    for kind, name in (("edges", "load_edges"), ("interactions", "interactions")):
        assert job("graph", *job_arguments(lake, ring, f"input.kind={kind}")) == 2
        assert f"table vocabulary is not in {lake}: run the job {name} (walkgram {name}) first" in capsys.readouterr().err
    assert job("load_edges", *job_arguments(lake, ring)) == 0
    shutil.rmtree(lake / "edges")
    assert job("graph", *job_arguments(lake, ring)) == 2  # the configuration does not say edges, but the lake does
    assert "run the job load_edges (walkgram load_edges) first" in capsys.readouterr().err


def test_a_sample_is_no_graph(job: Job, capsys: Any, tmp_path: Path) -> None:
    assert job("embed_graph", "--set", f"lake.path={tmp_path / 'lake'}") == 2
    assert "input.path is empty" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["load_edges", "embed_graph"])
def test_help_lists_the_keys_of_an_edge_table(capsys: Any, name: str) -> None:
    from walkgram.runtime import cli

    with pytest.raises(SystemExit) as exit_info:
        cli.main([name, "--help"])
    assert exit_info.value.code == 0
    assert "input.edge_columns.weight" in capsys.readouterr().out


@pytest.mark.data
@pytest.mark.parametrize("name", ["cora", "ppi"])
def test_a_real_graph_is_loaded_completely(job: Job, tmp_path: Path, name: str) -> None:
    path = require_data(f"graphs/{name}/edges.parquet")
    rows = [tuple(row.values()) for row in pq.read_table(path, columns=["src", "dst", "weight"]).to_pylist()]
    expected = sum_edges(rows, False)
    assert job("load_edges", *job_arguments(tmp_path, path)) == 0
    words = [tuple(w.values()) for w in pq.read_table(tmp_path / "vocabulary").sort_by("index").to_pylist()]
    assert [word[1:] for word in words] == vocabulary(expected)
    ids = [word[1] for word in words]
    table = pq.read_table(tmp_path / "edges").to_pylist()
    assert {tuple(sorted((ids[r["src"]], ids[r["dst"]]))): r["weight"] for r in table} == expected
