"""The SparkSession of a job. Driver only; what spark-submit was given wins over the defaults here."""

import logging
import os
import sys

from pyspark import SparkConf
from pyspark.sql import SparkSession

__all__ = ["start"]

DEFAULTS = {
    "spark.master": "local[*]",
    "spark.driver.memory": "4g",
    "spark.ui.showConsoleProgress": "true",
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
    conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")  # pandas writes nanoseconds; lake/sources.py makes times of them
    conf.set("spark.sql.caseSensitive", "true")  # columns that differ only in case are two columns
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):  # Java's stack traces, as JSON
        logging.getLogger(name).disabled = not verbose
    spark = SparkSession.builder.config(conf=conf).getOrCreate()
    spark.sparkContext.setLogLevel("WARN" if verbose else "OFF")
    return spark
