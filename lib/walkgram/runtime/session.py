"""Spark sessions for jobs, driver only.

The submitted configuration (spark-submit, spark-defaults.conf, PYSPARK_SUBMIT_ARGS) takes precedence over every default here,
and a session that the caller has already created stays unchanged.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from walkgram.errors import EnvironmentMismatch
from walkgram.runtime.preflight import check_spark_version
from walkgram.runtime.signals import keep_interrupt_handler

__all__ = ["get_session"]

DRIVER_MEMORY = "4g"
SHOW_SPARK_PROGRESS = "spark.ui.showConsoleProgress"
CONTEXT_DEFAULTS = {
    "spark.master": "local[*]",
    SHOW_SPARK_PROGRESS: "false",  # progress.py shows the tasks, with the time left
}
SQL_DEFAULTS = {
    # Broadcast joins of small vocabularies; shuffles sized by the data, not by a constant.
    "spark.sql.adaptive.enabled": "true",
    # Large batches make the cost per batch on a task's Python side negligible.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # The tables' contract reads timestamps without a zone as UTC.
    "spark.sql.session.timeZone": "UTC",
    # input.timestamp_format: without it Spark ends the run where Spark 2 would have read a time in another way.
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # The tables' contract requires microseconds; Spark's default is INT96.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # pandas writes nanoseconds, which Spark refuses otherwise; lake/formats/parquet.py casts them to timestamps.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Columns that differ only in case are two columns.
    "spark.sql.caseSensitive": "true",
}
SHELL_NAME = "pyspark-shell"  # the application's name under plain Python, where nobody has named it
QUERY_CONTEXT_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")  # they print Java's stack traces as JSON


@dataclass
class CachedSession:
    """The session of the running SparkContext, and whether `get_session` created that context."""

    session: SparkSession
    owns_context: bool


_cache: CachedSession | None = None


def get_session(name: str, verbose: bool = False, user_session: SparkSession | None = None) -> SparkSession:
    """Return the session for jobs, the same one as long as its SparkContext runs.

    Without a running SparkContext, create one: the submitted configuration takes precedence over the defaults here. With one,
    return a new session of that context with a SQL configuration of its own: keys, time zone and log level of the caller's
    sessions stay as they are, and keys that the context's configuration sets are not set again.

    name: the application's name, where none was submitted.
    verbose: show Spark's log; otherwise a job reports an error in one line. Ignored where the caller created the context, and
        for Spark's level where spark.log.level was submitted.
    user_session: a session of the running SparkContext; by default Spark's default session.
    """
    global _cache
    context = user_session.sparkContext if user_session is not None else SparkContext._active_spark_context
    if context is None:
        _cache = CachedSession(create_session(name), owns_context=True)
    elif _cache is None or _cache.session.sparkContext is not context:
        _cache = CachedSession(derive_session(user_session or SparkSession.builder.getOrCreate()), owns_context=False)
    if _cache.owns_context:
        set_log_level(_cache.session, verbose)
    return _cache.session


def create_session(name: str) -> SparkSession:
    """Create a SparkContext and its session: the submitted configuration, with defaults for the keys that it lacks.

    The JVM starts first, because SparkConf reads the submitted configuration from the JVM.
    """
    # Spark's launcher reads these variables after its options and properties files, so that they have the least precedence.
    # A shell, which plain Python counts as, shows Spark's progress unless a Java property says otherwise.
    options = f"-D{SHOW_SPARK_PROGRESS}=false {os.environ.get('SPARK_SUBMIT_OPTS', '')}".strip()
    memory = os.environ.get("SPARK_DRIVER_MEMORY", DRIVER_MEMORY)
    python = os.environ.get("PYSPARK_PYTHON", sys.executable)
    with temporary_environment(SPARK_DRIVER_MEMORY=memory, SPARK_SUBMIT_OPTS=options, PYSPARK_PYTHON=python):
        SparkContext._ensure_initialized()
    check_spark_version(read_spark_version())
    conf = SparkConf()
    for key, value in (CONTEXT_DEFAULTS | SQL_DEFAULTS).items():
        conf.setIfMissing(key, value)
    if conf.get("spark.app.name", SHELL_NAME) == SHELL_NAME:
        conf.set("spark.app.name", f"walkgram {name}")
    # The SparkContext takes the workers' interpreter from the environment alone, and only while it is created.
    with keep_interrupt_handler(), temporary_environment(PYSPARK_PYTHON=conf.get("spark.pyspark.python", python) or python):
        try:
            return SparkSession.builder.config(conf=conf).getOrCreate()
        except Exception as error:
            raise explain_start(conf, str(error)) from error


def read_spark_version() -> str:
    """Return the version of the JVM's Spark."""
    jvm: Any = SparkContext._jvm
    return str(getattr(getattr(jvm.org.apache.spark, "package$"), "MODULE$").SPARK_VERSION())


def explain_start(conf: SparkConf, text: str) -> Exception:
    """Return the error for a SparkContext that could not be created, with the first reason that Spark gives."""
    memory = re.search(r"System memory (\d+) must be at least (\d+)", text)
    if memory:
        have, need = (int(number) >> 20 for number in memory.groups())
        return EnvironmentMismatch(
            f"Spark's driver has {have} MiB of memory and needs {need} MiB: raise spark.driver.memory (--driver-memory 1g)"
        )
    reasons = re.findall(r"^(?:: |Caused by: )?[\w.$]+(?:Exception|Error): (.+)$", text, re.MULTILINE)
    reason = reasons[-1] if reasons else next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return EnvironmentMismatch(
        f"Spark cannot start with master {conf.get('spark.master')} ({reason[:200]}): check the master's address and the "
        "submitted configuration (--verbose shows Spark's log)"
    )


def derive_session(user_session: SparkSession) -> SparkSession:
    """Return a new session of the caller's SparkContext, with the SQL defaults that the context's configuration lacks."""
    submitted = user_session.sparkContext.getConf()
    session = user_session.newSession()
    for key, value in SQL_DEFAULTS.items():
        if not submitted.contains(key):
            session.conf.set(key, value)
    return session


def set_log_level(session: SparkSession, verbose: bool) -> None:
    """Show Spark's warnings and the errors' query contexts, or switch both off. A submitted spark.log.level stays."""
    if not session.sparkContext.getConf().contains("spark.log.level"):
        session.sparkContext.setLogLevel("WARN" if verbose else "OFF")
    for name in QUERY_CONTEXT_LOGGERS:
        logging.getLogger(name).disabled = not verbose


@contextlib.contextmanager
def temporary_environment(**variables: str) -> Iterator[None]:
    """Set environment variables inside the block, and restore them afterwards."""
    previous = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
