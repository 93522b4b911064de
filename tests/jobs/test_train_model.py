"""The seam of a model: registered toys train by the ordinary job, and write whatever tables they declare."""

import importlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from support import lakes, toy_closed_form, toy_two_sided
from walkgram.config.train import Train
from walkgram.errors import ConfigError
from walkgram.train.models import registry
from walkgram.train.models.registry import MODELS, ModelSpec, check_config, find_model

N = 20
KEYS = ("train.dim=3", "train.epochs=3", "train.checkpoint_minutes=1000")


@pytest.fixture(scope="module")
def walks_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with the walks of a ring."""
    edges = [(f"i{k:02}", f"i{(k + step) % N:02}") for k in range(N) for step in (1, 2)]
    return lakes.write_walks_lake(tmp_path_factory.mktemp("toys"), edges, "walks.num_walks=4", "walks.walk_length=6")


@pytest.fixture
def lake(walks_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the lake with the walks, and register the toy models."""
    monkeypatch.setitem(MODELS, "two_sided", toy_two_sided.__name__)
    monkeypatch.setitem(MODELS, "degrees", toy_closed_form.__name__)
    return Path(shutil.copytree(walks_lake, tmp_path / "lake"))


def read_sides(lake: Path, table: str, key: str, value: str) -> dict[tuple[str, Any], Any]:
    """Return the values by (side, key)."""
    rows = pq.read_table(lake / table).to_pylist()
    by_key = {(row["side"], row[key]): row[value] for row in rows}
    assert len(by_key) == len(rows) == 2 * N
    return by_key


