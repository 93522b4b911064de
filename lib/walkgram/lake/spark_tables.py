"""Tables as DataFrames of Spark: read a folder, write into the staging folder of a transaction."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from walkgram.lake import parquet, paths
from walkgram.lake.file_list import Checksum, checksum_file, checksum_in_threads
from walkgram.lake.transaction import MATERIALIZED, Transaction

__all__ = ["checksum_in_tasks", "materialize", "read_frame", "write_frame"]


def read_frame(spark: SparkSession, folder: str) -> DataFrame:
    """Read a table's folder as a DataFrame."""
    return spark.read.option("__globPaths__", "false").parquet(paths.spark_uri(folder))  # [x] in a name is no pattern


def write_frame(out: Transaction, table: str, frame: DataFrame) -> int:
    """Write a table into the staging folder; return its rows, counted from the footers of the files."""
    folder = out.folder(table)
    frame.write.mode("overwrite").option("compression", "zstd").parquet(paths.spark_uri(folder))
    out.rows[table] = parquet.count_rows(folder)
    return out.rows[table]


def materialize(out: Transaction, name: str, frame: DataFrame) -> DataFrame:
    """Write a DataFrame into the staging folder and read it back, so that its plan runs once; it is removed with the run."""
    folder = paths.join_path(out.staging, MATERIALIZED + name)
    frame.write.option("compression", "zstd").parquet(paths.spark_uri(folder))
    return read_frame(frame.sparkSession, folder)


def checksum_in_tasks(spark: SparkSession, uris: Sequence[str]) -> Sequence[Checksum]:
    """Read files by Spark's tasks; in this process where all tasks run on this host."""
    context = spark.sparkContext
    if not uris or (context.master or "").startswith("local"):
        return checksum_in_threads(uris)
    num_tasks = min(len(uris), context.defaultParallelism)
    return context.parallelize(uris, num_tasks).map(checksum_file).collect()
