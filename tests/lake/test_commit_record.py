"""Commits that were killed: whoever reads next completes them; before the decision nothing has changed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from support.commits import edges_manifest, read_two_tables, write_edges, write_two_tables
from walkgram.errors import LakeError
from walkgram.lake import commit_record, paths
from walkgram.lake.commit_record import CommitRecord, read_lake, read_undisturbed, settle_commits, write_commit
from walkgram.lake.lock import LakeLock
from walkgram.lake.manifest import read_manifest
from walkgram.lake.transaction import Transaction

# Runs write_two_tables and is killed, without any cleaning up, before call number K of the functions that change the lake.
KILLED = """
import os, signal, sys
from walkgram.lake import paths
sys.path.insert(0, sys.argv[3])
from support import commits
calls = 0
def counted(name):
    real = getattr(paths, name)
    def call(*arguments, **keys):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **keys)
    setattr(paths, name, call)
if sys.argv[4] == "copy":
    paths.has_atomic_rename = lambda uri: False
for name in ("write_bytes", "move", "remove", "remove_file", "copy_folder"):
    counted(name)
commits.write_two_tables(sys.argv[1], "second")
print(calls)
"""
TESTS = str(Path(__file__).parent.parent)


def write_killed(root: Path, call: int, mode: str) -> int:
    """Write two tables by a process that is killed before a call; return the exit status, or the calls if it was not."""
    command = [sys.executable, "-c", KILLED, str(root), str(call), TESTS, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return int(done.stdout) if done.returncode == 0 else done.returncode


@pytest.mark.parametrize("mode", ["rename", "copy"])
def test_after_a_kill_at_any_step_a_reader_sees_the_tables_of_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Also where the file system has no rename."""
    if mode == "copy":
        monkeypatch.setattr(paths, "has_atomic_rename", lambda _: False)
    num_calls = write_killed(tmp_path / "undisturbed", 0, mode)
    assert num_calls >= 8
    seen = []
    for call in range(1, num_calls + 1):
        root = tmp_path / f"{mode}-{call}"
        write_two_tables(root, "first")
        first = {manifest.run for manifest in read_lake(str(root)).values()}
        assert write_killed(root, call, mode) == -signal.SIGKILL
        tables = read_lake(str(root))  # completes the commit, if it was decided
        assert sorted(tables) == ["edges", "losses"]
        assert len({manifest.run for manifest in tables.values()}) == 1
        texts = read_two_tables(root)
        assert len(set(texts)) == 1
        assert (texts[0] == "first") == ({manifest.run for manifest in tables.values()} == first)
        seen.append(texts[0])
        write_two_tables(root, "third")
        assert read_two_tables(root) == ["third", "third"]
        assert not [file for file in root.rglob("*") if file.is_file() and file.parent.name[0] == "_"]
    assert seen == sorted(seen)  # nothing has changed up to the decision; from it on the new tables count
    assert set(seen) == {"first", "second"}


def test_a_commit_without_a_rename_hides_the_table_while_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "has_atomic_rename", lambda _: False)
    write_edges(tmp_path, "first")
    seen = []
    real = paths.copy_folder

    def copy(source: str, target: str) -> None:
        seen.append(read_manifest(str(tmp_path), "edges"))
        real(source, target)
        seen.append(read_manifest(str(tmp_path), "edges"))

    monkeypatch.setattr(paths, "copy_folder", copy)
    write_edges(tmp_path, "second")
    assert seen == [None, None]
    assert (tmp_path / "edges" / "part").read_text() == "second"


def decide(root: Path, lock: str) -> CommitRecord:
    """Stage a table and decide its commit, as a run that is then stopped would leave it."""
    out = Transaction(str(root), edges_manifest(), ["edges"])
    paths.write_bytes(f"{out.folder('edges')}/part", b"second")
    paths.write_bytes(f"{out.folder('edges')}/_manifest.json", out.finish_manifest("edges"))
    record = CommitRecord(out.manifest.run, lock, "edges", Path(out.staging).name, ("edges",), {})
    write_commit(str(root), record)
    return record


