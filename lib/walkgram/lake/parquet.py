"""The tables as Arrow sees them: streamed by row group, for the trainer and the export; no Spark."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from walkgram.errors import LakeError
from walkgram.lake import paths

if TYPE_CHECKING:
    import pandas as pd  # 58 MiB that the trainer has no use for

__all__ = ["ParquetShard", "count_rows", "iter_row_groups", "list_shards", "read_table", "write_csv", "write_table"]


@dataclass(frozen=True)
class ParquetShard:
    """One Parquet file of a table: its place and the rows of each row group."""

    uri: str
    row_groups: tuple[int, ...]

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group. Raises `LakeError` where the file is damaged."""
        try:
            with open_parquet(self.uri) as file:
                return file.read_row_group(row_group, columns=list(columns) if columns else None)
        except (OSError, pa.ArrowInvalid) as error:
            raise damaged_file_error(self.uri, error) from None


def damaged_file_error(uri: str, error: Exception) -> LakeError:
    """One line for a file that cannot be read."""
    reason = str(error).splitlines()[0]
    return LakeError(f"{uri}: truncated or damaged Parquet file ({reason}): run the job that wrote it again with --force")


def open_parquet(uri: str) -> pq.ParquetFile:
    """A Parquet file, its footer read."""
    system, path = paths.resolve(uri)
    return pq.ParquetFile(path, filesystem=system)


def list_shards(folder: str) -> list[ParquetShard]:
    """The Parquet files of a table by name. Raises `LakeError` for a damaged or missing one."""
    system, path = paths.resolve(folder)
    found = []
    for info in sorted(system.get_file_info(fs.FileSelector(path, allow_not_found=True)), key=lambda i: i.path):
        if info.type == fs.FileType.File and info.base_name.endswith(".parquet") and info.base_name[0] not in "._":
            uri = paths.join_path(folder, info.base_name)
            try:
                with open_parquet(uri) as file:
                    groups = tuple(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
            except (OSError, pa.ArrowInvalid) as error:
                raise damaged_file_error(uri, error) from None
            found.append(ParquetShard(uri, groups))
    if not found:
        raise LakeError(f"{folder}: no Parquet file there: run the job that writes it")
    return found


def count_rows(folder: str) -> int:
    """Rows of a table, from the files' footers."""
    return sum(sum(shard.row_groups) for shard in list_shards(folder))


def iter_row_groups(folder: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of a table, file by file."""
    for shard in list_shards(folder):
        for group in range(len(shard.row_groups)):
            yield shard.read(group, columns)


def read_table(folder: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole table in memory."""
    tables = list(iter_row_groups(folder, columns))
    if tables:
        return pa.concat_tables(tables)
    with open_parquet(list_shards(folder)[0].uri) as file:
        return file.read(columns=list(columns) if columns else None)


def write_table(folder: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], part: int = 0) -> int:
    """Write a table, or its part of a number, as one Parquet file; returns its rows.

    No dictionaries: those of vectors take 30 MiB and gain nothing.
    """
    system, path = paths.resolve(folder)
    system.create_dir(path, recursive=True)
    rows = 0
    place, options = f"{path}/part-{part:05}.parquet", {"compression": "zstd", "use_dictionary": False}
    with pq.ParquetWriter(place, schema, filesystem=system, **options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_csv(folder: str, name: str, frame: "pd.DataFrame") -> str:
    """Write a small frame as a CSV file with header; its place."""
    place = paths.join_path(folder, name)
    paths.write_bytes(place, frame.to_csv(index=False).encode())
    return place
