"""Edge lists: text with one edge a line, `src dst` or `src dst weight`, split at spaces and tabs; # and % begin a comment."""

import io
import re
from itertools import islice

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import Format, SourceFiles

__all__ = ["FORMAT", "read_edge_list"]

BLANKS = r"[ \t]+"
COMMENT = r"^([#%]|$)"
ENCODINGS = ("UTF-8", "US-ASCII", "ISO-8859-1")  # supersets of ASCII: Spark splits the bytes at line ends
NUM_PEEKED_LINES = 1000  # lines of a file, comments not counted, that are searched for its first edge


def read_edge_list(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read src, dst, and weight if the first edge has one, all as text; `_corrupt_record` holds a line of any other form.

    The first edge sets the number of fields for all lines, so that a truncated line does not become an edge of weight 1.
    """
    names = ["src", "dst", "weight"][: count_fields(files, config.encoding)]
    lines = spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true").text(files.spark_uri)
    edges = lines.select(strip_line(F.col("value"), config.encoding).alias("line")).where(~F.col("line").rlike(COMMENT))
    fields = edges.withColumn("fields", F.split("line", BLANKS))
    is_edge = F.size("fields") == len(names)
    columns = [F.when(is_edge, F.get("fields", F.lit(i))).alias(name) for i, name in enumerate(names)]
    fault = F.concat(F.size("fields"), F.lit(f" field(s) where the first edge has {len(names)}: "), "line")
    return fields.select(*columns, F.when(~is_edge, fault).alias("_corrupt_record"))


def strip_line(line: Column, encoding: str) -> Column:
    """Remove blanks at both ends and a byte order mark; bytes that are not UTF-8 become U+FFFD."""
    text = F.make_valid_utf8(line) if encoding.upper() == "UTF-8" else F.decode(line.cast("binary"), encoding)
    return F.regexp_replace(text, r"^\ufeff?[ \t]+|^\ufeff|[ \t]+$", "")


def count_fields(files: SourceFiles, encoding: str) -> int:
    """Return the number of fields of the first edge, 2 or 3; 3 if no file has an edge among its first lines.

    Raises `InputError` for an encoding that cannot be read, or a file that cannot be opened.
    """
    if encoding.upper() not in ENCODINGS:
        raise InputError(f"input.encoding = {encoding}: edge lists are read as UTF-8, US-ASCII or ISO-8859-1: convert the file")
    for info in files.infos:
        with files.system.open_input_stream(info.path, compression="detect") as stream:
            try:
                lines = (line.strip(" \t\n") for line in io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace"))
                for line in islice((line for line in lines if not re.match(COMMENT, line)), NUM_PEEKED_LINES):
                    if (num_fields := len(re.split(BLANKS, line))) in (2, 3):
                        return num_fields
            except OSError as error:
                raise InputError(f"{info.path}: the file cannot be read: {error}") from None
    return 3


FORMAT = Format("edgelist", (".edgelist", ".edges", ".el", ".ssv", ".txt"), read_edge_list, is_text=True, is_edge_list=True)
