"""Manifests: identity of a table's content, errors for missing and damaged ones, and checks of a run's inputs."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from walkgram.errors import LakeError
from walkgram.lake.manifest import (
    MANIFEST,
    Manifest,
    check_lineage,
    check_paths,
    make_manifest,
    read_manifest,
    require_manifest,
)


def edges_manifest(code: str = "1") -> Manifest:
    return make_manifest("edges", {"a": 1}, {"pairs": "x"}, code)


def write_manifest(root: Path, table: str, text: str) -> None:
    (root / table).mkdir()
    (root / table / MANIFEST).write_text(text)


def test_the_id_depends_on_code_configuration_and_inputs_but_not_on_the_run() -> None:
    manifest = edges_manifest()
    assert edges_manifest().id == manifest.id
    assert edges_manifest().run != manifest.run
    assert edges_manifest(code="2").id != manifest.id
    assert make_manifest("edges", {"a": 2}, {"pairs": "x"}, "1").id != manifest.id
    assert make_manifest("edges", {"a": 1}, {"pairs": "y"}, "1").id != manifest.id


def test_a_table_without_a_manifest_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "edges").mkdir()
    assert read_manifest(str(tmp_path), "edges") is None
    with pytest.raises(LakeError, match=r"run the job edges \(walkgram edges\) first"):
        require_manifest(str(tmp_path), "edges", "edges")


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    write_manifest(tmp_path, "edges", "{")
    with pytest.raises(LakeError, match=r"_manifest\.json: damaged"):
        read_manifest(str(tmp_path), "edges")


def test_a_manifest_from_before_cpu_time_was_recorded_reads_as_zero(tmp_path: Path) -> None:
    manifest = replace(edges_manifest(), rows={"edges": 3}, seconds=1.5, finished="2026-01-01T00:00:00Z")
    record = asdict(manifest)
    del record["cpu_seconds"]
    write_manifest(tmp_path, "edges", json.dumps(record))
    assert read_manifest(str(tmp_path), "edges") == manifest
    assert manifest.cpu_seconds == 0


def test_a_run_does_not_replace_foreign_folders_or_its_source(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    check_paths(str(lake), ["edges"], [str(tmp_path / "source")])
    with pytest.raises(LakeError, match="lies where table edges would be written"):
        check_paths(str(lake), ["edges"], [str(lake / "edges" / "ratings.csv")])
    with pytest.raises(LakeError, match="lies inside the source"):
        check_paths(str(lake), ["edges"], [str(tmp_path)])
    (lake / "edges").mkdir(parents=True)
    with pytest.raises(LakeError, match="was not made by walkgram"):
        check_paths(str(lake), ["edges"], [])


def test_inputs_of_runs_that_wrote_different_versions_of_a_table_are_refused() -> None:
    def written(job: str, *tables: str) -> Manifest:
        return replace(make_manifest(job, {}, {}, "1"), rows=dict.fromkeys(tables, 1))

    edges = written("load_edges", "vocabulary", "edges")
    inputs = {"interactions": written("interactions", "interactions", "vocabulary"), "vocabulary": edges, "edges": edges}
    with pytest.raises(
        LakeError,
        match=r"interactions was made together with another vocabulary .* run the job interactions \(walkgram interactions\)",
    ):
        check_lineage(inputs, {})
    check_lineage({name: inputs[name] for name in ("vocabulary", "edges")}, {})


def test_an_input_that_was_computed_from_another_version_of_a_second_input_is_refused() -> None:
    interactions, other = (make_manifest("interactions", {"min_rating": rating}, {}, "1") for rating in (1, 2))
    baskets = make_manifest("pairs", {}, {"interactions": interactions.id}, "1")
    check_lineage({"interactions": interactions, "baskets": baskets}, {"baskets": "pairs"})
    with pytest.raises(LakeError, match=r"baskets was made from another interactions .* run the job pairs \(walkgram pairs\)"):
        check_lineage({"interactions": other, "baskets": baskets}, {"baskets": "pairs"})
