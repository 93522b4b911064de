"""Small lakes for the tests of jobs: sources, command lines, and tables by item id."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support.pair_oracles import Edge
from walkgram.lake.file_list import checksum_in_threads, describe_files
from walkgram.runtime import cli

Row = tuple[Any, Any, int | None]  # user, item, time in seconds
FIRST = 2**53 + 1  # ids from here on collide as doubles
SECOND = 1_000_000  # microseconds, the unit of brute force


def rows_of_forty_users() -> list[Row]:
    """Draw rows at few moments, some without a time, with duplicates; one user has every item, every user the first item."""
    rng = np.random.default_rng(11)
    items = [FIRST + k for k in range(16)]
    rows: list[Row] = [("all", item, 1000 + 10 * int(rng.integers(0, 12))) for item in items]
    for user in range(40):
        chosen = {items[0], *rng.choice(items[1:], int(rng.integers(0, 9)), replace=False).tolist()}
        for item in chosen:
            time = None if rng.random() < 0.08 else 1000 + 10 * int(rng.integers(0, 9))
            rows += [(f"u{user:02}", item, time)] * int(rng.integers(1, 3))
            if rng.random() < 0.1:
                rows.append((f"u{user:02}", item, 1000 + 10 * int(rng.integers(0, 9))))
    rows += [("timeless", items[0], None), ("timeless", items[5], None), ("single", items[0], 1000)]
    return [rows[k] for k in rng.permutation(len(rows))]


def write(rows: Iterable[Row], path: Path) -> Path:
    """Write the rows as a Parquet or CSV table, by suffix; returns the path."""
    users, items, times = zip(*rows, strict=True)
    if path.suffix == ".csv":
        lines = [f"{u},{i},{'' if t is None else t}" for u, i, t in zip(users, items, times, strict=True)]
        path.write_text("\n".join(["user_id,item_id,timestamp", *lines, ""]))
    else:
        pq.write_table(pa.table({"user_id": users, "item_id": items, "timestamp": pa.array(times, pa.int64())}), path)
    return path


def arguments(lake: Path, *keys: str) -> list[str]:
    """Return the command line of a job on a lake: the defaults and these keys."""
    config = lake.parent / "empty.toml"
    config.write_text("")
    return ["--config", str(config), *(part for key in (f"lake.path={lake}", *keys) for part in ("--set", key))]


def key_options(lake: Path, *keys: str) -> list[str]:
    """Return the options that set keys, and the lake's path, on top of the sample's configuration."""
    return [part for key in (*keys, f"lake.path={lake}") for part in ("--set", key)]


def run(name: str, lake: Path, *keys: str) -> int:
    """Run a job; returns its exit status."""
    return cli.main([name, *arguments(lake, *keys)])


def interactions(path: Path, lake: Path) -> Path:
    """Write the interactions of a source to a lake; returns the lake."""
    assert run("interactions", lake, f"input.path={path}", "input.columns.rating=") == 0
    return lake


def names(lake: Path) -> list[Any]:
    """Return the item ids by index."""
    words = pq.read_table(lake / "vocabulary").sort_by("index")
    assert words["index"].to_pylist() == list(range(words.num_rows))
    return list(words["item_id"].to_pylist())


def by_ids(lake: Path, table: str, directed: bool) -> dict[tuple[Any, Any], dict[str, Any]]:
    """Return the rows of pairs or edges by item ids, in undirected tables the lower id first; asserts that keys are unique."""
    ids, rows = names(lake), {}
    for row in pq.read_table(lake / table).to_pylist():
        assert row["src"] != row["dst"] if directed else row["src"] < row["dst"]
        ends = ids[row.pop("src")], ids[row.pop("dst")]
        ends = ends if directed else (min(ends), max(ends))
        assert ends not in rows
        rows[ends] = row
    return rows


def edges(lake: Path, directed: bool) -> dict[tuple[Any, Any], Edge]:
    """Return the edges by item ids."""
    return {ends: Edge(**row) for ends, row in by_ids(lake, "edges", directed).items()}


def assert_same(actual: Mapping[Any, Edge], expected: Mapping[Any, Edge]) -> None:
    """Assert equal pairs and frequencies, and pmi and weight up to the rounding of doubles."""
    assert {ends: e.frequency for ends, e in actual.items()} == {ends: e.frequency for ends, e in expected.items()}
    for k in (1, 2):
        np.testing.assert_allclose([actual[e][k] for e in expected], [expected[e][k] for e in expected], rtol=1e-11, atol=1e-11)


def manifest(lake: Path, table: str) -> dict[str, Any]:
    """Return the manifest of a table."""
    return dict(json.loads((lake / table / "_manifest.json").read_text()))


def state(lake: Path) -> dict[str, tuple[int, int]]:
    """Return the size and time of every file of the lake's tables."""
    stats = {str(file): file.stat() for file in lake.rglob("*") if file.is_file() and "_staging" not in file.parts}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def write_walks_lake(folder: Path, edges: Iterable[tuple[str, str]], *keys: str) -> Path:
    """Write a lake with the graph of these edges and its walks, in three shards; returns the lake."""
    source, lake = folder / "edges.csv", folder / "lake"
    source.write_text("\n".join(["src,dst", *(f"{a},{b}" for a, b in edges), ""]))
    for name in ("load_edges", "graph", "walks"):
        assert run(name, lake, "input.kind=edges", f"input.path={source}", "walks.num_shards=3", *keys) == 0
    return lake


def vectors(lake: Path) -> dict[str, tuple[Any, Any]]:
    """Return (vector, context_vector) of each item."""
    rows = pq.read_table(lake / "embeddings").to_pylist()
    by_item = {row["item_id"]: (row["vector"], row["context_vector"]) for row in rows}
    assert len(by_item) == len(rows)
    return by_item


def restate_files(lake: Path, *tables: str) -> None:
    """Write the files that tables have now into their manifests, as if their jobs had written them."""
    for table in tables:
        manifest = lake / table / "_manifest.json"
        files = describe_files(str(lake / table), checksum_in_threads)
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"files": files}))
