"""The commit of a run's tables: decided by one file, then carried out, by the run or by whoever reads the lake next.

A run that has staged all its tables writes `_commits/<run>.json`. From that moment the new tables count: a reader of
walkgram completes the moves of a run that died, or waits for those of a run that lives, before it reads (`settle_commits`).
Each move can be repeated: where the file system renames folders, the former table goes into the staging folder and the new one
takes its place; on an object store the former objects are removed, the new ones copied, the manifest last.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

from walkgram.errors import LakeError
from walkgram.lake import paths
from walkgram.lake.checkpoints import CheckpointStore
from walkgram.lake.lock import LakeBusyError, LakeLock, is_alive, list_locks
from walkgram.lake.manifest import MANIFEST, Manifest, read_manifest

__all__ = [
    "STAGING",
    "CommitRecord",
    "complete_commit",
    "list_commits",
    "manifest_uri",
    "read_lake",
    "read_undisturbed",
    "settle_commits",
    "write_commit",
]

Result = TypeVar("Result")

FOLDER = "_commits"
STAGING = "_staging"
PREVIOUS = "_previous-"  # prefix of a replaced table, in the staging folder until the commit is complete
POLL_SECONDS, BUSY_SECONDS = 0.02, 0.2


@dataclass(frozen=True)
class CommitRecord:
    """A decided commit.

    run: of the manifests. lock: the run that holds the lock meanwhile. staging: the folder in `_staging`. outdated: table ->
    the run that wrote it, to be removed. checkpoint: the job whose checkpoint the run has finished with, "" for none.
    """

    run: str
    lock: str
    job: str
    staging: str
    tables: tuple[str, ...]
    outdated: Mapping[str, str]
    checkpoint: str = ""


def commit_uri(root: str, run: str) -> str:
    """Return the path or URI of a commit's record."""
    return paths.join_path(root, FOLDER, f"{run}.json")


def write_commit(root: str, record: CommitRecord) -> None:
    """Decide a commit: readers see its tables from now on."""
    paths.write_bytes(commit_uri(root, record.run), json.dumps(asdict(record), indent=1).encode())


def manifest_uri(staging: str, table: str, has_rename: bool) -> str:
    """Return where a staged table's manifest is: in its folder, or beside it where the folder is copied without it."""
    return paths.join_path(staging, table, MANIFEST) if has_rename else paths.join_path(staging, f"_{table}{MANIFEST}")


