"""jobs/load_edges.py: the same graph from every format, and one message for each invalid input."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from support import lakes
from support.oracles import sum_edges, vocabulary

Job = Callable[..., int]


def job_arguments(lake: Path, path: Path, *options: str) -> list[str]:
    return [part for key in (f"lake.path={lake}", f"input.path={path}", *options) for part in ("--set", key)]


def load_edges(job: Job, lake: Path, path: Path, *options: str) -> tuple[dict[tuple[Any, Any], float], list[tuple[Any, int]]]:
    """Run the job on a source; return (undirected edges by node ids, vocabulary) as it writes them."""
    assert job("load_edges", *job_arguments(lake, path, *options)) == 0
    words = pq.read_table(lake / "vocabulary").sort_by("index").to_pylist()
    names = [word["item_id"] for word in words]
    table = pq.read_table(lake / "edges").to_pylist()
    ends = [sorted((names[row["src"]], names[row["dst"]])) for row in table]
    return {(a, b): row["weight"] for (a, b), row in zip(ends, table, strict=True)}, [
        (word["item_id"], word["frequency"]) for word in words
    ]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    ids = {name: 2**53 + 1 + rng.integers(0, 12, 60) for name in ("src", "dst")}
    return pd.DataFrame(ids | {"weight": rng.integers(1, 100, 60) / 7, "note": "x y"})


def write_source(table: pd.DataFrame, folder: Path, kind: str) -> Path:
    """Write the table in a format; returns the path."""
    path = folder / f"edges.{kind}"
    lines = [f"{row.src}\t {row.dst} {row.weight!r}" for row in table.itertuples()]
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "tsv.gz":
        table.to_csv(path, index=False, sep="\t", lineterminator="\r\n")
    elif kind == "jsonl":
        table.to_json(path, orient="records", lines=True, double_precision=15)
    elif kind == "parquet":
        path.mkdir()
        table[:20].astype({"src": "uint64"}).to_parquet(path / "a.parquet")
        table[20:].astype({"src": "uint64"}).to_parquet(path / "b.parquet")
    elif kind == "txt":
        path.write_bytes(
            b"\xef\xbb\xbf# a comment\n" + "\r\n".join(["% another", *lines[:30], "", " \t", *lines[30:]]).encode()
        )
    else:
        path.mkdir()
        (path / "a.edges").write_text("\n".join([f"  {line}\t" for line in lines[:30]]))
        (path / "b.el.gz").write_bytes(gzip.compress("\n".join(lines[30:]).encode()))
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv.gz", "jsonl", "parquet", "txt", "folder"])
def test_every_format_gives_the_same_graph(job: Job, tmp_path: Path, table: pd.DataFrame, kind: str) -> None:
    expected = sum_edges(zip(table["src"].tolist(), table["dst"].tolist(), table["weight"].tolist(), strict=True), False)
    edges, words = load_edges(job, tmp_path / "lake", write_source(table, tmp_path, kind))
    assert edges == pytest.approx(expected, rel=1e-12 if kind == "jsonl" else 0)  # pandas writes JSON with 15 digits
    assert words == vocabulary(expected)


def test_columns_have_any_names_and_weights_may_be_ignored(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "follows.csv"
    path.write_text('follower.id,Who is followed,weight\nann,"a, b",3\n"a, b",ann,3\nann,007,5\n')
    names = ("input.edge_columns.src=follower.id", "input.edge_columns.dst=Who is followed")
    edges, words = load_edges(job, tmp_path / "lake", path, *names, "input.edge_columns.weight=")
    assert edges == {("a, b", "ann"): 2.0, ("007", "ann"): 1.0}
    assert words == [("ann", 2), ("007", 1), ("a, b", 1)]


def test_missing_weights_are_an_error_only_if_the_key_is_set(job: Job, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("src,dst,w\n1,2,5\n2,1,5\n")
    assert load_edges(job, tmp_path / "lake", path)[0] == {(1, 2): 2.0}
    assert "weights 1 for each row, as there is no column 'weight'" in capsys.readouterr().out
    assert job("load_edges", *job_arguments(tmp_path / "other", path, "input.edge_columns.weight=weight")) == 2
    assert "has no column 'weight': set input.edge_columns.weight to one of src, dst, w" in capsys.readouterr().err
    unweighted = tmp_path / "edges.el"
    unweighted.write_text("1 2\n")
    assert job("load_edges", *job_arguments(tmp_path / "other", unweighted, "input.edge_columns.weight=weight")) == 2
    assert "the lines hold no weight 'weight': set input.edge_columns.weight" in capsys.readouterr().err


HEADER = "src,dst,weight\n1,2,1\n"
CASES = {
    "negative weight": ("a.csv", HEADER + "3,4,-1.5\n", "column 'weight' holds -1.5: weights must be above 0, and 1 of 2 rows"),
    "infinite weight": ("a.csv", HEADER + "3,4,Infinity\n", "column 'weight' holds Infinity, and 1 of 2 rows"),
    "null weight": ("a.csv", HEADER + "3,4,\n3,5,\n", "column 'weight' is null, and 2 of 3 rows"),
    "null id": ("a.csv", HEADER + ",4,1\n", "column 'src' is null, and 1 of 2 rows"),
    "torn JSON": ("a.jsonl", '{"src": 1, "dst": 2}\n{"src": 3, "d\n', 'a line is not JSON: {"src": 3, "d, and 1 of 2 rows'),
    "line cut short": ("a.el", "1 2 3\n4 5\n", "a line has 2 field(s) where the first edge has 3: 4 5, and 1 of 2 rows"),
    "long line": ("a.el", "1 2\n4 5 6 7\n", "4 field(s) where the first edge has 2: 4 5 6 7, and 1 of 2 rows"),
    "not UTF-8": ("a.el", "1 2\nb\udcff 3\n", "column 'src' holds b�, which is not in the encoding of the file: set input"),
}  # fmt: skip


@pytest.mark.parametrize("name, text, message", CASES.values(), ids=CASES)
def test_a_bad_row_ends_the_run_with_one_message(
    job: Job, capsys: Any, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert job("load_edges", *job_arguments(tmp_path / "lake", tmp_path / name)) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len([line for line in error.splitlines() if ": error: " in line]) == 1
    assert 'set input.bad_rows = "drop"' in error
    assert not [f for f in (tmp_path / "lake").iterdir() if not f.name.startswith("_")]


def test_bad_rows_are_dropped_and_counted_if_the_key_says_so(job: Job, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text(HEADER + "src,dst,weight\n2,1,2\n,3,1\n4,5,-1\n6,1,1\n7,7,2\n")
    (tmp_path / "nodes.csv").write_text("name\n1\n2\n\n7\n8\n8\n")
    options = ("input.nodes=nodes.csv", "input.item_columns.item_id=name", "input.bad_rows=drop")
    edges, words = load_edges(job, tmp_path / "lake", tmp_path / "edges.csv", *options)
    assert edges == {(1, 2): 3.0, (7, 7): 2.0}
    assert words == [(1, 1), (2, 1), (7, 1), (8, 0)]
    assert "7 rows read, 4 bad rows, 1 duplicates, 2 edges, 1 self loops, 4 nodes" in capsys.readouterr().out


def test_an_invalid_source_leaves_the_tables_unchanged(job: Job, capsys: Any, tmp_path: Path) -> None:
    path, lake = tmp_path / "edges.csv", tmp_path / "lake"
    path.write_text(HEADER + "3,4,1e308\n")
    load_edges(job, lake, path)
    before = lakes.state(lake)
    (tmp_path / "nodes.csv").write_text("item_id\n1\n2\n3\n")
    runs = {
        HEADER + "3,4,1e308\n4,3,1e308\n": ("the rows from 3 to 4 add up to more than a double holds", ()),
        "src,dst,weight\n": ("the table has no rows", ()),
        "": ("no columns could be read", ()),
        HEADER + "5,1,1\n": ("column 'src' holds 5, which is not in input.nodes, and 1 of 2 rows", ("input.nodes=nodes.csv",)),
        "src,dst,weight\n1,x,0\n": ("none of 1 rows can be used: column 'weight' holds 0", ("input.bad_rows=drop",)),
    }
    for text, (message, options) in runs.items():
        path.write_text(text)
        assert job("load_edges", *job_arguments(lake, path, *options)) == 2
        error = capsys.readouterr().err.strip()
        assert message in error
        assert len([line for line in error.splitlines() if ": error: " in line]) == 1
        assert lakes.state(lake) == before != {}


def test_a_folder_of_several_formats_asks_for_the_key_and_ratings_are_no_edge_list(
    job: Job, capsys: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "edges.csv").write_text(HEADER)
    (tmp_path / "in" / "about.dat").write_text("x")
    assert job("load_edges", *job_arguments(tmp_path / "lake", tmp_path / "in")) == 2
    assert (
        "input.format to csv, parquet, json, edgelist, adjacency or matrix_market, and input.interactions"
        in capsys.readouterr().err
    )
    assert load_edges(job, tmp_path / "lake", tmp_path / "in", "input.interactions=edges.csv")[0] == {(1, 2): 1.0}
    assert job("interactions", *job_arguments(tmp_path / "lake", tmp_path / "in", "input.format=edgelist")) == 2
    assert "input.kind = edges" in capsys.readouterr().err
