"""CSV and other delimited text: every column is text, so that the stages can name a value that cannot be parsed.

`_corrupt_record` holds the fault of a row that cannot be split into the table's columns, and null for every other row.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles
from walkgram.lake.formats.partition_keys import list_partition_keys
from walkgram.lake.formats.text.dialect import resolve_dialect
from walkgram.lake.formats.text.head import read_column_names, read_heads
from walkgram.lake.formats.text.tasks import (
    TextTable,
    choose_split_bytes,
    group_splits,
    list_splits,
    make_task_body,
)

__all__ = ["FORMAT", "read_csv"]


def read_csv(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read delimited text in the dialect that the keys ask for; a frame without columns if no file has a line.

    Raises `InputError` for files whose headers differ or cannot be read, and for two columns of one name.
    """
    dialect = resolve_dialect(files, config)
    heads = read_heads(files, dialect)
    names = read_column_names(files, dialect, heads)
    if not names:
        return spark.createDataFrame([], StructType([]))
    partition_names = [key for key in list_partition_keys(files) if key not in names]  # as for the other formats
    columns = [*names, *partition_names, CORRUPT_RECORD]
    duplicate = next((name for name in columns if columns.count(name) > 1), None)
    if duplicate is not None:
        raise InputError(f"{files.uri} has more than one column {duplicate!r}: rename one")
    table = TextTable(files.uri, dialect, tuple(names), tuple(partition_names))
    max_bytes = choose_split_bytes(files, spark.sparkContext.defaultParallelism)
    tasks = group_splits(list_splits(files, table, heads, max_bytes), max_bytes)
    schema = StructType([StructField(name, StringType()) for name in columns])
    # Of a single partition Spark plans no shuffle: everything after it would run in one task.
    numbers = spark.range(0, len(tasks), 1, max(2, len(tasks)))
    return numbers.mapInArrow(make_task_body(table, tasks), schema)


FORMAT = Format("csv", (".csv", ".tsv"), read_csv, is_text=True, is_read_by_spark=False)
