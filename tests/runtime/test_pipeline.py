"""The order of the jobs follows from the tables that they read and write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from walkgram import tables
from walkgram.config.load import load_config
from walkgram.errors import ConfigError
from walkgram.jobs.base import Job
from walkgram.jobs.registry import JOBS, UPDATE, load_job
from walkgram.runtime import pipeline
from walkgram.runtime.job import select_sections

COMMON = ["graph", "walks", "train"]


def order(lake: Path, wanted: Sequence[str] = (), update: bool = False, **sections: Any) -> list[str]:
    """Return the names of the jobs of a line."""
    config = load_config(None, base={"lake": {"path": str(lake)}, **sections})
    jobs = pipeline.order_jobs(pipeline.available_jobs(config, update), config, wanted or config.pipeline.tables)
    return [job.name for job in jobs]


def test_the_line_of_ratings(tmp_path: Path) -> None:
    assert order(tmp_path) == ["interactions", "baskets", "edges", *COMMON, "neighbours", "export"]


def test_the_pairs_are_counted_where_their_table_is_written(tmp_path: Path) -> None:
    line = order(tmp_path, pairs={"write_table": True})
    assert line == ["interactions", "baskets", "pairs", "edges", *COMMON, "neighbours", "export"]


def test_the_line_of_a_graph(tmp_path: Path) -> None:
    assert order(tmp_path, input={"kind": "edges"}) == ["load_edges", *COMMON, "neighbours", "export"]


def test_the_line_of_an_update_begins_with_the_merge(tmp_path: Path) -> None:
    assert order(tmp_path, update=True, pairs={"write_table": True}) == ["merge", "edges", *COMMON, "neighbours", "export"]


@pytest.mark.parametrize(
    ("wanted", "jobs"),
    [
        (["vocabulary"], ["interactions"]),
        (["edges"], ["interactions", "baskets", "edges"]),
        (["node_visits", "vocabulary"], ["interactions", "baskets", "edges", "graph", "walks"]),
        (["neighbours"], ["interactions", "baskets", "edges", *COMMON, "neighbours"]),
    ],
)
def test_only_what_the_wanted_tables_need_runs(tmp_path: Path, wanted: list[str], jobs: list[str]) -> None:
    assert order(tmp_path, wanted) == jobs
    assert order(tmp_path, pipeline={"tables": wanted}) == jobs


def toy(name: str, reads: Sequence[str], writes: Sequence[str]) -> Job:
    return Job(name, name, lambda context: {}, (), lambda config: reads, lambda config: writes)


def test_a_table_that_no_job_makes_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"table vectors: no job makes it under this configuration; there are .*embeddings"):
        order(tmp_path, ["vectors"])
    with pytest.raises(ConfigError, match="table pairs: no job makes it"):
        order(tmp_path, ["pairs"])


def test_two_makers_of_a_table_and_a_circle_are_errors() -> None:
    config = load_config(None)
    with pytest.raises(ConfigError, match="table a: both one and two make it"):
        pipeline.order_jobs([toy("one", [], ["a"]), toy("two", [], ["a"])], config, ["a"])
    circle = [toy("one", ["b"], ["a"]), toy("two", ["a"], ["b"])]
    with pytest.raises(ConfigError, match="table a depends on itself: a <- b <- a"):
        pipeline.order_jobs(circle, config, ["a"])


def test_a_job_that_renews_what_it_reads_is_no_circle() -> None:
    jobs = [toy("renew", ["a"], ["a"]), toy("use", ["a"], ["b"])]
    assert [job.name for job in pipeline.order_jobs(jobs, load_config(None), ["b"])] == ["renew", "use"]


@pytest.mark.parametrize("name", [*JOBS, UPDATE])
def test_tables_say_who_makes_them(tmp_path: Path, name: str) -> None:
    base = {"lake": {"path": str(tmp_path)}, "pairs": {"write_table": True}, "interactions": {"keep_rejected": True}}
    config, job = load_config(None, base=base), load_job(name)
    written = job.writes(select_sections(config, job))
    assert written
    for table in written:
        assert name in tables.TABLES[table].made_by, table


def test_every_table_is_made_by_jobs_that_there_are() -> None:
    assert {job for table in tables.TABLES.values() for job in table.made_by} == {*JOBS, UPDATE}


@pytest.mark.parametrize("name", [*JOBS, UPDATE])
def test_a_job_sees_only_the_sections_that_it_declares(name: str) -> None:
    config, job = load_config(None), load_job(name)
    selected = select_sections(config, job)
    for section in type(config).model_fields:
        if section in ("lake", "spark", *job.sections):
            assert getattr(selected, section) == getattr(config, section)
        else:
            with pytest.raises(AttributeError, match=f"the job does not declare the section '{section}'"):
                getattr(selected, section)