def test_a_reader_waits_for_the_commit_of_a_live_run(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    with LakeLock(str(tmp_path), "live", ["edges"], [], ["edges"]):
        record = decide(tmp_path, "live")
        reader = threading.Thread(target=settle_commits, args=(str(tmp_path),))
        reader.start()
        time.sleep(0.3)
        assert reader.is_alive()
        assert (tmp_path / "edges" / "part").read_text() == "first"  # the live run moves its tables itself
        commit_record.complete_commit(str(tmp_path), record)
        reader.join(5)
        assert not reader.is_alive()
    assert (tmp_path / "edges" / "part").read_text() == "second"


def test_a_commit_of_a_dead_run_is_completed_under_the_callers_own_lock(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    decide(tmp_path, "dead")
    with LakeLock(str(tmp_path), "next", ["edges"], [], ["edges"]):
        settle_commits(str(tmp_path), "next")
    assert (tmp_path / "edges" / "part").read_text() == "second"


def test_a_commit_whose_staged_files_were_removed_by_hand_is_refused(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    record = decide(tmp_path, "dead")
    paths.remove(str(tmp_path / "_staging" / record.staging))
    with pytest.raises(LakeError, match=rf"the files of table edges, .* were removed: remove .*{record.run}\.json"):
        read_lake(str(tmp_path))
    assert (tmp_path / "edges" / "part").read_text() == "first"


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "_commits").mkdir()
    (tmp_path / "_commits" / "x.json").write_text("{")
    with pytest.raises(LakeError, match=r"_commits/x\.json: damaged"):
        settle_commits(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_reader_that_may_not_write_says_so(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    decide(tmp_path, "dead")
    (tmp_path / "_locks").mkdir(exist_ok=True)
    (tmp_path / "_locks").chmod(0o500)
    try:
        with pytest.raises(LakeError, match="cannot be completed"):
            settle_commits(str(tmp_path))
    finally:
        (tmp_path / "_locks").chmod(0o700)


def test_many_readers_complete_one_dead_commit_and_none_waits_for_ever(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    decide(tmp_path, "dead")
    readers = [threading.Thread(target=settle_commits, args=(str(tmp_path),), daemon=True) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)
    assert not any(reader.is_alive() for reader in readers)
    assert (tmp_path / "edges" / "part").read_text() == "second"
    assert not list((tmp_path / "_locks").iterdir())


def test_a_recovery_leaves_the_commit_to_a_run_that_holds_the_tables(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    decide(tmp_path, "dead")
    with LakeLock(str(tmp_path), "next", ["edges"], [], ["edges"]):
        reader = threading.Thread(target=settle_commits, args=(str(tmp_path),), daemon=True)
        reader.start()
        time.sleep(0.5)
        assert reader.is_alive()
        assert (tmp_path / "edges" / "part").read_text() == "first"
        settle_commits(str(tmp_path), "next")
        reader.join(10)
    assert not reader.is_alive()


def test_an_outdated_table_whose_removal_was_killed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "has_atomic_rename", lambda _: False)
    run = write_edges(tmp_path, "first").run
    (tmp_path / "edges" / "_manifest.json").unlink()  # as far as the removal had come
    write_commit(str(tmp_path), CommitRecord("dead", "dead", "load_edges", "load_edges-dead", (), {"edges": run}))
    settle_commits(str(tmp_path))
    assert not (tmp_path / "edges").exists()


def test_a_table_that_a_commit_replaces_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    write_edges(tmp_path, "first")
    calls: list[str] = []

    def read() -> str:
        calls.append((tmp_path / "edges" / "part").read_text())
        if len(calls) == 1:
            write_edges(tmp_path, "second")
            raise LakeError("this file of table edges is missing")
        return calls[-1]

    assert read_undisturbed(str(tmp_path), "edges", read) == "second"
    with pytest.raises(LakeError, match="stays wrong"):
        read_undisturbed(str(tmp_path), "edges", lambda: raise_lake_error("stays wrong"))


def raise_lake_error(message: str) -> None:
    raise LakeError(message)
