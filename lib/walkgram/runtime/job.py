"""Run one job: skip finished work, give the job its sections and inputs, commit its tables."""

import contextlib
import inspect
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import walkgram
from walkgram import tables
from walkgram.errors import LakeError
from walkgram.jobs.base import Job
from walkgram.lake import manifest, paths
from walkgram.lake.commit_record import CommitRecord, complete_commit, settle_commits, write_commit
from walkgram.lake.lock import LakeLock
from walkgram.lake.manifest import Manifest
from walkgram.lake.transaction import Transaction, find_outdated
from walkgram.redaction import redact
from walkgram.runtime import progress
from walkgram.runtime.code_identity import digest_code
from walkgram.runtime.context import RunContext, RunOptions
from walkgram.runtime.cpu import CpuMeter, describe_cpu
from walkgram.runtime.errors import explain_full_disk, raise_own_errors

if TYPE_CHECKING:
    from walkgram.config.schema import Config

__all__ = ["code_version", "find_makers", "lock_tables", "make_identity", "require_sources", "run_job", "select_sections"]

PREFIX = "walkgram."


class SelectedSections(SimpleNamespace):
    """The sections of a configuration that a job declares, and those that no table depends on."""

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"the job does not declare the section {name!r} of the configuration: add it to its sections")


def select_sections(config: "Config", job: Job) -> "Config":
    """Return the sections that the job declares, `lake` and `spark`; reading another one raises `AttributeError`."""
    return cast("Config", SelectedSections(**{name: getattr(config, name) for name in ("lake", "spark", *job.sections)}))


def code_version(job: Job, config: "Config") -> str:
    """Return the package's version and a digest of the code that the job can reach by imports; `config`: its sections."""
    module = inspect.getmodule(job.run)
    name = module.__name__ if module is not None else ""
    own = digest_code(name) if name.startswith(PREFIX) else inspect.getsource(module or job.run)
    digests = [own, *(digest_code(further) for further in job.modules(config))]
    return f"{walkgram.__version__}+{manifest.digest_text(*digests)[:12]}"


def make_identity(job: Job, config: "Config", options: RunOptions) -> tuple[Manifest, dict[str, Manifest], dict[str, str]]:
    """Return the manifest that a run would have, the manifests of its inputs, and its sources (path -> fingerprint).

    Raises `LakeError` where an input is missing, or where inputs do not belong together.
    """
    sections, root = select_sections(config, job), config.lake.path
    framed = job.takes_frame and options.source_frame is not None
    sources = {"DataFrame": options.source_id} if framed else dict(job.sources(sections))
    makers = find_makers(config)
    inputs = {table: manifest.require_manifest(root, table, makers[table]) for table in job.reads(sections)}
    manifest.check_lineage(inputs, makers)
    ids = {table: found.id for table, found in inputs.items()} | sources
    values = {name: getattr(config, name).model_dump() for name in job.sections}
    return manifest.make_manifest(job.name, values, ids, code_version(job, sections)), inputs, sources


def run_job(job: Job, config: "Config", options: RunOptions | None = None) -> bool:
    """Run a job unless its tables are up to date; return whether it ran.

    Raises `WalkgramError`; the tables are then as they were.
    """
    options, sections, root = options or RunOptions(), select_sections(config, job), config.lake.path
    job.check(sections)
    if options.lock is None:  # else the pipeline has done it for all jobs
        paths.check_reachable("lake.path", root)
        require_sources(config, [job], options)
        paths.check_writable(root)
        settle_commits(root)
    with lock_tables(root, [(job, sections)]) if options.lock is None else contextlib.nullcontext(options.lock) as lock:
        settle_commits(root, lock.record.run)
        outputs = tuple(job.writes(sections))
        if not set(outputs) <= set(lock.record.writes):
            raise LakeError(f"{root}: another run has changed the lake meanwhile: run job {job.name} again")
        if not (job.takes_frame and options.source_frame is not None):
            manifest.check_paths(root, outputs, list(job.sources(sections)))
        if outputs:
            return run_locked(job, config, options, lock)
        removed = remove_tables(root, job.name, lock.record.run)
        options.log(f"{job.name}: nothing to write under this configuration" + "".join(f"; removed {name}" for name in removed))
        return False


