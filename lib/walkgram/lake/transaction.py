"""Commit the tables of a run together: readers see all of them complete, or none.

A job writes its tables into `_staging/<job>-<run>/<table>`. The commit gives each its manifest, moves the previous table
into the staging folder and the new one to its final path. Where the file system has no rename, the manifest is written
last, so a table that is still being copied has none and does not exist for a reader.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from walkgram.errors import ConfigError, InputError, LakeError
from walkgram.lake import paths
from walkgram.lake.manifest import MANIFEST, Manifest, read_manifest

__all__ = ["MATERIALIZED", "Transaction", "recover_commit"]

STAGING = "_staging"
PREVIOUS = "_previous-"  # prefix of a replaced table, in the staging folder until the commit is complete
MATERIALIZED = "materialized-"  # prefix of an intermediate table that lasts as long as its run


class Transaction:
    """The tables of one run of a job, written to a staging folder and committed together. Use as a context manager.

    With `resume` a failed run leaves its staged files to the next run of the same content (the manifest's id), unless the
    input or the configuration is at fault: the next run would fail in the same way.
    """

    def __init__(self, root: str, manifest: Manifest, tables: Sequence[str], resume: bool = False) -> None:
        self.root = root
        self.manifest = manifest
        self.tables = tuple(tables)
        self.resume = resume
        self.staging = paths.join_path(root, STAGING, f"{manifest.job}-{manifest.id[:32] if resume else manifest.run}")
        self.rows: dict[str, int] = {}
        self.counts: dict[str, Any] = {}
        self._start_time = time.monotonic()
        self._start_cpu = measure_cpu()

    def __enter__(self) -> "Transaction":
        """Undo the commit of a killed run of the same job and remove its staged files, those to be resumed excepted."""
        recover_commit(self.root, self.manifest.job)
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
        if kind is not None and self.resume and not isinstance(error, ConfigError | InputError):
            return
        try:
            if kind is None:
                self.commit()
        finally:
            paths.remove(self.staging)

    def commit(self) -> None:
        """Move every staged table to its final path. Raises `LakeError` if the run did not write one of them."""
        missing = [table for table in self.tables if not paths.exists(self.folder(table))]
        if missing:
            raise LakeError(f"job {self.manifest.job} wrote no {', '.join(missing)}: nothing was changed")
        text = self.finish_manifest()
        replaced_runs = self.list_runs(self.tables)
        input_runs = self.list_runs(self.manifest.inputs)
        moved: list[str] = []
        try:
            for table in self.tables:
                final = paths.join_path(self.root, table)
                if paths.exists(final):
                    paths.move(final, paths.join_path(self.staging, PREVIOUS + table))
                moved.append(table)
                if paths.has_atomic_rename(final):  # the table and its manifest appear in one step
                    paths.write_bytes(paths.join_path(self.folder(table), MANIFEST), text)
                    paths.move(self.folder(table), final)
                else:
                    paths.move(self.folder(table), final)
                    paths.write_bytes(paths.join_path(final, MANIFEST), text)
        except BaseException:
            self.roll_back(moved)
            raise
        self.remove_outdated(replaced_runs - input_runs)

    def finish_manifest(self) -> bytes:
        """Return the manifest as JSON, with the counts and times of this run."""
        record = asdict(self.manifest) | {
            "rows": self.rows,
            "counts": self.counts,
            "seconds": round(time.monotonic() - self._start_time, 3),
            "cpu_seconds": round(measure_cpu() - self._start_cpu, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return json.dumps(record, indent=1).encode()

    def list_runs(self, tables: Iterable[str]) -> set[str]:
        """Return the runs that wrote the tables, as far as the tables exist."""
        manifests = [read_manifest(self.root, table) for table in tables]
        return {manifest.run for manifest in manifests if manifest is not None}

    def roll_back(self, moved: Sequence[str]) -> None:
        """Move the previous tables back to their final paths."""
        for table in moved:
            final, previous = paths.join_path(self.root, table), paths.join_path(self.staging, PREVIOUS + table)
            paths.remove(final)
            if paths.exists(previous):
                paths.move(previous, final)

    def remove_outdated(self, replaced_runs: set[str]) -> None:
        """Remove tables that no longer belong to the lake.

        These are tables that an earlier run of this job wrote under another configuration, and tables of `replaced_runs`:
        the runs that wrote a table which this run has replaced, such as the interactions beside a replaced vocabulary. The
        caller leaves out the runs that wrote an input of this run: their other tables stay valid.
        """
        for info in paths.list_folders(self.root):
            name = info.base_name
            if name[0] not in "._" and name not in self.tables:
                manifest = read_manifest(self.root, name)
                if manifest is not None and (manifest.job == self.manifest.job or manifest.run in replaced_runs):
                    paths.remove(paths.join_path(self.root, name))


def measure_cpu() -> float:
    """Return the CPU seconds of this process and of its finished child processes."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def list_staged(root: str, job: str) -> list[str]:
    """Return the staging folders that runs of a job have left."""
    parent = paths.join_path(root, STAGING)
    return [paths.join_path(parent, i.base_name) for i in paths.list_folders(parent) if i.base_name.rpartition("-")[0] == job]


def recover_commit(root: str, job: str) -> None:
    """Undo the commit of a job that was killed before every table was in place; a complete commit stays.

    New tables return to the staging folder, previous tables to their final paths. Call it before the job reads its inputs.
    """
    for folder in list_staged(root, job):
        names = [info.base_name for info in paths.list_folders(folder)]
        is_complete = all(name[0] == "_" or name.startswith(MATERIALIZED) for name in names)
        for table in [name.removeprefix(PREVIOUS) for name in names if name.startswith(PREVIOUS)]:
            final, previous = paths.join_path(root, table), paths.join_path(folder, PREVIOUS + table)
            if is_complete and paths.exists(final):
                paths.remove(previous)
                continue
            if paths.exists(final):
                paths.move(final, paths.join_path(folder, table))
            paths.move(previous, final)
