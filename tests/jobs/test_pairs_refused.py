"""Errors of the jobs pairs and edges: one message, unchanged tables; and interrupted runs that continue."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support import lakes as lakes
from support.interruptions import read_times, stop_after

KEYS = ("pairs.write_table=true", "pairs.min_frequency=2", "pairs.tasks=5", "edges.min_frequency=2", "edges.min_weight=1.5")


@pytest.fixture(scope="module")
def edges_lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the jobs up to the edges; return the lake."""
    folder = tmp_path_factory.mktemp("edges_lake")
    lake = lakes.interactions(lakes.write(lakes.rows_of_forty_users(), folder / "rows.parquet"), folder / "lake")
    for name in ("baskets", "pairs", "edges"):
        assert lakes.run(name, lake, *KEYS) == 0
    return lake


@pytest.fixture
def refused(capsys: Any) -> Callable[..., str]:
    """Return refused(name, lake, *keys): run a job that fails, return its error message.

    It asserts that the lake is unchanged and that no files are staged.
    """

    def run(name: str, lake: Path, *keys: str) -> str:
        before = lakes.state(lake)
        capsys.readouterr()
        assert lakes.run(name, lake, *keys) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        (line,) = [line for line in error.splitlines() if ": error: " in line]
        assert lakes.state(lake) == before != {}
        assert not list((lake / "_staging").glob("*"))
        return str(line)

    return run


@pytest.mark.parametrize(("name", "keys", "message"), [
    ("baskets", ("pairs.max_items_per_user=1",), "no two kept items share a user, so there are no pairs"),
    ("baskets", ("pairs.mode=sequence", "pairs.max_gap=9.5"),
     "no two kept items follow one another in reach of pairs.window and pairs.max_gap, so there are no pairs"),
    ("baskets", ("pairs.window=3",), 'pairs.window is for sequences: set pairs.mode = "sequence"'),
    ("baskets", ("pairs.max_gap=3",), 'pairs.max_gap is for sequences: set pairs.mode = "sequence"'),
    ("edges", (*KEYS, "edges.min_weight=1e9"),
     "edges.min_weight = 1000000000.0 with edges.min_frequency = 2 with edges.min_item_frequency = 1 keeps no edge: "),
    ("edges", (*KEYS, "edges.min_item_frequency=43"), "with edges.min_item_frequency = 43 keeps no edge: the heaviest"),
    ("edges", (*KEYS, "pmi.weight=shifted", "pmi.shift=1e9"), "no pair has a weight above 0; try another pmi.weight"),
    ("edges", (*KEYS, "pairs.mode=sequence"),
     "pairs.mode = sequence, but table baskets was counted with basket: run the job baskets (walkgram baskets) again"),
    ("edges", (*KEYS, "pairs.user_weight=inverse_degree"),
     "pairs.user_weight = inverse_degree, but table baskets was counted with none: "),
    ("edges", (*KEYS, "pairs.min_frequency=1"),
     "pairs.min_frequency = 1, but table pairs was counted with 2: run the job pairs (walkgram pairs) again"),
])  # fmt: skip
def test_a_configuration_without_pairs_or_edges_is_one_message(
    refused: Callable[..., str], edges_lake: Path, name: str, keys: tuple[str, ...], message: str
) -> None:
    assert message in refused(name, edges_lake, *keys)


def test_the_message_names_the_largest_weight_and_frequency(refused: Callable[..., str], edges_lake: Path) -> None:
    """Of all pairs, also of those that pairs.min_frequency drops from the pairs table."""
    uncut = edges_lake.parent / "uncut"
    shutil.copytree(edges_lake, uncut)
    assert lakes.run("edges", uncut, *KEYS, "edges.min_frequency=1", "edges.min_weight=0") == 0
    table = pq.read_table(uncut / "edges").to_pandas()
    largest = f"the heaviest pair weighs {table['weight'].max():.6g}, the most frequent has {table['frequency'].max()} users"
    assert largest in refused("edges", edges_lake, *KEYS, "edges.min_frequency=500")


def test_sequences_need_read_times(refused: Callable[..., str], tmp_path: Path) -> None:
    rows = [(user, item, None) for user, item, _ in lakes.rows_of_forty_users()]
    lake = lakes.interactions(lakes.write(rows, tmp_path / "rows.parquet"), tmp_path / "lake")
    message = "no interaction has a time, which pairs.mode = sequence needs: name it in input.columns.timestamp"
    assert message in refused("baskets", lake, "pairs.mode=sequence", "pairs.blocks=3")


def read_shards(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.parquet"))}


def test_an_interrupted_job_pairs_continues_after_its_finished_shards(
    edges_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, uninterrupted, keys = tmp_path / "lake", tmp_path / "uninterrupted", (*KEYS, "pairs.min_frequency=1")
    for copy in (lake, uninterrupted):
        shutil.copytree(edges_lake, copy)
    assert lakes.run("pairs", uninterrupted, *keys) == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert lakes.run("pairs", lake, *keys) == 1
    old_shards = read_shards(edges_lake / "pairs")
    assert read_shards(lake / "pairs") == old_shards
    (staged,) = (lake / "_staging").glob("pairs-*")
    staged_times = read_times(staged / "pairs")
    assert set(staged_times) == {"part-00000.parquet", "part-00001.parquet"}
    assert lakes.run("pairs", lake, *keys) == 0
    assert staged_times.items() <= read_times(lake / "pairs").items()
    assert len(read_times(lake / "pairs")) == 5
    assert read_shards(lake / "pairs") == read_shards(uninterrupted / "pairs") != old_shards
    assert lakes.manifest(lake, "pairs")["rows"] == lakes.manifest(uninterrupted, "pairs")["rows"]
    assert not list((lake / "_staging").iterdir())


@pytest.mark.parametrize("write_table", ["true", "false"])
def test_an_interrupted_job_edges_continues_after_its_finished_shards(
    edges_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_table: str
) -> None:
    """From the pairs table or straight from the counts; the manifest has the sums of all shards."""
    lake, keys = tmp_path / "lake", (*KEYS, f"pairs.write_table={write_table}", "edges.min_weight=8")
    shutil.copytree(edges_lake, lake)
    old_shards = read_shards(lake / "edges")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert lakes.run("edges", lake, *keys) == 1
    assert read_shards(lake / "edges") == old_shards
    (staged,) = (lake / "_staging").glob("edges-*")
    staged_times = read_times(staged / "edges")
    assert set(staged_times) == {"part-00000.parquet", "part-00001.parquet"}
    assert lakes.run("edges", lake, *keys) == 0
    assert staged_times.items() <= read_times(lake / "edges").items()
    continued, record = read_shards(lake / "edges"), lakes.manifest(lake, "edges")
    assert not list((lake / "_staging").iterdir())
    assert len(continued) == 5
    assert record["rows"]["edges"] == pq.read_table(lake / "edges").num_rows
    shutil.rmtree(lake / "edges")
    assert lakes.run("edges", lake, *keys) == 0
    assert read_shards(lake / "edges") == continued != old_shards
    counts = lakes.manifest(lake, "edges")["counts"]
    assert {k: v for k, v in counts.items() if "seconds" not in k} == {
        k: v for k, v in record["counts"].items() if "seconds" not in k
    }
