"""The tables as Spark sees them: read, and write into a transaction's staging folder."""

from pyspark.sql import DataFrame, SparkSession

from walkgram.lake import arrow, files
from walkgram.lake.manifest import KEPT, Transaction

__all__ = ["keep", "read", "write"]


def read(spark: SparkSession, folder: str) -> DataFrame:
    """A table's folder as a DataFrame."""
    return spark.read.option("__globPaths__", "false").parquet(files.spark_uri(folder))  # a name with [x] is a name


def write(out: Transaction, table: str, frame: DataFrame) -> int:
    """Write a table into the staging folder; returns its rows, counted from the files' footers."""
    folder = out.folder(table)
    frame.write.mode("overwrite").option("compression", "zstd").parquet(files.spark_uri(folder))
    out.rows[table] = arrow.count_rows(folder)
    return out.rows[table]


def keep(out: Transaction, name: str, frame: DataFrame) -> DataFrame:
    """A DataFrame laid down beside the staged tables and read back, so that what makes it runs once; gone with the run."""
    folder = files.join(out.staging, KEPT + name)
    frame.write.option("compression", "zstd").parquet(files.spark_uri(folder))
    return read(frame.sparkSession, folder)
