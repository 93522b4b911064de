"""Commit the tables of a run together: readers see all of them complete, or none.

A job writes its tables into `_staging/<job>-<run>/<table>`. The commit gives each its manifest and then writes one record,
which decides it (`commit_record.py`).
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from walkgram import tables as contract
from walkgram.errors import ConfigError, InputError, LakeError
from walkgram.lake import paths
from walkgram.lake.commit_record import STAGING, CommitRecord, commit_uri, complete_commit, manifest_uri, write_commit
from walkgram.lake.file_list import ChecksumMap, checksum_in_threads, describe_files
from walkgram.lake.lock import LakeLock
from walkgram.lake.manifest import Manifest, read_manifest

__all__ = ["MATERIALIZED", "Transaction", "find_outdated"]

MATERIALIZED = "materialized-"  # prefix of an intermediate table that lasts as long as its run


class Transaction:
    """The tables of one run of a job, written to a staging folder and committed together. Use as a context manager.

    With `resume` a failed run leaves its staged files to the next run of the same content (the manifest's id), unless the
    input or the configuration is at fault: the next run would fail in the same way. `lock`: the run's lock, which must still be
    held at the commit. `checksums` reads the files for their manifests, `measure_cpu` returns the run's CPU seconds by kind.
    """

    def __init__(
        self, root: str, manifest: Manifest, tables: Sequence[str], resume: bool = False, lock: LakeLock | None = None
    ) -> None:
        self.root = root
        self.lock = lock
        self.checksums: ChecksumMap = checksum_in_threads
        self.measure_cpu: Callable[[], Mapping[str, float]] = lambda: {"driver": measure_cpu() - self._start_cpu}
        self.manifest = manifest
        self.tables = tuple(tables)
        self.resume = resume
        self.staging = paths.join_path(root, STAGING, f"{manifest.job}-{manifest.id[:32] if resume else manifest.run}")
        self.rows: dict[str, int] = {}
        self.counts: dict[str, Any] = {}
        self.cpu: dict[str, float] = {}
        self.finished_checkpoint = ""  # the job whose checkpoint the commit removes
        self._is_decided = False
        self._start_time = time.monotonic()
        self._start_cpu = measure_cpu()

    def __enter__(self) -> "Transaction":
        """Remove the staged files of dead runs of the same job, those to be resumed excepted; the caller holds the lock."""
        for folder in list_staged(self.root, self.manifest.job):
            if not self.resume or folder != self.staging:
                paths.remove(folder)
        return self

    def folder(self, table: str) -> str:
        """Return the staging folder of a table. Raises `ValueError` if the job does not declare the table."""
        if table.partition("/")[0] not in self.tables:
            raise ValueError(f"job {self.manifest.job} does not write {table}")
        return paths.join_path(self.staging, table)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Commit if the run succeeded; otherwise leave the previous tables unchanged."""
        keeps_staged = self.resume and not isinstance(error, ConfigError | InputError)
        try:
            if kind is None:
                self.commit()
                keeps_staged = False
        finally:
            if not self._is_decided and not keeps_staged:
                paths.remove(self.staging)

    def commit(self) -> None:
        """Make all tables of the run visible at once.

        Raises `LakeError` if the run did not write one of them, or has lost its lock; nothing is changed then. An error after
        the commit is decided leaves it to the next reader, who completes it.
        """
        missing = [table for table in self.tables if not paths.exists(self.folder(table))]
        if missing:
            raise LakeError(f"job {self.manifest.job} wrote no {', '.join(missing)}: nothing was changed")
        if self.lock is not None:
            self.lock.require_held()
        has_rename, self.cpu = paths.has_atomic_rename(self.root), dict(self.measure_cpu())
        for table in self.tables:
            paths.write_bytes(manifest_uri(self.staging, table, has_rename), self.finish_manifest(table))
        outdated = find_outdated(self.root, self.manifest.job, self.tables, self.manifest.inputs)
        folder = self.staging.rpartition("/")[2]
        lock = self.manifest.run if self.lock is None else self.lock.record.run
        record = CommitRecord(
            self.manifest.run, lock, self.manifest.job, folder, self.tables, outdated, self.finished_checkpoint
        )
        if self.lock is not None:
            self.lock.require_held()
        self._is_decided = True
        try:
            write_commit(self.root, record)
        except OSError:
            with contextlib.suppress(OSError):  # the store may have it nevertheless
                paths.remove_file(commit_uri(self.root, record.run))
                self._is_decided = paths.exists(commit_uri(self.root, record.run))
            raise
        if not paths.exists(self.staging):
            paths.remove_file(commit_uri(self.root, record.run))
            raise LakeError(f"{self.staging}: another run has removed the staged files: nothing was changed; run the job again")
        try:
            complete_commit(self.root, record)
        except KeyboardInterrupt:
            complete_commit(self.root, record)  # it is decided, and takes a moment
            raise

    def finish_manifest(self, table: str) -> bytes:
        """Return the manifest of a staged table as JSON, with its files and the counts and times of this run."""
        record = asdict(self.manifest) | {
            "rows": self.rows,
            "counts": self.counts,
            "seconds": round(time.monotonic() - self._start_time, 3),
            "cpu_seconds": round(sum(self.cpu.values()), 3),
            "cpu": self.cpu,
            "files": describe_files(self.folder(table), self.checksums),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return json.dumps(record, indent=1).encode()


def find_outdated(root: str, job: str, tables: Sequence[str], inputs: Iterable[str]) -> dict[str, str]:
    """Return the tables that no longer belong to the lake once a job has written `tables`, each with the run that wrote it.

    inputs: tables, and sources outside the lake, which do not count.

    These are tables that an earlier run of the job wrote under another configuration, and tables of the runs that wrote one of
    `tables`, such as the interactions beside a replaced vocabulary. The other tables of a run that wrote one of the `inputs`
    stay valid.
    """
    replaced_runs = list_runs(root, tables) - list_runs(root, [name for name in inputs if name in contract.TABLES])
    outdated = {}
    for info in paths.list_folders(root):
        name = info.base_name
        if name[0] not in "._" and name not in tables:
            manifest = read_manifest(root, name)
            if manifest is not None and (manifest.job == job or manifest.run in replaced_runs):
                outdated[name] = manifest.run
    return outdated


def list_runs(root: str, tables: Iterable[str]) -> set[str]:
    """Return the runs that wrote the tables, as far as the tables exist."""
    manifests = [read_manifest(root, table) for table in tables]
    return {manifest.run for manifest in manifests if manifest is not None}


def measure_cpu() -> float:
    """Return the CPU seconds of this process and of its finished child processes."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def list_staged(root: str, job: str) -> list[str]:
    """Return the staging folders that runs of a job have left."""
    parent = paths.join_path(root, STAGING)
    return [paths.join_path(parent, i.base_name) for i in paths.list_folders(parent) if i.base_name.rpartition("-")[0] == job]
