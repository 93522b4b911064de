"""Edge lists: text of one edge a line, `src dst` or `src dst weight`, split at spaces and tabs; # and % begin a comment."""

import io
import re
from collections.abc import Iterable
from itertools import islice

from pyarrow import fs
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.errors import InputError

__all__ = ["EDGE_LIST_SUFFIXES", "read_edge_list"]

EDGE_LIST_SUFFIXES = (".edgelist", ".edges", ".el", ".ssv", ".txt")
BLANK = r"[ \t]+"
COMMENT = r"^([#%]|$)"
PEEKED = 1000  # lines of a file, comments aside, among which the first edge is sought


def read_edge_list(
    spark: SparkSession, uri: str, infos: Iterable[fs.FileInfo], system: fs.FileSystem, encoding: str
) -> DataFrame:
    """src, dst, and weight where the first edge has one, all text; `_corrupt_record` holds a line of any other form.

    The first edge tells the number of fields for all lines, so that a line cut short is no edge of weight 1.
    """
    names = ["src", "dst", "weight"][: count_fields(infos, system, encoding)]
    lines = spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true").text(uri)
    edges = lines.select(strip_line(F.col("value"), encoding).alias("line")).where(~F.col("line").rlike(COMMENT))
    parts = edges.withColumn("parts", F.split("line", BLANK))
    whole = F.size("parts") == len(names)
    columns = [F.when(whole, F.get("parts", F.lit(i))).alias(name) for i, name in enumerate(names)]
    form = F.concat(F.size("parts"), F.lit(f" field(s) where the first edge has {len(names)}: "), "line")
    return parts.select(*columns, F.when(~whole, form).alias("_corrupt_record"))


def strip_line(line: Column, encoding: str) -> Column:
    """A line without blanks at its ends and without a byte order mark; what is no UTF-8 in it becomes U+FFFD."""
    text = F.make_valid_utf8(line) if encoding.upper() == "UTF-8" else F.decode(line.cast("binary"), encoding)
    return F.regexp_replace(text, r"^\ufeff?[ \t]+|^\ufeff|[ \t]+$", "")


def count_fields(infos: Iterable[fs.FileInfo], system: fs.FileSystem, encoding: str) -> int:
    """2 or 3, as the first edge has; 3 where no file begins with one. Raises `InputError` for an unknown encoding."""
    if encoding.upper() not in ("UTF-8", "US-ASCII", "ISO-8859-1"):
        raise InputError(f"input.encoding = {encoding}: edge lists are read as UTF-8, US-ASCII or ISO-8859-1: convert the file")
    for info in infos:
        with system.open_input_stream(info.path, compression="detect") as stream:
            try:
                lines = (line.strip(" \t\n") for line in io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace"))
                for line in islice((line for line in lines if not re.match(COMMENT, line)), PEEKED):
                    if (count := len(re.split(BLANK, line))) in (2, 3):
                        return count
            except OSError as error:
                raise InputError(f"{info.path}: the file cannot be read: {error}") from None
    return 3