def list_commits(root: str) -> list[CommitRecord]:
    """Return the commits that are decided and not complete. Raises `LakeError` where a record is damaged."""
    records, folder = [], paths.join_path(root, FOLDER)
    for name in paths.list_files(folder):
        if not name.endswith(".json"):
            continue  # another writer's temporary file
        uri = paths.join_path(folder, name)
        try:
            fields = paths.read_record(uri)
            if fields is not None:  # else it is complete
                records.append(CommitRecord(**{**fields, "tables": tuple(fields["tables"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise LakeError(f"{uri}: damaged ({error}): remove this file, then run the job again with --force") from None
    return records


def complete_commit(root: str, record: CommitRecord) -> None:
    """Carry out a decided commit, from wherever an earlier attempt has stopped; then remove its record."""
    staging = paths.join_path(root, STAGING, record.staging)
    for table in record.tables:
        if paths.has_atomic_rename(root):
            rename_table(root, staging, table, record.run)
        else:
            copy_table(root, staging, table, record.run)
    for table, run in record.outdated.items():
        manifest = read_manifest(root, table)
        is_half_removed = manifest is None and not paths.has_atomic_rename(root)
        if is_half_removed or (manifest is not None and manifest.run == run):
            remove_table(root, table, staging)
    if record.checkpoint:  # no run has written another one since: it would have completed this commit first
        CheckpointStore(root, record.checkpoint).remove()
    paths.remove(staging)
    paths.remove_file(commit_uri(root, record.run))


def remove_table(root: str, table: str, staging: str) -> None:
    """Remove a table so that no reader sees a part of it."""
    final = paths.join_path(root, table)
    if paths.has_atomic_rename(root):
        previous = paths.join_path(staging, PREVIOUS + table)
        paths.remove(previous)
        paths.move(final, previous)
    else:
        paths.remove_file(paths.join_path(final, MANIFEST))
        paths.remove(final)


def rename_table(root: str, staging: str, table: str, run: str) -> None:
    """Put a staged table in its place; do nothing where that is done. Raises `LakeError` where the staged table is gone."""
    staged, final, previous = (
        paths.join_path(staging, table),
        paths.join_path(root, table),
        paths.join_path(staging, PREVIOUS + table),
    )
    if not paths.exists(staged):
        present = read_manifest(root, table)
        if present is None or present.run != run:
            raise LakeError(explain_removed(root, staging, table, run))
        return
    if paths.exists(final):
        paths.remove(previous)
        paths.move(final, previous)
    try:
        paths.move(staged, final)
    except OSError:
        if paths.exists(previous) and not paths.exists(final):
            paths.move(previous, final)
        raise


def explain_removed(root: str, staging: str, table: str, run: str) -> str:
    """Return the message for a decided commit without its staged files."""
    return (
        f"{paths.join_path(staging, table)}: the files of table {table}, which a run has committed, were removed: remove "
        f"{commit_uri(root, run)}, then run the job again with --force"
    )


def copy_table(root: str, staging: str, table: str, run: str) -> None:
    """Copy a staged table to its place, its manifest last; do nothing where that is done."""
    staged, final = paths.join_path(staging, table), paths.join_path(root, table)
    present = read_manifest(root, table)
    if present is not None and present.run == run:
        return
    try:
        text = paths.read_bytes(manifest_uri(staging, table, has_rename=False))
    except FileNotFoundError:
        raise LakeError(explain_removed(root, staging, table, run)) from None
    paths.remove_file(paths.join_path(final, MANIFEST))  # without it the table does not exist for a reader
    paths.remove(final)
    paths.copy_folder(staged, final)
    paths.write_bytes(paths.join_path(final, MANIFEST), text)


def settle_commits(root: str, for_run: str = "") -> None:
    """Return when no commit is half done: complete those of dead runs, wait for those of live ones.

    Call it before the lake's tables are read. Costs one listing where there is nothing to do. for_run: the caller's run, whose
    lock is not in the way. Raises `LakeError` where a dead run's commit cannot be completed.
    """
    for record in list_commits(root):
        tables, uri = (*record.tables, *record.outdated), commit_uri(root, record.run)
        while paths.exists(uri):
            if is_run_alive(root, record.lock):
                time.sleep(POLL_SECONDS)
                continue
            try:
                with LakeLock(root, uuid.uuid4().hex, [f"commit of {record.run}"], (), tables, for_run):
                    if paths.exists(uri):
                        complete_commit(root, record)
            except LakeBusyError:
                time.sleep(BUSY_SECONDS)  # another one completes it
            except OSError as error:
                raise LakeError(
                    f"{root}: job {record.job} was killed in the commit of {', '.join(record.tables)}, and the commit cannot "
                    f"be completed ({error}): run any job of walkgram with the right to write there"
                ) from None


def read_lake(root: str) -> dict[str, Manifest]:
    """Return the manifest of every table of a lake, the oldest first, as they were at one moment."""
    previous: dict[str, Manifest] | None = None
    while True:
        settle_commits(root)
        names = [info.base_name for info in paths.list_folders(root) if info.base_name[0] not in "._"]
        found = {name: manifest for name in names if (manifest := read_manifest(root, name)) is not None}
        if found == previous:
            return dict(sorted(found.items(), key=lambda item: (item[1].finished, item[0])))
        previous = found  # a commit may have come between: read once more


def read_undisturbed(root: str, table: str, read: Callable[[], Result]) -> Result:
    """Return read(), which reads a table; repeat it where a commit has replaced the table meanwhile, also if it raised."""
    while True:
        settle_commits(root)
        before, failure = read_manifest(root, table), None
        try:
            result = read()
        except LakeError as error:
            failure = error
        settle_commits(root)
        after = read_manifest(root, table)
        if (before.run if before else "") == (after.run if after else ""):
            if failure is not None:
                raise failure
            return result


def is_run_alive(root: str, run: str) -> bool:
    """Return whether a run holds its lock and lives."""
    return any(is_alive(root, lock) for lock in list_locks(root) if lock.run == run)
