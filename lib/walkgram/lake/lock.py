"""Locks of a lake: a run keeps other runs from changing the tables that it reads, and from touching those that it writes.

A lock is a file `_locks/<run>.json`. No file system here has a common way to create a file exclusively, so a run first writes
its lock as pending and then lists the others, as in Lamport's bakery algorithm: of two runs that are in each other's way at
least one sees the other. A pending lock with the smaller key waits for the larger one to go; the larger one gives up.
The holder renews its file every HEARTBEAT_SECONDS. It counts as dead where its process has ended (seen on the same host), or
where its file is older than SILENT_SECONDS by the clock of the file system.
"""

import contextlib
import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from walkgram.errors import LakeError
from walkgram.lake import paths

__all__ = ["LakeBusyError", "LakeLock", "LockRecord", "is_alive", "list_locks", "release_all"]

FOLDER = "_locks"
HEARTBEAT_SECONDS = 10.0
SILENT_SECONDS = 60.0
POLL_SECONDS = 0.05
PENDING, HELD = "pending", "held"


@dataclass(frozen=True)
class LockRecord:
    """Who works in a lake, and on what. `process` distinguishes processes of one host that had the same pid.

    `recovery` marks a run that only completes the commit of a dead one: others wait for it.
    """

    run: str
    jobs: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    host: str
    pid: int
    process: str
    since: str
    state: str = PENDING
    recovery: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return what orders pending locks."""
        return self.since, self.run

    def conflicts(self, other: "LockRecord") -> bool:
        """Return whether both have a job in common, or one of them writes what the other one reads or writes."""
        if set(self.jobs) & set(other.jobs):
            return True
        own, theirs = set(self.writes), set(other.writes)
        return bool(own & (theirs | set(other.reads)) or theirs & set(self.reads))


_held: "weakref.WeakSet[LakeLock]" = weakref.WeakSet()


def release_all() -> None:
    """Remove the files of all locks that this process holds, before it ends without leaving its blocks."""
    for lock in list(_held):
        lock.release()


class LakeBusyError(LakeError):
    """A live run is in the way."""


class LakeLock:
    """The lock of one run. Use as a context manager; it is held inside the block.

    jobs, reads, writes: the names of the jobs and tables of the run. Raises `LakeError` on entry if a live run is in the way;
    the message names its run, job, host and since when. for_run: the lock completes a commit on behalf of that run, whose own
    lock is not in the way.
    """

    def __init__(
        self, root: str, run: str, jobs: Sequence[str], reads: Sequence[str], writes: Sequence[str], for_run: str | None = None
    ) -> None:
        self.root = root
        self.for_run = for_run
        host, process = identify_process()
        self.record = LockRecord(
            run, tuple(jobs), tuple(reads), tuple(writes), host, os.getpid(), process,
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), recovery=for_run is not None,
        )  # fmt: skip
        self._released = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew, name="lake lock", daemon=True)

    def __enter__(self) -> "LakeLock":
        try:
            self._write()
            self._wait_for_turn()
            self.record = replace(self.record, state=HELD)
            self._write()
        except BaseException:
            self._remove()
            raise
        _held.add(self)
        self._heartbeat.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._released.set()
        self._heartbeat.join(5)
        self.release()

    def release(self) -> None:
        """Remove the lock's file."""
        _held.discard(self)
        self._released.set()
        self._remove()

    def require_held(self) -> None:
        """Raise `LakeError` if the lock was lost: this process was silent for so long that another run took over."""
        rivals = [
            other for other in list_locks(self.root)
            if other.run not in (self.record.run, self.for_run) and other.state == HELD and self.record.conflicts(other)
        ]  # fmt: skip
        if rivals or not paths.exists(lock_uri(self.root, self.record.run)):
            raise LakeError(
                f"{self.root}: this run was silent for more than {SILENT_SECONDS:.0f} s, and its lock was taken over: "
                "nothing was changed; run the job again"
            )

    def _wait_for_turn(self) -> None:
        """Return once no live run is in the way. Raises `LakeError` if one holds its lock, or is pending and older."""
        written = time.monotonic()
        while True:
            others = [other for other in list_locks(self.root) if other.run not in (self.record.run, self.for_run)]
            in_the_way = [other for other in others if self.record.conflicts(other) and self._check_alive(other)]
            if not in_the_way:
                return
            for other in in_the_way:
                if other.recovery and not self.record.recovery:
                    continue  # it takes a moment
                is_run = self.record.recovery and not other.recovery  # the run completes the commit under its own lock
                if is_run or other.state == HELD or other.key < self.record.key:
                    raise LakeBusyError(describe_conflict(self.root, other))
            time.sleep(POLL_SECONDS)
            if time.monotonic() - written > HEARTBEAT_SECONDS:
                self._write()
                written = time.monotonic()

    def _check_alive(self, other: LockRecord) -> bool:
        """Return whether the holder of a lock lives; remove the lock of a dead one."""
        if is_alive(self.root, other, paths.modified_ns(lock_uri(self.root, self.record.run))):
            return True
        paths.remove_file(lock_uri(self.root, other.run))
        return False

    def _renew(self) -> None:
        while not self._released.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(Exception):  # a full disk or a lost network; `require_held` finds out
                if paths.exists(lock_uri(self.root, self.record.run)):
                    self._write()

    def _write(self) -> None:
        paths.write_bytes(lock_uri(self.root, self.record.run), json.dumps(asdict(self.record), indent=1).encode())

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            paths.remove_file(lock_uri(self.root, self.record.run))


