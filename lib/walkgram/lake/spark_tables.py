"""The tables as Spark sees them: read, and write into a transaction's staging folder."""

from pyspark.sql import DataFrame, SparkSession

from walkgram.lake import parquet, paths
from walkgram.lake.manifest import MATERIALIZED, Transaction

__all__ = ["materialize", "read_frame", "write_frame"]


def read_frame(spark: SparkSession, folder: str) -> DataFrame:
    """A table's folder as a DataFrame."""
    return spark.read.option("__globPaths__", "false").parquet(paths.spark_uri(folder))  # a name with [x] is a name


def write_frame(out: Transaction, table: str, frame: DataFrame) -> int:
    """Write a table into the staging folder; returns its rows, counted from the files' footers."""
    folder = out.folder(table)
    frame.write.mode("overwrite").option("compression", "zstd").parquet(paths.spark_uri(folder))
    out.rows[table] = parquet.count_rows(folder)
    return out.rows[table]


def materialize(out: Transaction, name: str, frame: DataFrame) -> DataFrame:
    """A DataFrame laid down beside the staged tables and read back, so that what makes it runs once; gone with the run."""
    folder = paths.join_path(out.staging, MATERIALIZED + name)
    frame.write.option("compression", "zstd").parquet(paths.spark_uri(folder))
    return read_frame(frame.sparkSession, folder)
