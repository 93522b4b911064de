"""Parquet, with the timestamps of nanoseconds that pandas writes and Spark does not know."""

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.lake.formats.base import Format, SourceFiles, open_reader

__all__ = ["FORMAT", "read_parquet"]


def read_parquet(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read Parquet files."""
    return cast_nanoseconds(open_reader(spark, files).parquet(files.spark_uri), files)


def cast_nanoseconds(frame: DataFrame, files: SourceFiles) -> DataFrame:
    """Cast the columns that the first file's schema says are timestamps of nanoseconds from long to timestamp.

    Spark reads such columns as long under spark.sql.legacy.parquet.nanosAsLong, which the session of a job sets.
    """
    try:
        schema = pq.read_schema(files.infos[0].path, filesystem=files.system)
    except (OSError, pa.ArrowInvalid):
        return frame  # Spark names the damaged file when it reads it
    types = dict(frame.dtypes)
    for field in schema:
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns" and types.get(field.name) == "bigint":
            column = "`" + field.name.replace("`", "``") + "`"
            frame = frame.withColumn(field.name, F.expr(f"timestamp_micros({column} div 1000)"))
    return frame


FORMAT = Format("parquet", (".parquet",), read_parquet)
