"""Locks: a run that is in the way of a live one is refused, a dead or silent holder is replaced."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from walkgram.errors import LakeError
from walkgram.lake import lock as lake_lock
from walkgram.lake.lock import LakeLock, LockRecord, identify_process, list_locks


def lock(root: Path, run: str, job: str, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> LakeLock:
    return LakeLock(str(root), run, [job], reads, writes)


def store(root: Path, record: LockRecord) -> Path:
    """Write a lock as its holder would."""
    file = root / "_locks" / f"{record.run}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(record)))
    return file


HOST, PROCESS = identify_process()
OTHER = LockRecord(
    "other", ("edges",), ("baskets",), ("edges",), "elsewhere/boot/ns", 4711, "99", "2026-01-01T00:00:00Z", "held"
)


def test_a_lock_names_its_holder_and_is_removed_at_the_end(tmp_path: Path) -> None:
    with lock(tmp_path, "a", "walks", ("graph",), ("walks", "node_visits")):
        (record,) = list_locks(str(tmp_path))
        assert (record.run, record.jobs, record.reads, record.writes) == ("a", ("walks",), ("graph",), ("walks", "node_visits"))
        assert (record.pid, record.state, record.host) == (os.getpid(), "held", HOST)
    assert list_locks(str(tmp_path)) == []


@pytest.mark.parametrize(
    "job, reads, writes, is_refused",
    [
        ("edges", (), (), True),  # the same job
        ("graph", ("edges",), ("graph",), True),  # reads what the other writes
        ("baskets", ("interactions",), ("baskets",), True),  # writes what the other reads
        ("load_edges", (), ("edges",), True),  # writes what the other writes
        ("pairs", ("baskets",), ("pairs",), False),  # reads what the other reads
        ("train", ("walks",), ("embeddings",), False),
    ],
)
def test_a_run_is_refused_where_a_live_one_is_in_its_way(
    tmp_path: Path, job: str, reads: tuple[str, ...], writes: tuple[str, ...], is_refused: bool
) -> None:
    with lock(tmp_path, "first", "edges", ("baskets",), ("edges",)):
        second = lock(tmp_path, "second", job, reads, writes)
        if is_refused:
            with pytest.raises(
                LakeError, match=rf"run first \(edges\) is at work there, on host .*, process {os.getpid()}, since"
            ):
                second.__enter__()
        else:
            with second:
                assert len(list_locks(str(tmp_path))) == 2
        assert [record.run for record in list_locks(str(tmp_path))] == ["first"]


@pytest.mark.parametrize("state", ["pending", "held"])
def test_the_lock_of_a_process_of_this_host_that_has_ended_is_removed(tmp_path: Path, state: str) -> None:
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    store(tmp_path, replace(OTHER, host=HOST, pid=int(child.stdout), state=state))
    with lock(tmp_path, "mine", "edges"):
        assert [record.run for record in list_locks(str(tmp_path))] == ["mine"]


def test_a_pid_that_another_process_has_now_is_no_holder(tmp_path: Path) -> None:
    store(tmp_path, replace(OTHER, host=HOST, pid=os.getpid(), process="1"))
    with lock(tmp_path, "mine", "edges"):
        assert [record.run for record in list_locks(str(tmp_path))] == ["mine"]


@pytest.mark.parametrize("age, is_refused", [(30, True), (90, False)])
def test_a_holder_on_another_host_counts_as_dead_after_a_minute_of_silence(
    tmp_path: Path, age: float, is_refused: bool
) -> None:
    file = store(tmp_path, OTHER)
    os.utime(file, (time.time() - age, time.time() - age))
    if is_refused:
        with pytest.raises(
            LakeError, match=r"run other \(edges\) .* on host elsewhere, process 4711, since 2026-01-01T00:00:00Z"
        ):
            lock(tmp_path, "mine", "edges").__enter__()
        assert file.exists()
    else:
        with lock(tmp_path, "mine", "edges"):
            assert not file.exists()


def test_of_two_pending_runs_the_later_one_gives_up(tmp_path: Path) -> None:
    now = time.time()
    os.utime(store(tmp_path, replace(OTHER, state="pending")), (now, now))
    with pytest.raises(LakeError, match="run other"):
        lock(tmp_path, "mine", "edges").__enter__()


def test_the_earlier_of_two_pending_runs_waits_for_the_later_one_to_go(tmp_path: Path) -> None:
    file = store(tmp_path, replace(OTHER, state="pending", since="2999-01-01T00:00:00Z"))
    with ThreadPoolExecutor(1) as pool:
        entered = pool.submit(lock(tmp_path, "mine", "edges").__enter__)
        time.sleep(0.3)
        assert not entered.done()
        file.unlink()
        entered.result(5).__exit__(None, None, None)


def test_of_many_runs_at_once_one_gets_the_lock(tmp_path: Path) -> None:
    held: list[int] = []

    def enter(number: int) -> bool:
        try:
            with lock(tmp_path, f"run-{number}", "edges"):
                held.append(1)
                assert len(held) == 1, "two runs hold the lock"
                time.sleep(0.2)
                held.pop()
                return True
        except LakeError:
            return False

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(enter, range(8)))
    assert any(results)


def test_the_heartbeat_renews_the_lock_and_does_not_bring_back_one_that_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_lock, "HEARTBEAT_SECONDS", 0.05)
    with lock(tmp_path, "mine", "edges") as mine:
        file = tmp_path / "_locks" / "mine.json"
        os.utime(file, (0, 0))
        time.sleep(0.3)
        assert file.stat().st_mtime > 0
        mine.require_held()
        file.unlink()
        time.sleep(0.2)
        with pytest.raises(LakeError, match="was taken over"):
            mine.require_held()


def test_a_damaged_lock_is_named_and_never_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "_locks").mkdir()
    (tmp_path / "_locks" / "x.json").write_text("{")
    with pytest.raises(LakeError, match=r"_locks/x\.json: damaged lock .* remove this file if no run is at work"):
        lock(tmp_path, "mine", "edges").__enter__()


def test_a_lock_of_a_later_version_counts(tmp_path: Path) -> None:
    file = tmp_path / "_locks" / "other.json"
    file.parent.mkdir()
    file.write_text(json.dumps(asdict(OTHER) | {"colour": "red"}))
    with pytest.raises(LakeError, match="run other"):
        lock(tmp_path, "mine", "edges").__enter__()


@pytest.mark.parametrize("age, is_refused", [(30, True), (90, False)])
def test_a_process_that_proc_hides_is_judged_by_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, is_refused: bool
) -> None:
    file = store(tmp_path, replace(OTHER, host=HOST, pid=os.getpid()))
    os.utime(file, (time.time() - age, time.time() - age))
    real = lake_lock.process_start
    monkeypatch.setattr(lake_lock, "process_start", lambda pid: "?" if pid == os.getpid() else real(pid))
    if is_refused:
        with pytest.raises(LakeError, match="run other"):
            lock(tmp_path, "mine", "edges").__enter__()
    else:
        with lock(tmp_path, "mine", "edges"):
            assert not file.exists()
