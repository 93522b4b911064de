"""JSON lines: one object a line, types inferred by Spark; a line that is not JSON is in its column `_corrupt_record`."""

from pyspark.sql import DataFrame, SparkSession

from walkgram.config.source import Input
from walkgram.lake.formats.base import Format, SourceFiles, open_reader

__all__ = ["FORMAT", "read_json"]


def read_json(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read files of JSON lines."""
    return open_reader(spark, files).json(files.spark_uri)


FORMAT = Format("json", (".json", ".jsonl", ".ndjson"), read_json)
