"""The line: the jobs that the wanted tables need, in the order that follows from what they read and write."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from walkgram.errors import ConfigError
from walkgram.jobs.base import Job
from walkgram.jobs.registry import JOBS, UPDATE, load_job
from walkgram.lake import manifest, paths
from walkgram.lake.commit_record import settle_commits
from walkgram.runtime import launch
from walkgram.runtime.context import RunOptions
from walkgram.runtime.cpu import describe_cpu
from walkgram.runtime.job import lock_tables, require_sources, run_job, select_sections

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from walkgram.config.schema import Config

__all__ = ["list_sections", "order_jobs", "run_pipeline", "summarize"]


def available_jobs(config: "Config", update: bool = False) -> list[Job]:
    """Return the jobs of the configuration's line; for an update the merge stands for the jobs whose tables it renews."""
    jobs = [job for job in map(load_job, JOBS) if job.applies(config)]
    if not update:
        return jobs
    merge = load_job(UPDATE)
    renewed = set(merge.writes(select_sections(config, merge)))
    return [merge, *(job for job in jobs if not renewed.intersection(job.writes(select_sections(config, job))))]


def order_jobs(jobs: Sequence[Job], config: "Config", wanted: Sequence[str]) -> list[Job]:
    """Return the jobs that the wanted tables need, each behind those whose tables it reads.

    Raises `ConfigError` for a table that no job makes, that two jobs make, or that depends on itself.
    """
    makers: dict[str, Job] = {}
    for job in jobs:
        for table in job.writes(select_sections(config, job)):
            if table in makers:
                raise ConfigError(f"table {table}: both {makers[table].name} and {job.name} make it")
            makers[table] = job
    ordered: list[Job] = []

    def visit(table: str, path: tuple[str, ...]) -> None:
        if table in path:
            raise ConfigError(f"table {table} depends on itself: {' <- '.join((*path, table))}")
        job = makers.get(table)
        if job is None:
            raise ConfigError(f"table {table}: no job makes it under this configuration; there are {', '.join(sorted(makers))}")
        if job in ordered:
            return
        sections = select_sections(config, job)
        outputs = set(job.writes(sections))
        for needed in job.reads(sections):
            if needed not in outputs:  # a merge reads what it renews
                visit(needed, (*path, table))
        ordered.append(job)

    for table in wanted:
        visit(table, ())
    return ordered


def list_sections(jobs: Sequence[Job]) -> list[str]:
    """Return the sections of the configuration that these jobs read, and those of the pipeline itself."""
    return list(dict.fromkeys([*(name for job in jobs for name in job.sections), "pipeline", "report"]))


def run_pipeline(
    config: "Config", options: RunOptions | None = None, update: bool = False, wanted: Sequence[str] = ()
) -> list[Job]:
    """Run every job that the wanted tables (default: pipeline.tables) need and that is not up to date; return the jobs.

    Raises `WalkgramError`; finished tables stay.
    """
    options = options or RunOptions()
    launch.check_single_process()
    paths.check_reachable("lake.path", config.lake.path)  # the order depends on what the lake holds
    settle_commits(config.lake.path)
    jobs = order_jobs(available_jobs(config, update), config, wanted or config.pipeline.tables)
    for job in jobs:
        job.check(select_sections(config, job))
    require_sources(config, jobs, options)
    paths.check_writable(config.lake.path)
    with lock_tables(config.lake.path, [(job, select_sections(config, job)) for job in jobs]) as lock:
        for number, job in enumerate(jobs, 1):
            numbered = dataclasses.replace(
                options,
                log=lambda line, number=number: options.log(f"[{number}/{len(jobs)}] {line}"),  # type: ignore[misc]
                lock=lock,
            )
            run_job(job, config, numbered)
    return jobs


def summarize(config: "Config", jobs: Sequence[Job], options: RunOptions, started: float) -> Iterator[str]:
    """Yield the lines that the pipeline ends with: neighbours of some items, and where each table is."""
    from walkgram.report import summary

    frames = open_tables(config, options)
    if {"vocabulary", "embeddings", "neighbours"} <= set(frames):
        yield from summary.summarize_run(frames, config.report)
    root = config.lake.path
    yield f"\nall done in {time.monotonic() - started:.0f} s, {describe_cpu(options.cpu)}; the tables are in {root}:"
    for job in jobs:
        for table in job.writes(select_sections(config, job)):
            yield f"  {table:13} {paths.join_path(root, table)}"


def open_tables(config: "Config", options: RunOptions) -> "dict[str, DataFrame]":
    """Return the tables that the summary shows, as far as the lake has them."""
    from walkgram.lake import spark_tables
    from walkgram.runtime import session

    root = config.lake.path
    names = ("vocabulary", "embeddings", "neighbours", "items")
    present = [name for name in names if manifest.read_manifest(root, name) is not None]
    spark = session.get_session("pipeline", options.verbose, options.spark)
    return {name: spark_tables.read_frame(spark, paths.join_path(root, name)) for name in present}