def test_two_sides_and_a_table_of_its_own_are_written_and_a_stopped_run_resumes_to_the_same(
    lake: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = Path(shutil.copytree(lake, tmp_path / "stopped"))
    assert lakes.run("train", lake, "train.model=two_sided", *KEYS) == 0
    vectors = read_sides(lake, "embeddings", "item_id", "vector")
    attention = read_sides(lake, "attention", "index", "weight")
    assert {side for side, _ in vectors} == {"left", "right"}
    assert sum(attention.values()) == 2 * 3 * 4 * N
    manifest = lakes.manifest(lake, "attention")
    assert manifest["rows"] == {"embeddings": 2 * N, "attention": 2 * N, "losses": 3}
    assert pq.read_table(lake / "losses").num_rows == 3

    monkeypatch.setattr(toy_two_sided, "stop_after", [14])
    assert lakes.run("train", stopped, "train.model=two_sided", *KEYS) == 143
    assert "a rerun resumes from it" in capsys.readouterr().err
    assert (stopped / "_checkpoints" / "train.pt").exists()
    assert not (stopped / "embeddings").exists()
    assert not (stopped / "attention").exists()
    assert lakes.run("train", stopped, "train.model=two_sided", *KEYS) == 0
    assert "resuming from" in caplog.text
    assert read_sides(stopped, "embeddings", "item_id", "vector") == vectors
    assert read_sides(stopped, "attention", "index", "weight") == attention
    assert not (stopped / "_checkpoints").exists()


def test_a_closed_form_writes_its_tables_and_no_losses(lake: Path) -> None:
    assert lakes.run("train", lake, "train.model=degrees", *KEYS) == 0
    rows = pq.read_table(lake / "embeddings").to_pylist()
    assert sorted(row["item_id"] for row in rows) == [f"i{k:02}" for k in range(N)]
    assert {tuple(row["vector"]) for row in rows} == {(4.0, 4.0)}
    assert lakes.manifest(lake, "embeddings")["rows"] == {"embeddings": N}
    assert set(lakes.manifest(lake, "embeddings")["inputs"]) == {"vocabulary", "edges"}
    assert not (lake / "losses").exists()
    assert not (lake / "_logs" / "train.jsonl").exists()


def test_a_closed_form_takes_the_place_of_a_model_of_the_loop_in_the_line(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is that of pipeline.tables by default; `alone` is in the vocabulary and has no edge."""
    edges, line = tmp_path / "edges.csv", tmp_path / "line"
    edges.write_text("src,dst\n" + "".join(f"{a},{b}\n" for a in "abcde" for b in "abcde" if a < b))
    (tmp_path / "nodes.csv").write_text("item_id\n" + "".join(f"{node}\n" for node in ("alone", *"abcde")))
    source = ("input.kind=edges", f"input.path={edges}", "input.nodes=nodes.csv", "walks.num_walks=2", "neighbours.k=2")
    pictures = {name: line / "export" / f"{name}.png" for name in ("loss", "degrees")}
    for model, has_losses in (("degrees", False), ("skipgram", True), ("degrees", False)):
        assert lakes.run("run", line, *source, *KEYS, f"train.model={model}") == 0
        assert pictures["degrees"].exists()
        assert pictures["loss"].exists() == has_losses
        assert set(lakes.vectors(line)) == set("abcde")
        done = [text for text in capsys.readouterr().out.splitlines() if "train: done in" in text]
        assert has_losses or done[0].endswith(" s: 5 embeddings")
    assert set(lakes.manifest(line, "export")["inputs"]) == {"vocabulary", "embeddings", "edges"}
    assert lakes.run("export", line, "train.dim=99") == 0
    assert "export: up to date" in capsys.readouterr().out
    assert lakes.run("export", line, "export.plots=false") == 0
    assert set(lakes.manifest(line, "export")["inputs"]) == {"vocabulary", "embeddings"}
    assert not pictures["degrees"].exists()


def test_numbers_that_are_not_finite_leave_no_table(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.toy_closed_form.np.zeros", lambda shape, kind: np.full(shape, np.nan, kind))
    assert lakes.run("train", lake, "train.model=degrees", *KEYS) == 2
    assert "table embeddings: vector is not finite after training where item_id is 'i" in capsys.readouterr().err
    assert not (lake / "embeddings").exists()


def test_a_table_that_is_not_declared_ends_the_run(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModelSpec("degrees", toy_closed_form.MODEL.reads, lambda _: ("attention",), solve=toy_closed_form.solve)
    monkeypatch.setattr(toy_closed_form, "MODEL", spec)
    assert lakes.run("train", lake, "train.model=degrees", *KEYS) == 1
    assert "train.model = degrees gives table embeddings, which it does not declare" in capsys.readouterr().err
    assert not (lake / "embeddings").exists()


def test_an_unknown_model_is_named_with_the_known_ones_before_anything_runs(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = lakes.state(lake)
    assert lakes.run("train", lake, "train.model=word2vec", *KEYS) == 2
    assert {"skipgram", "keras_node2vec", "two_sided"} <= set(MODELS)
    assert f"train.model = 'word2vec' is unknown; the models are {', '.join(MODELS)}\n" in capsys.readouterr().err
    assert lakes.state(lake) == before


@pytest.mark.parametrize("keys", [("train.num_processes=2",), ("train.validation_walks=5",), ("train.warm_start=lake",)])
def test_what_a_model_does_not_support_is_refused(
    lake: Path, capsys: pytest.CaptureFixture[str], keys: tuple[str, ...]
) -> None:
    name = keys[0].split("=")[0]
    assert lakes.run("train", lake, "train.model=two_sided", *KEYS, *keys) == 2
    assert f"{name} is for train.model = \"skipgram\"; leave it out for 'two_sided'" in capsys.readouterr().err


def test_a_training_leaves_the_settings_of_the_process_as_they_were(lake: Path) -> None:
    threads, pool = torch.get_num_threads(), pa.default_memory_pool().backend_name
    torch.set_num_threads(threads + 1)
    try:
        assert lakes.run("train", lake, "train.model=two_sided", *KEYS) == 0
        assert torch.get_num_threads() == threads + 1
        assert pa.default_memory_pool().backend_name == pool
    finally:
        torch.set_num_threads(threads)


def test_a_specification_has_one_way_to_train_and_known_features() -> None:
    tables = {"reads": lambda _: (), "writes": lambda _: ()}
    for ways in ({}, {"build": toy_two_sided.TwoSided, "solve": toy_closed_form.solve}):
        with pytest.raises(ValueError, match="give either build or solve"):
            ModelSpec("toy", **tables, **ways)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="supports magic"):
        ModelSpec("toy", **tables, solve=toy_closed_form.solve, supports=frozenset({"magic"}))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no section train\.toy"):
        ModelSpec("toy", **tables, solve=toy_closed_form.solve, section="toy")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(registry.MODELS))
def test_every_registered_model_has_its_name_and_section(name: str) -> None:
    spec = find_model(name)
    assert spec is importlib.import_module(MODELS[name]).MODEL
    assert spec.name == name
    assert not spec.section or spec.section in Train.model_fields
    assert check_config(Train(model=name)) is spec
    with pytest.raises(ConfigError, match=f"the models are {', '.join(MODELS)}"):
        find_model(name + "2")
