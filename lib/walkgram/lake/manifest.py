"""What a table was made from, by which code, and its done mark; and the commit that makes tables visible whole.

A job writes its tables into `_staging/<job>-<run>/<table>` and commits: each gets its `_manifest.json`, the former table
is moved aside, the new one into its place. On file systems without a rename the manifest is copied as the last file, so
a table without one is not there for any reader.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from walkgram.errors import ConfigError, InputError, LakeError
from walkgram.lake import paths

__all__ = [
    "MANIFEST",
    "MATERIALIZED",
    "Manifest",
    "Transaction",
    "check_lineage",
    "check_paths",
    "digest_text",
    "make_manifest",
    "read_manifest",
    "recover_commit",
    "require_manifest",
]

MANIFEST = "_manifest.json"
STAGING = "_staging"
FORMER = "_former-"
MATERIALIZED = "kept-"  # what a run lays down for itself


@dataclass(frozen=True)
class Manifest:
    """The record beside a table. `id` names the content (job, code, configuration, inputs), `run` this making of it."""

    job: str
    id: str
    run: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    code: str
    rows: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str = ""


def make_manifest(job: str, config: Mapping[str, Any], inputs: Mapping[str, str], code: str) -> Manifest:
    """A manifest to be filled at commit; its id is the SHA-256 of what the tables are a function of."""
    text = json.dumps([job, code, config, inputs], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Manifest(job, digest, uuid.uuid4().hex, config, inputs, code)


def read_manifest(root: str, table: str) -> Manifest | None:
    """The manifest of a finished table; None where the table is not there."""
    place = paths.join_path(root, table, MANIFEST)
    if not paths.exists(place):
        return None
    try:
        return Manifest(**json.loads(paths.read_bytes(place)))
    except (ValueError, TypeError) as error:
        raise LakeError(f"{place}: damaged ({error}): remove the folder {table} and run its job again") from None


def require_manifest(root: str, table: str, made_by: str) -> Manifest:
    """The manifest of a table that a job needs. Raises `LakeError` that names the job to run first."""
    found = read_manifest(root, table)
    if found is None:
        raise LakeError(f"table {table} is not in {root}: run jobs/{made_by}.py first, or check lake.path")
    return found


class Transaction:
    """The tables of one run of a job: staged apart, then visible together. Use as a context manager.

    With `resume` what a stopped run of the same content (the manifest's id) had staged stays for the next one, unless what
    stopped it was the input or the configuration, which would stop the next one too.
    """

    def __init__(self, root: str, manifest: Manifest, tables: Sequence[str], resume: bool = False) -> None:
        self.root, self.manifest, self.tables, self.resume = root, manifest, tuple(tables), resume
        self.staging = paths.join_path(root, STAGING, f"{manifest.job}-{manifest.id[:32] if resume else manifest.run}")
        self.rows: dict[str, int] = {}
        self.counts: dict[str, Any] = {}
        self._started = time.monotonic()

    def __enter__(self) -> "Transaction":
        """Remove what a killed run of the same job left behind; the tables that it had moved aside come back first."""
        recover_commit(self.root, self.manifest.job)
        for staged in list_staged(self.root, self.manifest.job):
            if not self.resume or staged != self.staging:
                paths.remove(staged)
        return self

    def folder(self, table: str) -> str:
        """Where this run writes a table."""
        if table.partition("/")[0] not in self.tables:
            raise ValueError(f"job {self.manifest.job} does not write {table}")
        return paths.join_path(self.staging, table)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Commit where the run went well; otherwise leave the former tables as they were."""
        if kind is not None and self.resume and not isinstance(error, ConfigError | InputError):
            return
        try:
            if kind is None:
                self.commit()
        finally:
            paths.remove(self.staging)

    def commit(self) -> None:
        """Put every staged table in its place. Raises `LakeError` where one was not written."""
        missing = [table for table in self.tables if not paths.exists(self.folder(table))]
        if missing:
            raise LakeError(f"job {self.manifest.job} wrote no {', '.join(missing)}: nothing was changed")
        done = asdict(self.manifest) | {
            "rows": self.rows,
            "counts": self.counts,
            "seconds": round(time.monotonic() - self._started, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        text = json.dumps(done, indent=1).encode()
        moved: list[str] = []
        formers, kept = (
            {f.run for t in of if (f := read_manifest(self.root, t)) is not None} for of in (self.tables, self.manifest.inputs)
        )
        try:
            for table in self.tables:
                place = paths.join_path(self.root, table)
                if paths.exists(place):
                    paths.move(place, paths.join_path(self.staging, FORMER + table))
                moved.append(table)
                if paths.has_atomic_rename(place):  # the manifest comes with its table, in one step
                    paths.write_bytes(paths.join_path(self.folder(table), MANIFEST), text)
                    paths.move(self.folder(table), place)
                else:
                    paths.move(self.folder(table), place)
                    paths.write_bytes(paths.join_path(place, MANIFEST), text)
        except BaseException:
            self.roll_back(moved)
            raise
        self.remove_outdated(formers - kept)

    def roll_back(self, moved: Sequence[str]) -> None:
        """Put the former tables back."""
        for table in moved:
            place, former = paths.join_path(self.root, table), paths.join_path(self.staging, FORMER + table)
            paths.remove(place)
            if paths.exists(former):
                paths.move(former, place)

    def remove_outdated(self, replaced: set[str]) -> None:
        """Remove tables that this run leaves behind: of an earlier run of this job under another configuration, or made
        together with a table that this run `replaced` (these runs), as the interactions of a vocabulary were; not what was
        made together with a table that this run reads, as the pairs and the interactions of a merge are.
        """
        for info in paths.list_folders(self.root):
            name = info.base_name
            if name[0] not in "._" and name not in self.tables:
                found = read_manifest(self.root, name)
                if found is not None and (found.job == self.manifest.job or found.run in replaced):
                    paths.remove(paths.join_path(self.root, name))


def list_staged(root: str, job: str) -> list[str]:
    """What runs of a job have staged and not removed."""
    parent = paths.join_path(root, STAGING)
    return [paths.join_path(parent, i.base_name) for i in paths.list_folders(parent) if i.base_name.rpartition("-")[0] == job]


def recover_commit(root: str, job: str) -> None:
    """Undo a commit of a job that was killed half-way: the new tables go back to where they were staged, the former ones come
    back. A commit that had put every table in its place stays. To be called before the job looks for its inputs.
    """
    for staged in list_staged(root, job):
        names = [info.base_name for info in paths.list_folders(staged)]
        formers = [name.removeprefix(FORMER) for name in names if name.startswith(FORMER)]
        done = all(name[0] == "_" or name.startswith(MATERIALIZED) for name in names)
        for name in formers:
            place, aside = paths.join_path(root, name), paths.join_path(staged, FORMER + name)
            if done and paths.exists(place):
                paths.remove(aside)
                continue
            if paths.exists(place):
                paths.move(place, paths.join_path(staged, name))
            paths.move(aside, place)


def check_paths(root: str, tables: Sequence[str], sources: Sequence[str]) -> None:
    """Raise `LakeError` where a run would replace what is not its own: a foreign folder, or the source that it reads."""
    for table in tables:
        place = paths.join_path(root, table)
        if paths.exists(place) and not paths.exists(paths.join_path(place, MANIFEST)):
            raise LakeError(f"{place} is there and was not made by walkgram: move it, or choose another lake.path")
        for source in sources:
            if paths.is_inside(source, place):
                raise LakeError(f"the source {source} lies where table {table} would be written: choose another lake.path")
    for source in sources:
        if paths.is_inside(root, source):
            raise LakeError(f"lake.path {root} lies inside the source {source}: choose another lake.path")


def check_lineage(inputs: Mapping[str, Manifest], made_by: Mapping[str, str]) -> None:
    """Raise `LakeError` where one input was made from, or together with, another making of a second one."""
    for name, found in inputs.items():
        for other, own in inputs.items():
            job = made_by.get(name, name)
            if found.run == own.run or own.inputs.get(name) == found.id:
                continue  # one run made both, from what there was before; or the second was made anew from the first
            if found.inputs.get(other, own.id) != own.id:
                raise LakeError(f"table {name} was made from another {other} than the lake holds now: run jobs/{job}.py first")
            if other in found.rows and found.run != own.run:
                raise LakeError(
                    f"table {name} was made together with another {other} than the lake holds now: run jobs/{job}.py first"
                )


def digest_text(*texts: str) -> str:
    """Return the SHA-256 of texts, in hexadecimal digits."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