def require_sources(config: "Config", jobs: Sequence[Job], options: RunOptions) -> None:
    """Raise `LakeError` where the file system of a job's source does not answer; nothing is written."""
    if options.source_frame is None and any(job.takes_frame for job in jobs):
        paths.check_reachable("input.path", config.input.path)


def lock_tables(root: str, jobs: Sequence[tuple[Job, "Config"]]) -> LakeLock:
    """Return the lock for a run of jobs, each with its sections: what they read, write and remove."""
    reads = {table for job, sections in jobs for table in job.reads(sections)}
    writes = {table for job, sections in jobs for table in job.writes(sections)}
    for job, sections in jobs:
        writes.update(find_outdated(root, job.name, job.writes(sections), job.reads(sections)))
    return LakeLock(root, uuid.uuid4().hex, [job.name for job, _ in jobs], sorted(reads), sorted(writes))


def run_locked(job: Job, config: "Config", options: RunOptions, lock: LakeLock) -> bool:
    """Run a job that has something to write, under its lock, unless its tables are up to date; return whether it ran."""
    sections, root = select_sections(config, job), config.lake.path
    outputs = tuple(job.writes(sections))
    identity, inputs, sources = make_identity(job, config, options)
    if options.lock is None:
        identity = replace(identity, run=lock.record.run)
    present = [manifest.read_manifest(root, table) for table in outputs]
    replaces_inputs = bool(set(outputs) & set(inputs))
    if not options.force and all(
        table is not None and (table.id == identity.id or (replaces_inputs and is_merged(table, identity, sources)))
        for table in present
    ):
        options.log(
            f"{job.name}: up to date, made {present[0].finished if present and present[0] else ''} (--force runs it again)"
        )
        return False
    options.log(f"{job.name}: {job.summary}")
    started, meter = time.monotonic(), CpuMeter()
    resume = job.resumes and not options.force
    with raise_own_errors(), explain_full_disk(root, ""), Transaction(root, identity, outputs, resume, lock) as out:
        context = RunContext(job.name, sections, inputs, out, options)
        context.meter_cpu(meter)
        with (
            explain_full_disk(root, out.staging),
            progress.show_progress(job.name, context.current_progress, enabled=options.show_progress),
        ):
            context.check_inputs(job.uses_spark)
            out.counts = dict(job.run(context))
    for kind, used in out.cpu.items():
        options.cpu[kind] = options.cpu.get(kind, 0.0) + used
    counts = [format_count(name, value) for name, value in out.counts.items() if is_shown(value)]
    seconds = f"{time.monotonic() - started:.1f} s, {describe_cpu(out.cpu)}"
    options.log(f"{job.name}: done in {seconds}: {', '.join(counts)}")
    return True


def remove_tables(root: str, job: str, run: str) -> list[str]:
    """Remove the tables that a job made under another configuration, all at once; return their names."""
    outdated = find_outdated(root, job, (), ())
    if outdated:
        record = CommitRecord(run, run, job, f"{job}-{run}", (), outdated)
        write_commit(root, record)
        complete_commit(root, record)
    return list(outdated)


def is_merged(table: Manifest, identity: Manifest, sources: Mapping[str, str]) -> bool:
    """Return whether a job that replaces what it reads (a merge) has taken these sources in: its other inputs are replaced."""
    same = (table.job, table.code, table.config) == (identity.job, identity.code, identity.config)
    return same and bool(sources) and all(table.inputs.get(redact(path)) == known for path, known in sources.items())


def is_shown(value: object) -> bool:
    """Return whether a count belongs in the job's last line: flags that are true, and no report of several lines."""
    return value is not False and not isinstance(value, Mapping)


def format_count(name: str, value: object) -> str:
    """Return one count for the job's last line; a flag is named where it is true."""
    if value is True:
        return name
    return f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}"


def find_makers(config: "Config") -> Mapping[str, str]:
    """Return table -> the job that makes it, for messages, by the configuration's source or by what the lake holds."""
    vocabulary = manifest.read_manifest(config.lake.path, "vocabulary")
    loaded = config.input.kind == "edges" or (vocabulary is not None and vocabulary.job == "load_edges")
    return {
        table.name: "load_edges" if loaded and "load_edges" in table.made_by else table.made_by[0]
        for table in tables.TABLES.values()
    }
