"""Every job's main in a temporary lake: tables as the contract has them, the skip, the rerun, the interrupted run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from walkgram import tables

Job = Callable[..., int]
LINE = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export")
SMALL = {
    "sample.users": 60, "sample.items": 40, "sample.ratings": 900, "sample.groups": 4,
    "edges.min_frequency": 2, "edges.min_weight": 0.5,
    "walks.num_walks": 3, "walks.walk_length": 8, "train.dim": 8, "train.epochs": 2,
    "neighbours.block_rows": 16, "pairs.write_table": "true", "interactions.keep_rejected": "true",
}  # fmt: skip


def arguments(lake: Path, **changes: object) -> list[str]:
    keys = {**SMALL, "lake.path": lake, **{k.replace("__", "."): v for k, v in changes.items()}}
    return [part for key, value in keys.items() for part in ("--set", f"{key}={value}")]


def manifest(lake: Path, table: str) -> dict[str, Any]:
    return dict(json.loads((lake / table / "_manifest.json").read_text()))


@pytest.fixture(scope="module")
def lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run every job once, each by its own main; return the lake."""

    from walkgram.runtime import cli

    folder = tmp_path_factory.mktemp("lake [x] with a space")
    for name in LINE:
        assert cli.main([name, *arguments(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", [name for name, table in tables.TABLES.items() if table.columns])
def test_a_table_has_the_columns_types_and_key_of_the_contract(lake: Path, name: str) -> None:
    read = pq.read_table(lake / name)
    expected = tables.table_schema(name, pa.int64())
    assert read.schema.names == expected.names
    for field in expected:
        have = read.schema.field(field.name).type
        if pa.types.is_list(field.type):
            assert have.value_type == field.type.value_type
        else:
            assert have == field.type, field.name
    keys = list(zip(*(read[c].to_pylist() for c in tables.TABLES[name].key), strict=True))
    assert len(keys) == len(set(keys)) == read.num_rows > 0
    assert manifest(lake, name)["rows"][name] == read.num_rows


def test_indices_hang_together(lake: Path) -> None:
    words = pq.read_table(lake / "vocabulary").to_pandas().sort_values("index")
    assert words["index"].tolist() == list(range(len(words)))
    assert words["frequency"].is_monotonic_decreasing
    kept = pq.read_table(lake / "interactions").to_pandas()
    assert kept.groupby("item_id").size().to_dict() == dict(zip(words["item_id"], words["frequency"], strict=True))
    edges = pq.read_table(lake / "edges").to_pandas()
    assert (edges["src"] < edges["dst"]).all()
    assert (edges["weight"] >= 0.5).all()
    nodes = sorted(set(edges["src"]) | set(edges["dst"]))
    assert pq.read_table(lake / "node_visits").to_pandas()["index"].sort_values().tolist() == nodes
    vectors = pq.read_table(lake / "embeddings").to_pandas()
    assert vectors["item_id"].tolist() == words.set_index("index").loc[nodes, "item_id"].tolist()
    assert vectors["frequency"].tolist() == words.set_index("index").loc[nodes, "frequency"].tolist()
    assert np.isfinite(np.stack(vectors["vector"].to_list())).all()
    walks = pq.read_table(lake / "walks").to_pandas().sort_values("walk_id")
    assert walks["walk_id"].tolist() == list(range(3 * len(nodes)))
    assert [w[0] for w in walks["walk"]] == nodes * 3


def test_the_export_belongs_together_line_by_line(lake: Path) -> None:
    vectors = (lake / "export" / "embeddings.tsv").read_text().splitlines()
    metadata = (lake / "export" / "metadata.tsv").read_text().splitlines()
    assert metadata[0] == "item_id\ttitle"
    assert len(metadata) == len(vectors) + 1
    table = {r["item_id"]: r["vector"] for r in pq.read_table(lake / "embeddings").to_pylist()}
    titles = {r["item_id"]: r["title"] for r in pq.read_table(lake / "items").to_pylist()}
    for vector, line in zip(vectors, metadata[1:], strict=True):
        item, title = line.split("\t")
        assert titles[int(item)] == title
        assert np.allclose([float(x) for x in vector.split("\t")], table[int(item)])
    for picture in ("loss.png", "degrees.png"):
        assert (lake / "export" / picture).read_bytes().startswith(b"\x89PNG")


def test_a_rerun_skips_what_is_up_to_date_and_a_change_reruns_what_depends_on_it(lake: Path, job: Job, capsys: Any) -> None:
    before = {name: manifest(lake, name)["run"] for name in ("edges", "walks", "embeddings", "neighbours")}
    assert job("run", *arguments(lake)) == 0
    said = capsys.readouterr().out
    assert said.count("up to date") == len(LINE)
    assert "times chance" in said
    assert str(lake / "neighbours") in said
    assert job("run", *arguments(lake, neighbours__k=3)) == 0
    after = {name: manifest(lake, name)["run"] for name in before}
    assert {name for name in before if before[name] != after[name]} == {"neighbours"}
    assert max(pq.read_table(lake / "neighbours")["rank"].to_pylist()) == 3


def test_force_makes_the_same_tables_anew(lake: Path, job: Job) -> None:
    walks, run = pq.read_table(lake / "walks").sort_by("walk_id"), manifest(lake, "walks")["run"]
    assert job("walks", "--force", *arguments(lake)) == 0
    assert manifest(lake, "walks")["run"] != run
    assert pq.read_table(lake / "walks").sort_by("walk_id").equals(walks)


def test_a_stage_that_fails_leaves_the_former_table_and_no_trace(lake: Path, job: Job, capsys: Any) -> None:
    run = manifest(lake, "edges")["run"]
    assert job("edges", *arguments(lake, edges__min_weight=1e9)) == 2
    error = capsys.readouterr().err.strip()
    assert "keeps no edge: the heaviest pair weighs" in error
    assert len(error.splitlines()) == 1
    assert manifest(lake, "edges")["run"] == run
    assert not list((lake / "_staging").iterdir())


def test_a_killed_run_shows_no_table_and_is_cleared_by_the_next(lake: Path, job: Job) -> None:
    left = lake / "_staging" / "graph-dead" / "graph"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    assert job("graph", "--force", *arguments(lake)) == 0
    assert not left.exists()


def test_edges_do_not_depend_on_the_pairs_table(lake: Path, job: Job, tmp_path: Path) -> None:
    for name in LINE[:4]:
        assert job(name, *arguments(tmp_path, pairs__write_table="false", pairs__blocks=3)) == 0
    assert not (tmp_path / "pairs").exists()
    kept, direct = (
        pq.read_table(place / "edges").sort_by([("src", "ascending"), ("dst", "ascending")]) for place in (lake, tmp_path)
    )
    assert kept.equals(direct)


def test_tables_that_another_configuration_left_are_removed(job: Job, tmp_path: Path) -> None:
    for name in LINE[:3]:
        assert job(name, *arguments(tmp_path)) == 0
    assert (tmp_path / "pairs").exists()
    assert job("pairs", *arguments(tmp_path, pairs__write_table="false")) == 0
    assert not (tmp_path / "pairs").exists()
    assert (tmp_path / "baskets").exists()
    assert (tmp_path / "interactions").exists()


def show(capsys: Any, lake: Path, **changes: object) -> dict[str, str]:
    """Return table -> why it is stale, as `walkgram show` says."""
    from walkgram.runtime import cli

    capsys.readouterr()
    assert cli.main(["show", str(lake), *arguments(lake, **changes)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["table", "rows", "made", "by", "seconds", "CPU", "s", "state"]
    return dict(line.split(" is stale: ") for line in lines if " is stale: " in line)


def test_show_says_what_is_stale_and_why(lake: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from walkgram.runtime import show as show_module

    assert show(capsys, lake, neighbours__k=3) == {}
    reasons = show(capsys, lake, neighbours__k=3, walks__p=2)
    assert reasons["walks"] == reasons["node_visits"] == "walks.p was 1.0 and is 2.0"
    assert reasons["embeddings"] in ("its input walks is stale", "its input node_visits is stale")
    assert reasons["neighbours"] == "its input embeddings is stale"
    assert set(reasons) == {"walks", "node_visits", "embeddings", "losses", "neighbours", "export"}
    monkeypatch.setattr(show_module, "code_version", lambda job, config: "other")
    assert set(show(capsys, lake, neighbours__k=3).values()) > {"the code of job graph has changed"}


def test_identity_depends_on_the_code_that_a_job_can_reach(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from walkgram.config.load import load_config
    from walkgram.jobs.registry import load_job
    from walkgram.runtime import job as runtime_job
    from walkgram.runtime.code_identity import list_reachable

    config, walks = load_config(None), load_job("walks")
    version = runtime_job.code_version(walks, runtime_job.select_sections(config, walks))
    assert version == runtime_job.code_version(walks, runtime_job.select_sections(config, walks))
    reachable = list_reachable("walkgram.jobs.walks")
    assert "walkgram.kernels.walks.walk" in reachable
    assert not [m for m in reachable if m.startswith(("walkgram.report", "walkgram.train", "walkgram.runtime", "walkgram.api"))]
    monkeypatch.setattr(runtime_job, "digest_code", lambda module: f"other {module}")
    assert runtime_job.code_version(walks, runtime_job.select_sections(config, walks)) != version
