"""Staging and commit: the tables of a run appear together or not at all, also after a failure or a kill."""

import json
from pathlib import Path

import pytest

from support.commits import edges_manifest, read_two_tables, run_job, write_edges, write_part, write_two_tables
from walkgram.errors import InputError, LakeError
from walkgram.lake import paths
from walkgram.lake.lock import LakeLock
from walkgram.lake.manifest import Manifest, make_manifest, read_manifest, require_manifest
from walkgram.lake.transaction import Transaction, measure_cpu


def test_a_commit_replaces_the_table_and_its_manifest(tmp_path: Path) -> None:
    manifest = write_edges(tmp_path, "first")
    assert (tmp_path / "edges" / "part").read_text() == "first"
    stored = require_manifest(str(tmp_path), "edges", "edges")
    assert (stored.id, stored.run, stored.job) == (manifest.id, manifest.run, "edges")
    write_edges(tmp_path, "second")
    assert (tmp_path / "edges" / "part").read_text() == "second"
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.parent.name != "edges"]


def test_a_commit_records_counts_files_and_the_wall_and_cpu_time_of_the_run(tmp_path: Path) -> None:
    with Transaction(str(tmp_path), edges_manifest(), ["edges"]) as out:
        start = measure_cpu()
        while measure_cpu() < start + 0.05:
            pass
        write_part(out, "edges", "123456789")
        out.rows["edges"], out.counts = 7, {"shards": 1}
    stored = require_manifest(str(tmp_path), "edges", "edges")
    assert (stored.rows, stored.counts) == ({"edges": 7}, {"shards": 1})
    assert stored.files == {"part": {"bytes": 9, "crc32": 0xCBF43926}}  # the check value of CRC-32
    assert 0.05 <= stored.cpu_seconds < 60
    assert stored.seconds > 0
    assert json.loads((tmp_path / "edges" / "_manifest.json").read_text())["cpu_seconds"] == stored.cpu_seconds


def test_a_failed_run_leaves_the_previous_table(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    with pytest.raises(RuntimeError), Transaction(str(tmp_path), edges_manifest(), ["edges"]) as out:
        write_part(out, "edges", "half")
        raise RuntimeError
    assert (tmp_path / "edges" / "part").read_text() == "first"
    assert not list((tmp_path / "_staging").iterdir())


def test_a_run_that_omits_a_table_changes_nothing(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    with (
        pytest.raises(LakeError, match="wrote no other"),
        Transaction(str(tmp_path), edges_manifest(), ["edges", "other"]) as out,
    ):
        write_part(out, "edges", "second")
    assert (tmp_path / "edges" / "part").read_text() == "first"


def test_a_table_that_the_job_does_not_declare_has_no_folder(tmp_path: Path) -> None:
    out = Transaction(str(tmp_path), edges_manifest(), ["edges"])
    assert out.folder("edges/part").startswith(out.staging)
    with pytest.raises(ValueError, match="job edges does not write pairs"):
        out.folder("pairs")


@pytest.mark.parametrize("error, stays", [(RuntimeError, True), (KeyboardInterrupt, True), (InputError, False)])
def test_a_resumable_run_keeps_its_staged_files_unless_the_input_is_at_fault(
    tmp_path: Path, error: type[BaseException], stays: bool
) -> None:
    with pytest.raises(error), Transaction(str(tmp_path), edges_manifest(), ["edges"], resume=True) as out:
        write_part(out, "edges", "half")
        raise error
    assert (Path(out.staging) / "edges" / "part").exists() == stays
    with Transaction(str(tmp_path), edges_manifest(), ["edges"], resume=True) as out:
        assert (Path(out.staging) / "edges" / "part").exists() == stays
        write_part(out, "edges", "done")
    assert (tmp_path / "edges" / "part").read_text() == "done"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_interrupt_in_a_decided_commit_waits_until_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write_two_tables(tmp_path, "first")
    calls, real_move = [0], paths.move

    def move(source: str, target: str) -> None:
        calls[0] += 1
        if calls[0] == number:
            raise KeyboardInterrupt
        real_move(source, target)

    monkeypatch.setattr(paths, "move", move)
    with pytest.raises(KeyboardInterrupt):
        write_two_tables(tmp_path, "second")
    assert read_two_tables(tmp_path) == ["second", "second"]
    assert not list((tmp_path / "_staging").iterdir())


def test_a_run_whose_lock_was_taken_over_changes_nothing(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    with (
        LakeLock(str(tmp_path), "mine", ["edges"], [], ["edges"]) as lock,
        pytest.raises(LakeError, match="its lock was taken over: nothing was changed"),
        Transaction(str(tmp_path), edges_manifest(), ["edges"], lock=lock) as out,
    ):
        write_part(out, "edges", "second")
        (tmp_path / "_locks" / "mine.json").unlink()
    assert (tmp_path / "edges" / "part").read_text() == "first"


def test_a_record_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    (tmp_path / "_commits").rmdir()
    (tmp_path / "_commits").write_text("a file in the way")
    with pytest.raises(OSError):
        write_edges(tmp_path, "second")
    assert (tmp_path / "edges" / "part").read_text() == "first"
    assert not list((tmp_path / "_staging").iterdir())


def test_tables_of_a_run_whose_table_was_replaced_are_removed(tmp_path: Path) -> None:
    run_job(tmp_path, "interactions", "interactions", "vocabulary", "items")
    run_job(tmp_path, "pairs", "baskets")
    run_job(tmp_path, "load_edges", "vocabulary", "edges")
    assert {folder.name for folder in tmp_path.iterdir() if folder.name[0] != "_"} == {"vocabulary", "edges", "baskets"}


def test_tables_of_a_run_whose_table_was_replaced_stay_if_the_new_run_reads_one(tmp_path: Path) -> None:
    run_job(tmp_path, "merge", "interactions", "vocabulary", "items", "pairs")
    with Transaction(str(tmp_path), make_manifest("pairs", {}, {"interactions": "x"}, "1"), ["pairs"]) as out:
        write_part(out, "pairs", "x")
    names = {folder.name for folder in tmp_path.iterdir() if folder.name[0] != "_"}
    assert names == {"interactions", "vocabulary", "items", "pairs"}


def test_sources_outside_the_lake_are_no_tables_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store refuses a path with an empty part, as lake.path and an absolute source would give together."""
    seen: list[str] = []

    def read(root: str, table: str) -> Manifest | None:
        seen.append(table)
        return read_manifest(root, table)

    monkeypatch.setattr("walkgram.lake.transaction.read_manifest", read)
    sources = {"/data/my ratings.csv": "x", "s3://bucket/day": "y", "interactions": "z"}
    with Transaction(str(tmp_path), make_manifest("edges", {}, sources, "1"), ["edges"]) as out:
        write_part(out, "edges", "x")
    assert set(seen) == {"edges", "interactions"}


def test_a_resuming_run_that_lost_its_lock_leaves_the_staged_files_to_the_run_that_has_it(tmp_path: Path) -> None:
    with (
        LakeLock(str(tmp_path), "mine", ["edges"], [], ["edges"]) as lock,
        pytest.raises(LakeError, match="was taken over"),
        Transaction(str(tmp_path), edges_manifest(), ["edges"], resume=True, lock=lock) as out,
    ):
        write_part(out, "edges", "half")
        (tmp_path / "_locks" / "mine.json").unlink()
    assert (Path(out.staging) / "edges" / "part").exists()
    assert not (Path(out.staging) / "edges" / "_manifest.json").exists()
