"""CSV with header: every column is read as text, so that the stages can name a value that cannot be parsed."""

import csv
import io

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import Format, SourceFiles, file_suffix, open_reader

__all__ = ["FORMAT", "read_csv"]


def read_csv(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read CSV files by the names of their header; files that all end in .tsv are split at tabs under the default delimiter.

    The header is read here, not by Spark, which would take it from any one of the files.
    """
    is_tsv = all(file_suffix(info.base_name) == ".tsv" for info in files.infos)
    delimiter = "\t" if is_tsv and config.delimiter == "," else config.delimiter
    schema = StructType([StructField(name, StringType()) for name in read_header(files, delimiter, config.encoding)])
    reader = open_reader(spark, files).option("multiLine", config.multiline).option("encoding", config.encoding)
    return reader.csv(files.spark_uri, schema=schema, header=True, sep=delimiter, escape='"')


def read_header(files: SourceFiles, delimiter: str, encoding: str) -> list[str]:
    """Return the column names, equal in all files. Raises `InputError` that names the first file with another header."""
    expected: list[str] | None = None
    codec = "utf-8-sig" if encoding.upper() == "UTF-8" else encoding  # files may begin with a byte order mark
    for info in files.infos:
        with files.system.open_input_stream(info.path, compression="detect") as stream:
            try:
                text = io.TextIOWrapper(stream, encoding=codec, errors="replace", newline="")
                names = next(csv.reader(text, delimiter=delimiter), [])
            except (LookupError, OSError, csv.Error) as error:
                raise InputError(f"{info.path}: the header cannot be read ({error}): is input.encoding right?") from None
        if expected is not None and names != expected:
            raise InputError(
                f"{info.path} has another header than the files before it: set input.interactions to the table's file"
            )
        expected = names
    columns = [name or f"_c{i}" for i, name in enumerate(expected or [])]
    duplicate = next((name for name in columns if columns.count(name) > 1), None)
    if duplicate is not None:
        raise InputError(f"{files.uri} has more than one column {duplicate!r}: rename one")
    return columns


FORMAT = Format("csv", (".csv", ".tsv"), read_csv, is_text=True)
