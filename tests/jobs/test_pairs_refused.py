"""The jobs pairs and edges where they must stop: one clear line, and the tables as they were; and where they go on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support import lakes as lakes
from support.interruptions import stop_after, times

KEYS = ("pairs.write_table=true", "pairs.min_frequency=2", "pairs.tasks=5", "edges.min_frequency=2", "edges.min_weight=1.5")


@pytest.fixture(scope="module")
def made(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake up to the edges."""
    folder = tmp_path_factory.mktemp("made")
    lake = lakes.interactions(lakes.write(lakes.rows_of_forty_users(), folder / "rows.parquet"), folder / "lake")
    for name in ("baskets", "pairs", "edges"):
        assert lakes.run(name, lake, *KEYS) == 0
    return lake


@pytest.fixture
def refused(capsys: Any) -> Callable[..., str]:
    """refused(name, lake, *keys): the one line that a job ends with; the tables are as they were and nothing is left."""

    def run(name: str, lake: Path, *keys: str) -> str:
        before = lakes.state(lake)
        capsys.readouterr()
        assert lakes.run(name, lake, *keys) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        (line,) = [line for line in said.splitlines() if ": error: " in line]
        assert lakes.state(lake) == before != {}
        assert not list((lake / "_staging").glob("*"))
        return str(line)

    return run


@pytest.mark.parametrize(("name", "keys", "said"), [
    ("baskets", ("pairs.max_items_per_user=1",), "no two kept items share a user, so there are no pairs"),
    ("baskets", ("pairs.mode=sequence", "pairs.max_gap=9.5"),
     "no two kept items follow one another in reach of pairs.window and pairs.max_gap, so there are no pairs"),
    ("baskets", ("pairs.window=3",), 'pairs.window is for sequences: set pairs.mode = "sequence"'),
    ("baskets", ("pairs.max_gap=3",), 'pairs.max_gap is for sequences: set pairs.mode = "sequence"'),
    ("edges", (*KEYS, "edges.min_weight=1e9"),
     "edges.min_weight = 1000000000.0 with edges.min_frequency = 2 with edges.min_item_frequency = 1 keeps no edge: "),
    ("edges", (*KEYS, "edges.min_item_frequency=43"), "with edges.min_item_frequency = 43 keeps no edge: the heaviest"),
    ("edges", (*KEYS, "pmi.weight=shifted", "pmi.shift=1e9"), "no pair has a weight above 0; try another pmi.weight"),
    ("edges", (*KEYS, "pairs.mode=sequence"), "pairs.mode = sequence, but the baskets have basket: run jobs/pairs.py again"),
    ("edges", (*KEYS, "pairs.user_weight=inverse_degree"), "pairs.user_weight = inverse_degree, but the baskets have none: "),
    ("edges", (*KEYS, "pairs.min_frequency=1"), "pairs.min_frequency = 1, but the pairs have 2: run jobs/pairs.py again"),
])  # fmt: skip
def test_what_leaves_no_edge_is_said_in_one_line(
    refused: Callable[..., str], made: Path, name: str, keys: tuple[str, ...], said: str
) -> None:
    assert said in refused(name, made, *keys)


def test_the_line_tells_what_the_cuts_would_spare(refused: Callable[..., str], made: Path) -> None:
    """The heaviest of all pairs, and the most frequent, be they cut from the pairs table or not."""
    every = made.parent / "every"
    shutil.copytree(made, every)
    assert lakes.run("edges", every, *KEYS, "edges.min_frequency=1", "edges.min_weight=0") == 0
    table = pq.read_table(every / "edges").to_pandas()
    spared = f"the heaviest pair weighs {table['weight'].max():.6g}, the most frequent has {table['frequency'].max()} users"
    assert spared in refused("edges", made, *KEYS, "edges.min_frequency=500")


def test_sequences_need_times(refused: Callable[..., str], tmp_path: Path) -> None:
    rows = [(user, item, None) for user, item, _ in lakes.rows_of_forty_users()]
    lake = lakes.interactions(lakes.write(rows, tmp_path / "rows.parquet"), tmp_path / "lake")
    said = "no interaction has a time, which pairs.mode = sequence needs: name it in input.columns.timestamp"
    assert said in refused("baskets", lake, "pairs.mode=sequence", "pairs.blocks=3")


def shards(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.parquet"))}


@pytest.mark.parametrize("keep", ["true", "false"])
def test_stopped_edges_go_on_from_the_shards_that_were_done(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    """By the pairs table or straight from the counts; the sums of the manifest are those of all shards."""
    lake, keys = tmp_path / "lake", (*KEYS, f"pairs.write_table={keep}", "edges.min_weight=8")
    shutil.copytree(made, lake)
    former = shards(lake / "edges")
    with monkeypatch.context() as broken:
        stop_after(broken, 2)
        assert lakes.run("edges", lake, *keys) == 1
    assert shards(lake / "edges") == former
    (staged,) = (lake / "_staging").glob("edges-*")
    kept = times(staged / "edges")
    assert set(kept) == {"part-00000.parquet", "part-00001.parquet"}
    assert lakes.run("edges", lake, *keys) == 0
    assert kept.items() <= times(lake / "edges").items()
    gone_on, record = shards(lake / "edges"), lakes.manifest(lake, "edges")
    assert not list((lake / "_staging").iterdir())
    assert len(gone_on) == 5
    assert record["rows"]["edges"] == pq.read_table(lake / "edges").num_rows
    shutil.rmtree(lake / "edges")
    assert lakes.run("edges", lake, *keys) == 0
    assert shards(lake / "edges") == gone_on != former
    again = lakes.manifest(lake, "edges")["counts"]
    assert {k: v for k, v in again.items() if "seconds" not in k} == {
        k: v for k, v in record["counts"].items() if "seconds" not in k
    }