def lock_uri(root: str, run: str) -> str:
    """Return the path or URI of a run's lock."""
    return paths.join_path(root, FOLDER, f"{run}.json")


def list_locks(root: str) -> list[LockRecord]:
    """Return the locks of a lake, those of dead runs included. Raises `LakeError` where one is damaged."""
    return list(_read_locks(paths.join_path(root, FOLDER)))


def _read_locks(folder: str) -> Iterator[LockRecord]:
    for name in paths.list_files(folder):
        if name.endswith(".json"):
            uri = paths.join_path(folder, name)
            try:
                fields = paths.read_record(uri)
                if fields is not None:  # else it was released
                    known = {key: value for key, value in fields.items() if key in LockRecord.__dataclass_fields__}
                    lists = {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
                    yield LockRecord(**{**known, **lists})
            except (ValueError, TypeError) as error:
                raise LakeError(f"{uri}: damaged lock ({error}): remove this file if no run is at work") from None


def is_alive(root: str, record: LockRecord, now_ns: int | None = None) -> bool:
    """Return whether the holder of a lock lives. now_ns: the present by the file system's clock; by default by this host's."""
    host, _ = identify_process()
    if record.host == host:
        start = process_start(record.pid)
        if start == "" or "?" not in (start, record.process):
            return start != "" and start == record.process
    modified = paths.modified_ns(lock_uri(root, record.run))
    return modified is not None and (now_ns or time.time_ns()) - modified < SILENT_SECONDS * 1e9


def describe_conflict(root: str, other: LockRecord) -> str:
    """Return the message that names a live run."""
    return (
        f"{root}: run {other.run[:12]} ({', '.join(other.jobs)}) is at work there, on host {other.host.partition('/')[0]}, "
        f"process {other.pid}, since {other.since}: wait until it has ended, stop it, or choose another lake.path"
    )


def identify_process() -> tuple[str, str]:
    """Return (host, process): the host's name with its boot and its namespace of processes, and when this process started."""
    marks = [socket.gethostname()]
    with contextlib.suppress(OSError):
        marks += [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").readlink())]
    return "/".join(marks), process_start(os.getpid())


def process_start(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; "" where it has ended, "?" where /proc does not show it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # ended, or hidden: of another user, or on a system without /proc
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except OSError:
            pass
        return "?"
    return "" if fields[0] == "Z" else fields[19]
