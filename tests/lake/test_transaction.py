"""Staging and commit: the tables of a run appear together or not at all, also after a failure or a kill."""

import contextlib
import json
from pathlib import Path

import pytest

from walkgram.errors import InputError, LakeError
from walkgram.lake import paths
from walkgram.lake.manifest import Manifest, make_manifest, read_manifest, require_manifest
from walkgram.lake.transaction import Transaction, measure_cpu, recover_commit


def edges_manifest() -> Manifest:
    return make_manifest("edges", {"a": 1}, {"pairs": "x"}, "1")


def write_part(out: Transaction, table: str, text: str) -> None:
    paths.write_bytes(paths.join_path(out.folder(table), "part"), text.encode())


def write_edges(root: Path, text: str) -> Manifest:
    manifest = edges_manifest()
    with Transaction(str(root), manifest, ["edges"]) as out:
        write_part(out, "edges", text)
    return manifest


def write_two_tables(root: Path, text: str, resume: bool = False) -> None:
    with Transaction(str(root), edges_manifest(), ["edges", "losses"], resume) as out:
        for table in ("edges", "losses"):
            write_part(out, table, text)


def read_two_tables(root: Path) -> list[str]:
    return [(root / table / "part").read_text() for table in ("edges", "losses")]


def run_job(root: Path, job: str, *tables: str) -> Manifest:
    """Run a job that writes these tables."""
    manifest = make_manifest(job, {}, {}, "1")
    with Transaction(str(root), manifest, tables) as out:
        for table in tables:
            write_part(out, table, "x")
            out.rows[table] = 1
    return manifest


def interrupt_move(patch: pytest.MonkeyPatch, number: int) -> None:
    """Raise KeyboardInterrupt in place of the `number`-th move."""
    calls, real_move = [0], paths.move

    def move(source: str, target: str) -> None:
        calls[0] += 1
        if calls[0] == number:
            raise KeyboardInterrupt
        real_move(source, target)

    patch.setattr(paths, "move", move)


def kill_at_move(patch: pytest.MonkeyPatch, number: int) -> None:
    """Raise KeyboardInterrupt in place of the `number`-th move, and disable the cleanup, as if the process were killed."""
    interrupt_move(patch, number)
    patch.setattr(paths, "remove", lambda _: None)
    patch.setattr(Transaction, "roll_back", lambda *_: None)


def test_a_commit_replaces_the_table_and_its_manifest(tmp_path: Path) -> None:
    manifest = write_edges(tmp_path, "first")
    assert (tmp_path / "edges" / "part").read_text() == "first"
    stored = require_manifest(str(tmp_path), "edges", "edges")
    assert (stored.id, stored.run, stored.job) == (manifest.id, manifest.run, "edges")
    write_edges(tmp_path, "second")
    assert (tmp_path / "edges" / "part").read_text() == "second"
    assert not list((tmp_path / "_staging").iterdir())


def test_a_commit_records_counts_and_the_wall_and_cpu_time_of_the_run(tmp_path: Path) -> None:
    with Transaction(str(tmp_path), edges_manifest(), ["edges"]) as out:
        start = measure_cpu()
        while measure_cpu() < start + 0.05:
            pass
        write_part(out, "edges", "x")
        out.rows["edges"], out.counts = 7, {"shards": 1}
    stored = require_manifest(str(tmp_path), "edges", "edges")
    assert (stored.rows, stored.counts) == ({"edges": 7}, {"shards": 1})
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
def test_an_interrupted_commit_restores_the_previous_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write_two_tables(tmp_path, "first")
    interrupt_move(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        write_two_tables(tmp_path, "second")
    assert read_two_tables(tmp_path) == ["first", "first"]
    assert read_manifest(str(tmp_path), "edges") is not None


def test_a_previous_table_in_the_staging_folder_of_a_killed_run_is_restored(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    previous = tmp_path / "_staging" / "edges-dead" / "_previous-edges"
    previous.parent.mkdir(parents=True)
    (tmp_path / "edges").rename(previous)
    with pytest.raises(RuntimeError), Transaction(str(tmp_path), edges_manifest(), ["edges"]):
        raise RuntimeError
    assert (tmp_path / "edges" / "part").read_text() == "first"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_killed_commit_is_undone_for_all_its_tables_or_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write_two_tables(tmp_path, "first")
    with monkeypatch.context() as patch:
        kill_at_move(patch, number)
        with contextlib.suppress(KeyboardInterrupt):
            write_two_tables(tmp_path, "second")
    recover_commit(str(tmp_path), "edges")
    assert set(read_two_tables(tmp_path)) == {"first" if number < 5 else "second"}
    write_two_tables(tmp_path, "third")
    assert set(read_two_tables(tmp_path)) == {"third"}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("number", [1, 3])
def test_the_next_run_recovers_from_a_killed_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, resume: bool
) -> None:
    write_two_tables(tmp_path, "first", resume)
    with monkeypatch.context() as patch:
        kill_at_move(patch, number)
        with pytest.raises(KeyboardInterrupt):
            write_two_tables(tmp_path, "second", resume)
    write_two_tables(tmp_path, "third", resume)
    assert read_two_tables(tmp_path) == ["third", "third"]
    assert not list((tmp_path / "_staging").iterdir())


def test_tables_of_a_run_whose_table_was_replaced_are_removed(tmp_path: Path) -> None:
    run_job(tmp_path, "interactions", "interactions", "vocabulary", "items")
    run_job(tmp_path, "pairs", "baskets")
    run_job(tmp_path, "load_edges", "vocabulary", "edges")
    assert {folder.name for folder in tmp_path.iterdir()} == {"_staging", "vocabulary", "edges", "baskets"}


def test_tables_of_a_run_whose_table_was_replaced_stay_if_the_new_run_reads_one(tmp_path: Path) -> None:
    run_job(tmp_path, "merge", "interactions", "vocabulary", "items", "pairs")
    with Transaction(str(tmp_path), make_manifest("pairs", {}, {"interactions": "x"}, "1"), ["pairs"]) as out:
        write_part(out, "pairs", "x")
    assert {folder.name for folder in tmp_path.iterdir()} == {"_staging", "interactions", "vocabulary", "items", "pairs"}
