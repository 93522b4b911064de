"""The tasks that read the files of a text table: whole files, or ranges of bytes where no field spans lines."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from walkgram.lake import paths
from walkgram.lake.formats.base import COMPRESSIONS, CORRUPT_RECORD, SourceFiles
from walkgram.lake.formats.text.decode import ends_lines_by_byte, read_chunks, read_pieces, read_range
from walkgram.lake.formats.text.dialect import Dialect
from walkgram.lake.formats.text.head import FileHead
from walkgram.lake.formats.text.rows import RowReader, Start

__all__ = [
    "Split",
    "TextTable",
    "choose_split_bytes",
    "group_splits",
    "list_splits",
    "make_task_body",
]

MAX_SPLIT_BYTES = 128 << 20  # as spark.sql.files.maxPartitionBytes
FILE_COST_BYTES = 4 << 20  # the time to open a file, in bytes, as spark.sql.files.openCostInBytes
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class TextTable(NamedTuple):
    """A text table: the source's URI, the dialect, the columns of its files, then those of its folders (`day=1`)."""

    uri: str
    dialect: Dialect
    names: tuple[str, ...]
    partition_names: tuple[str, ...] = ()


class Split(NamedTuple):
    """A file, or the lines that begin in [start, end) of it; end None: a file that is read as a whole.

    num_skipped: lines before the first row, where start is 0. partition: the values of the partition columns.
    """

    path: str
    name: str
    size: int
    start: int = 0
    end: int | None = None
    num_skipped: int = 0
    partition: tuple[str | None, ...] = ()


def relative_path(files: SourceFiles, path: str) -> str:
    """Return a file's path below the source, its name if the source is the file."""
    root = paths.resolve(files.uri)[1].rstrip("/")
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else path.rpartition("/")[2]


def read_partition(name: str) -> dict[str, str | None]:
    """Return the partition columns that the folders of a relative path hold, as text."""
    pairs = (folder.partition("=") for folder in name.split("/")[:-1] if "=" in folder)
    return {unquote(key): None if value == NULL_PARTITION else unquote(value) for key, _, value in pairs}


def list_splits(files: SourceFiles, table: TextTable, heads: Sequence[FileHead], max_bytes: int) -> list[Split]:
    """List the splits of the files that are not empty, each of about `max_bytes` where files can be cut."""
    dialect = table.dialect
    can_cut = (not dialect.quote or not dialect.multiline) and ends_lines_by_byte(dialect.encoding)
    splits = []
    for info, head in zip(files.infos, heads, strict=True):
        if not head.num_lines:
            continue
        name = relative_path(files, info.path)
        values = read_partition(name)
        partition = tuple(values.get(key) for key in table.partition_names)
        whole = Split(info.path, name, info.size, 0, None, head.num_lines * dialect.has_header, partition)
        if can_cut and info.size > max_bytes and not name.lower().endswith(COMPRESSIONS):
            bounds = [*range(0, info.size, max_bytes), info.size]
            splits += [
                whole._replace(size=end - start, start=start, end=end, num_skipped=0 if start else whole.num_skipped)
                for start, end in pairwise(bounds)
            ]
        else:
            splits.append(whole)
    return splits


def choose_split_bytes(files: SourceFiles, parallelism: int) -> int:
    """Return the bytes of a task, so that each core has one; Spark computes them in the same way."""
    total: int = sum(info.size + FILE_COST_BYTES for info in files.infos)
    return min(MAX_SPLIT_BYTES, max(FILE_COST_BYTES, total // parallelism + 1))


def group_splits(splits: Iterable[Split], max_bytes: int) -> list[list[Split]]:
    """Group splits, in order, to tasks of about `max_bytes`."""
    tasks: list[list[Split]] = []
    size = max_bytes
    for split in splits:
        if size + split.size > max_bytes:
            tasks.append([])
            size = 0
        tasks[-1].append(split)
        size += split.size + FILE_COST_BYTES
    return tasks


def read_split(table: TextTable, split: Split) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a split: the columns, the partition columns, the fault."""
    system, _ = paths.resolve(table.uri)
    start, encoding = Start(split.name, split.start, split.num_skipped), table.dialect.encoding
    if split.end is None:
        pieces: Iterator[bytes] = read_pieces(system, split.path)
    else:
        ranges = read_range(system, split.path, split.start, split.end)
        first = next(ranges, None)
        if first is None:
            return
        start = start._replace(byte=first[0])
        pieces = (piece for part in ([first], ranges) for _, piece in part)
    reader = RowReader(table.dialect, len(table.names), start)
    schema = pa.schema([(name, pa.string()) for name in (*table.names, *table.partition_names, CORRUPT_RECORD)])
    for batch in reader.read(read_chunks(pieces, encoding, is_start=split.start == 0)):
        *columns, fault = batch.columns
        values = [pa.repeat(pa.scalar(value, pa.string()), batch.num_rows) for value in split.partition]
        yield pa.RecordBatch.from_arrays([*columns, *values, fault], schema=schema)


def make_task_body(
    table: TextTable, tasks: Sequence[Sequence[Split]]
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """Return the function for `mapInArrow` that reads the splits of the tasks whose numbers it gets."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for split in tasks[number]:
                    yield from read_split(table, split)

    return read
