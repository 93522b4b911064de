"""Tables as Parquet files of Arrow, read one row group at a time, for the trainer and the export; no Spark."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from walkgram.errors import LakeError
from walkgram.lake import paths

if TYPE_CHECKING:
    import pandas as pd  # 58 MiB that the trainer does not need

__all__ = ["ParquetShard", "count_rows", "iter_row_groups", "list_shards", "read_table", "write_csv", "write_table"]


@dataclass(frozen=True)
class ParquetShard:
    """One Parquet file of a table: its URI and the rows of each row group."""

    uri: str
    row_groups: tuple[int, ...]

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one row group. Raises `LakeError` if the file is damaged."""
        try:
            with open_parquet(self.uri) as file:
                return file.read_row_group(row_group, columns=list(columns) if columns else None)
        except (OSError, pa.ArrowInvalid) as error:
            raise damaged_file_error(self.uri, error) from None


def damaged_file_error(uri: str, error: Exception) -> LakeError:
    """Return the error for a file that cannot be read, with the first line of the reason."""
    reason = str(error).splitlines()[0]
    return LakeError(f"{uri}: truncated or damaged Parquet file ({reason}): run the job that wrote it again with --force")


def open_parquet(uri: str) -> pq.ParquetFile:
    """Open a Parquet file and read its footer."""
    system, path = paths.resolve(uri)
    return pq.ParquetFile(path, filesystem=system)


def list_shards(folder: str) -> list[ParquetShard]:
    """Return the Parquet files of a table in order of name. Raises `LakeError` if there is none or one is damaged."""
    system, path = paths.resolve(folder)
    shards = []
    for info in sorted(system.get_file_info(fs.FileSelector(path, allow_not_found=True)), key=lambda i: i.path):
        if info.type == fs.FileType.File and info.base_name.endswith(".parquet") and info.base_name[0] not in "._":
            uri = paths.join_path(folder, info.base_name)
            try:
                with open_parquet(uri) as file:
                    row_groups = tuple(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
            except (OSError, pa.ArrowInvalid) as error:
                raise damaged_file_error(uri, error) from None
            shards.append(ParquetShard(uri, row_groups))
    if not shards:
        raise LakeError(f"{folder}: holds no Parquet file: run the job that writes it")
    return shards


def count_rows(folder: str) -> int:
    """Count the rows of a table, from the footers of its files."""
    return sum(sum(shard.row_groups) for shard in list_shards(folder))


def iter_row_groups(folder: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of a table, file by file."""
    for shard in list_shards(folder):
        for row_group in range(len(shard.row_groups)):
            yield shard.read(row_group, columns)


def read_table(folder: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a complete table into memory."""
    row_groups = list(iter_row_groups(folder, columns))
    if row_groups:
        return pa.concat_tables(row_groups)
    with open_parquet(list_shards(folder)[0].uri) as file:  # a table without rows may have no row group
        return file.read(columns=list(columns) if columns else None)


def write_table(folder: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], part: int = 0) -> int:
    """Write a table, or the part `part` of one, as one Parquet file; return its rows.

    Dictionary encoding is off: for vectors it takes 30 MiB of memory and saves no space.
    """
    system, path = paths.resolve(folder)
    system.create_dir(path, recursive=True)
    file, options = f"{path}/part-{part:05}.parquet", {"compression": "zstd", "use_dictionary": False}
    num_rows = 0
    with pq.ParquetWriter(file, schema, filesystem=system, **options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            num_rows += batch.num_rows
    return num_rows


def write_csv(folder: str, name: str, frame: "pd.DataFrame") -> str:
    """Write a small frame as a CSV file with header; return its URI."""
    uri = paths.join_path(folder, name)
    paths.write_bytes(uri, frame.to_csv(index=False).encode())
    return uri
