"""The jobs by name, loaded on demand: the trainer's job must load no Spark."""

import importlib
from typing import cast

from walkgram.errors import ConfigError
from walkgram.jobs.base import Job

__all__ = ["JOBS", "UPDATE", "load_job"]

JOBS = ("interactions", "load_edges", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export")
UPDATE = "merge"  # in place of the jobs that make the tables which it renews


def load_job(name: str) -> Job:
    """Return a job by name. Raises `ConfigError` for an unknown one, with the known names."""
    if name not in (*JOBS, UPDATE):
        raise ConfigError(f"{name}: no such job; there are {', '.join((*JOBS, UPDATE))}")
    return cast(Job, importlib.import_module(f"walkgram.jobs.{name}").JOB)
