"""Partition folders such as market=007/: their columns, always text, and the check that Spark reads every listed file."""

import posixpath
import re
from typing import Any
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles
from walkgram.lake.formats.partition_keys import list_partition_keys

__all__ = ["add_partition_columns", "check_input_files"]

NULL_VALUE = "__HIVE_DEFAULT_PARTITION__"  # of Hive and Spark, in place of a null
SEPARATOR = "\0"


def add_partition_columns(frame: DataFrame, files: SourceFiles) -> DataFrame:
    """Add a column of text for each partition key; a column of the same name in the files takes precedence."""
    for key in list_partition_keys(files):
        if key not in frame.columns:
            frame = frame.withColumn(key, read_partition_value(key))
    return frame


def read_partition_value(key: str) -> Column:
    """Return the value of a partition key from the path of the row's file.

    Spark gives the path as a URI. In the path, Hive and Spark escape characters such as / and : by % once more. The last
    folder of the key counts: the folders above the source may have one too.
    """
    path = decode_percent(F.input_file_name())
    value = F.regexp_extract(path, f"(?s)^.*/{re.escape(key)}=([^/]*)/", 1)
    return F.nullif(decode_percent(value), F.lit(NULL_VALUE))


def decode_percent(text: Column) -> Column:
    """Decode %2F to /; text that is not such a code stays."""
    return F.coalesce(F.try_url_decode(F.replace(text, F.lit("+"), F.lit("%2B"))), text)


def check_input_files(frame: DataFrame, files: SourceFiles) -> None:
    """Raise `InputError` that names a file which only one of Spark and the listing has.

    Spark lists a folder by rules of its own; a file that it leaves out would be lost without a word.
    """
    jvm: Any = frame.sparkSession._jvm
    array: Any = frame._jdf.inputFiles()
    joined = jvm.scala.collection.immutable.ArraySeq.unsafeWrapArray(array).mkString(SEPARATOR)  # one call for all names
    read = {normalize_uri(uri, files.root) for uri in joined.split(SEPARATOR) if uri}
    listed = {posixpath.normpath(info.path) for info in files.infos}
    empty = {posixpath.normpath(info.path) for info in files.empty}
    for path in sorted(listed - read):
        raise InputError(f"{path}: Spark does not read this file: was it removed, or is its name unusual? Rename it, and retry")
    for path in sorted(read - listed - empty):
        raise InputError(f"{path}: this file was added while the source was read: start the run when the source is complete")


def normalize_uri(uri: str, root: str) -> str:
    """Return the path of Spark's URI in the form of pyarrow's file system, on which the source is at `root`."""
    scheme = re.match(r"^[\w+.-]+:(?://([^/]*))?", uri)
    path = unquote(uri[scheme.end() :] if scheme else uri)
    if not root.startswith("/") and scheme:  # object stores: pyarrow's path begins with the bucket
        path = (scheme.group(1) or "").partition("@")[0] + path
    return posixpath.normpath(path)
