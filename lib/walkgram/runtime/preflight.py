"""The check of Spark before a job works: its version, and the Python and packages of the hosts where tasks run.

The tasks' probe is sent as source text, because a function of walkgram could not be loaded where walkgram is missing.
"""

import argparse
import importlib.metadata
import platform
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import walkgram
from walkgram.errors import EnvironmentMismatch
from walkgram.runtime.arguments import Parser, add_options
from walkgram.runtime.context import RunOptions

if TYPE_CHECKING:
    from pyspark import SparkContext

    from walkgram.config.schema import Config

__all__ = ["PACKAGES", "WorkerReport", "check_spark_version", "check_workers", "make_preflight_parser", "run_preflight"]

PACKAGES = ("numpy", "pandas", "pyarrow", "numba", "pydantic")
REMEDY = (
    "give the executors the driver's environment (PYSPARK_PYTHON, or --archives; jobs/README.md, Cluster) and walkgram "
    "(--py-files walkgram.zip)"
)

_reports: dict[str | None, list["WorkerReport"]] = {}  # by application

PROBE = """
def probe(_):
    import platform, socket, sys
    versions = {}
    for name in PACKAGES + ("walkgram",):
        try:
            versions[name] = getattr(__import__(name), "__version__", "")
        except Exception as error:
            versions[name] = ""
            versions[name + " error"] = type(error).__name__ + ": " + str(error)
    return socket.gethostname(), sys.executable, platform.python_version(), versions
"""


class WorkerReport(NamedTuple):
    """What a Python worker found: its host, its interpreter and the versions of the packages ("" where one is missing)."""

    host: str
    interpreter: str
    python: str
    versions: dict[str, str]


def check_spark_version(spark_version: str) -> None:
    """Raise `EnvironmentMismatch` where the JVM's Spark is of another version than the package pyspark."""
    import pyspark

    ours = pyspark.__version__
    if spark_version.split(".")[:2] != ours.split(".")[:2]:
        raise EnvironmentMismatch(
            f"Spark is version {spark_version}, and the package pyspark of {sys.executable} is {ours}: unset SPARK_HOME, "
            f"submit with the spark-submit of version {ours}, or install pyspark=={spark_version}"
        )


def check_workers(context: "SparkContext") -> list[WorkerReport]:
    """Run one small task a core, once a SparkContext; return what the workers found.

    Raises `EnvironmentMismatch` with host, interpreter and package where a worker cannot run walkgram's tasks.
    """
    if context.applicationId in _reports:
        return _reports[context.applicationId]
    namespace: dict[str, Any] = {"PACKAGES": PACKAGES, "__name__": "__main__"}
    exec(PROBE, namespace)
    count = max(1, context.defaultParallelism)
    try:
        rows = context.parallelize(range(count), count).map(namespace["probe"]).collect()
    except Exception as error:
        raise explain_failure(context, str(error)) from error
    reports = sorted({row[:2]: WorkerReport(*row) for row in rows}.values())
    for report in reports:
        check_report(report)
    _reports[context.applicationId] = reports
    return reports


def check_report(report: WorkerReport) -> None:
    """Raise `EnvironmentMismatch` where a worker lacks a package or has another walkgram."""
    where = f"host {report.host}, interpreter {report.interpreter} (Python {report.python})"
    for name in (*PACKAGES, "walkgram"):
        reason = report.versions.get(f"{name} error")
        if reason is not None:
            raise EnvironmentMismatch(f"{where}: package {name} cannot be imported ({reason.partition(': ')[2]}): {REMEDY}")
    if report.versions["walkgram"] != walkgram.__version__:
        raise EnvironmentMismatch(
            f"{where}: package walkgram is {report.versions['walkgram']}, and the driver's is {walkgram.__version__}: {REMEDY}"
        )


def explain_failure(context: "SparkContext", text: str) -> Exception:
    """Return the error for a probe that could not run: another Python version, or no interpreter."""
    python = context.pythonExec
    versions = re.search(r"Python in worker has different version[:\s]*\(?([\d., ]+)\)? (?:than|and)", text) or re.search(
        r"PYTHON_VERSION_MISMATCH\][^\n]*?([\d.]+)[^\d\n]+([\d.]+)", text
    )
    if versions or "PYTHON_VERSION_MISMATCH" in text:
        return EnvironmentMismatch(
            f"the executors' interpreter {python} is another Python than the driver's {platform.python_version()} "
            f"({sys.executable}): {REMEDY}"
        )
    missing = re.search(r'Cannot run program "([^"]+)"', text)
    if missing:
        return EnvironmentMismatch(f"the executors cannot start the interpreter {missing[1]}: {REMEDY}")
    lost = re.search(r"No module named '?([\w.]+)", text)
    if lost:
        return EnvironmentMismatch(f"interpreter {python}: package {lost[1]} cannot be imported on an executor: {REMEDY}")
    reason = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return EnvironmentMismatch(f"a small task with interpreter {python} failed ({reason[:200]}): {REMEDY}")


def make_preflight_parser() -> argparse.ArgumentParser:
    """Return the parser of `walkgram preflight`."""
    parser = Parser(
        prog="walkgram preflight",
        description="check Spark, the executors' Python and packages, and the lake's folder, before a run",
    )
    add_options(
        parser, "TOML file; without it the embedded sample's configuration", "show Spark's log, and stack traces of errors"
    )
    return parser


def run_preflight(config: "Config", options: RunOptions) -> None:
    """Log what Spark and the executors are. Raises `WalkgramError` for what would end a job."""
    from walkgram.lake import paths
    from walkgram.lake.commit_record import settle_commits
    from walkgram.runtime.session import get_session

    paths.check_writable(config.lake.path)
    settle_commits(config.lake.path)
    options.log(f"lake      {config.lake.path}: can be written")
    context = get_session("preflight", options.verbose, options.spark).sparkContext
    options.log(f"Spark     {context.version}, master {context.master}, {context.defaultParallelism} tasks at once")
    options.log(f"driver    {sys.executable} (Python {platform.python_version()}): {describe_versions(driver_versions())}")
    for report in check_workers(context):
        versions = {name: version for name, version in report.versions.items() if version}
        options.log(f"executor  {report.host}, {report.interpreter} (Python {report.python}): {describe_versions(versions)}")


def driver_versions() -> dict[str, str]:
    """Return the versions of the packages in this process."""
    return {name: importlib.metadata.version(name) for name in PACKAGES} | {"walkgram": walkgram.__version__}


def describe_versions(versions: dict[str, str]) -> str:
    """Return versions as text."""
    names: Sequence[str] = (*PACKAGES, "walkgram")
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
