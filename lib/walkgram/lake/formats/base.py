"""The record that describes a format, and the files that its reader takes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pyarrow import fs

from walkgram.config.source import Input
from walkgram.lake import paths

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

__all__ = ["Format", "SourceFiles", "file_suffix", "open_reader"]

COMPRESSIONS = (".gz", ".bz2", ".zst", ".snappy", ".lz4")


class SourceFiles(NamedTuple):
    """The data files of a source, in order of path (at least one): the user's URI, and the files on their file system.

    `keys` is the section of the configuration that says how they are read; messages name its keys.
    """

    uri: str
    system: fs.FileSystem
    infos: Sequence[fs.FileInfo]
    keys: str = "input"

    @property
    def spark_uri(self) -> str:
        """Return the URI that Spark reads."""
        return paths.spark_uri(self.uri)


class Format(NamedTuple):
    """A format of source tables.

    `name` is its value of the key input.format, `suffixes` are the endings of file names, in lower case, that select it
    under input.format = auto. `read` returns the files as a DataFrame with their own columns. With `is_text` every column
    is text, and the stages parse the values with checks that name the bad ones. With `is_edge_list` the columns are src,
    dst and perhaps weight, by position, and the format serves edges only.
    """

    name: str
    suffixes: tuple[str, ...]
    read: "Callable[[SparkSession, SourceFiles, Input], DataFrame]"
    is_text: bool = False
    is_edge_list: bool = False


def file_suffix(name: str) -> str:
    """Return the suffix of a file name in lower case, without that of a compression: .csv for a.csv and for a.CSV.gz."""
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return f".{name.rpartition('.')[2].lower()}"


def open_reader(spark: "SparkSession", files: SourceFiles) -> "DataFrameReader":
    """Return Spark's reader, set to read the files of all folders below the source and to take [x] in a name literally."""
    reader = spark.read.option("__globPaths__", "false")
    has_partitions = any("=" in part for info in files.infos for part in info.path.split("/"))
    if not has_partitions:  # folders such as day=1 are partition columns, which a recursive look-up would lose
        reader = reader.option("recursiveFileLookup", "true")
    return reader
