"""The SparkSession of a job. Driver only; what spark-submit was given wins over the defaults here."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark import SparkConf
from pyspark.sql import SparkSession

__all__ = ["memory", "start"]

DEFAULTS = {
    "spark.master": "local[*]",
    "spark.driver.memory": "4g",
    "spark.ui.showConsoleProgress": "false",  # progress.py shows the tasks, with the time left
    # Broadcast joins of small vocabularies; shuffles sized by the data, not by a constant.
    "spark.sql.adaptive.enabled": "true",
    # A task's Python side gets batches large enough that the per-batch cost vanishes.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}


def start(name: str, verbose: bool = False) -> SparkSession:
    """The running session, or a new one: local unless spark-submit says otherwise.

    Times are UTC whatever the machine's zone, since timestamps without a zone are read as UTC. Spark's own log is
    silent unless `verbose`: what fails is raised, and reported in one line by the job.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf()
    for key, value in DEFAULTS.items():
        conf.setIfMissing(key, value)
    conf.setIfMissing("spark.app.name", f"walkgram {name}")
    conf.set("spark.sql.session.timeZone", "UTC")
    conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")  # as the tables' contract has it, not INT96
    conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")  # pandas writes nanoseconds; lake/formats/parquet.py casts them
    conf.set("spark.sql.caseSensitive", "true")  # columns that differ only in case are two columns
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):  # Java's stack traces, as JSON
        logging.getLogger(name).disabled = not verbose
    spark = SparkSession.builder.config(conf=conf).getOrCreate()
    spark.sparkContext.setLogLevel("WARN" if verbose else "OFF")
    return spark


def memory(spark: SparkSession) -> int:
    """MiB of the smallest host that a few tasks ran on; a container's limit counts as its host's memory."""

    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
            for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
                text = Path(limit).read_text().strip() if Path(limit).exists() else "max"
                found += [int(text)] if text.isdigit() else []
            yield pa.RecordBatch.from_pydict({"mib": [min(found) >> 20]})

    tasks = spark.sparkContext.defaultParallelism
    return min(int(row["mib"]) for row in spark.range(0, tasks, 1, tasks).mapInArrow(look, "mib long").collect())
