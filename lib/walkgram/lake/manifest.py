"""The manifest of a table: its job, configuration, inputs, code, counts and times. A table without one does not exist.

A manifest lies beside the files of its table, as `_manifest.json`. `walkgram.lake.transaction` writes it at commit.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from walkgram.errors import LakeError, name_jobs
from walkgram.lake import paths
from walkgram.redaction import redact_values

__all__ = [
    "MANIFEST",
    "Manifest",
    "check_lineage",
    "check_paths",
    "digest_text",
    "make_manifest",
    "read_manifest",
    "require_manifest",
]

MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class Manifest:
    """The record of a table. `id` is the digest of job, code, configuration and inputs; `run` is unique to one run.

    `seconds` is the wall time of the run, `cpu_seconds` its CPU time (user and system), `cpu` the same by kind of process: the
    driver, Spark's JVMs, Python workers (`walkgram.runtime.cpu`). `files`: every file of the table, by its path in the table's
    folder, with its "bytes", "crc32" and, of Parquet, "rows" (`file_list.py`). What a manifest of an older version lacks is
    empty or 0.
    """

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
    cpu_seconds: float = 0.0
    cpu: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def make_manifest(job: str, config: Mapping[str, Any], inputs: Mapping[str, str], code: str) -> Manifest:
    """Return the manifest of a new run, without counts and times; its id is the SHA-256 of the arguments without secrets."""
    config, inputs = redact_values(config), redact_values(inputs)
    text = json.dumps([job, code, config, inputs], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Manifest(job, digest, uuid.uuid4().hex, config, inputs, code)


def read_manifest(root: str, table: str) -> Manifest | None:
    """Return the manifest of a finished table, None where the table does not exist. Raises `LakeError` if it is damaged."""
    uri = paths.join_path(root, table, MANIFEST)
    try:
        fields = paths.read_record(uri)
        return None if fields is None else Manifest(**fields)
    except (ValueError, TypeError) as error:
        raise LakeError(f"{uri}: damaged ({error}): remove the folder {table} and run its job again") from None


def require_manifest(root: str, table: str, job: str) -> Manifest:
    """Return the manifest of an input table. Raises `LakeError` that names the job to run first."""
    manifest = read_manifest(root, table)
    if manifest is None:
        raise LakeError(f"table {table} is not in {root}: run {name_jobs(job)} first, or check lake.path")
    return manifest


def check_paths(root: str, tables: Sequence[str], sources: Sequence[str]) -> None:
    """Raise `LakeError` if a run would replace a folder that walkgram did not write, or the source that it reads."""
    for table in tables:
        folder = paths.join_path(root, table)
        if paths.exists(folder) and not paths.exists(paths.join_path(folder, MANIFEST)):
            raise LakeError(f"{folder} exists and was not made by walkgram: move it, or choose another lake.path")
        for source in sources:
            if paths.is_inside(source, folder):
                raise LakeError(f"the source {source} lies where table {table} would be written: choose another lake.path")
    for source in sources:
        if paths.is_inside(root, source):
            raise LakeError(f"lake.path {root} lies inside the source {source}: choose another lake.path")


def check_lineage(inputs: Mapping[str, Manifest], makers: Mapping[str, str]) -> None:
    """Raise `LakeError` if an input was computed from, or together with, another version of a second input.

    `makers` maps a table to the job that writes it, where the names differ.
    """
    for name, manifest in inputs.items():
        job = makers.get(name, name)
        for other_name, other in inputs.items():
            if manifest.run == other.run or other.inputs.get(name) == manifest.id:
                continue  # one run wrote both, so it read their predecessors; or the second was computed from the first
            if manifest.inputs.get(other_name, other.id) != other.id:
                raise LakeError(
                    f"table {name} was made from another {other_name} than the lake holds now: run {name_jobs(job)} first"
                )
            if other_name in manifest.rows and manifest.run != other.run:
                raise LakeError(
                    f"table {name} was made together with another {other_name} than the lake holds now: "
                    f"run {name_jobs(job)} first"
                )


def digest_text(*texts: str) -> str:
    """Return the SHA-256 of texts, in hexadecimal digits."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
