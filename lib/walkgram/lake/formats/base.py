"""The record that describes a format, and the files that its reader takes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pyarrow import fs

from walkgram.config.source import Input
from walkgram.lake import paths

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

__all__ = ["CORRUPT_RECORD", "Format", "SourceFiles", "file_suffix", "open_reader", "read_each"]

COMPRESSIONS = (".gz", ".bz2", ".zst", ".snappy", ".lz4")
CORRUPT_RECORD = "_corrupt_record"  # column with the fault of a line that could not be split, null for the others
NUM_THREADS = 16
FILES_PER_BATCH = 1024  # files that wait for a thread: bounds the memory where there are 100,000 files

T = TypeVar("T")


class SourceFiles(NamedTuple):
    """The data files of a source, in order of path (at least one): the user's URI, and the files on their file system.

    `keys` is the section of the configuration that says how they are read; messages name its keys.
    root: the path of the URI on the file system. empty: files of zero bytes, which are not among `infos`.
    """

    uri: str
    system: fs.FileSystem
    infos: Sequence[fs.FileInfo]
    root: str = ""
    empty: Sequence[fs.FileInfo] = ()
    keys: str = "input"

    @property
    def spark_uri(self) -> str:
        """Return the URI that Spark reads."""
        return paths.spark_uri(self.uri)

    def spark_path(self, path: str) -> str:
        """Return the URI that Spark reads for one of the files' paths."""
        return self.spark_uri.rstrip("/") + path[len(self.root.rstrip("/")) :]


class Format(NamedTuple):
    """A format of source tables.

    `name` is its value of the key input.format, `suffixes` are the endings of file names, in lower case, that select it
    under input.format = auto. `read` returns the files as a DataFrame with their own columns. With `is_text` every column
    is text, and the stages parse the values with checks that name the bad ones. With `is_edge_list` the columns are src,
    dst and perhaps weight, by position, and the format serves edges only. The column `_corrupt_record`, where there is one,
    is the fault of a row as a part of a sentence, such as "a line is not JSON: {", and null for good rows. Without
    `is_read_by_spark` the format reads the listed files itself, and adds the columns of partition folders.
    """

    name: str
    suffixes: tuple[str, ...]
    read: "Callable[[SparkSession, SourceFiles, Input], DataFrame]"
    is_text: bool = False
    is_edge_list: bool = False
    is_read_by_spark: bool = True


def file_suffix(name: str) -> str:
    """Return the suffix of a file name in lower case, without that of a compression: .csv for a.csv and for a.CSV.gz."""
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return f".{name.rpartition('.')[2].lower()}"


def open_reader(spark: "SparkSession", files: SourceFiles) -> "DataFrameReader":
    """Return Spark's reader, set to read the files of all folders below the source and to take [x] in a name literally.

    Spark's discovery of partitions is off: it leaves out files beside partition folders, and reads market=007 as the number
    7. `sources/partitions.py` adds the columns of such folders.
    """
    return spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true")


def read_each(function: Callable[[fs.FileInfo], T], files: SourceFiles) -> Iterator[T]:
    """Yield the function's value of every file, in order, computed by threads: most of the time is spent waiting."""
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for start in range(0, len(files.infos), FILES_PER_BATCH):
            yield from pool.map(function, files.infos[start : start + FILES_PER_BATCH])
