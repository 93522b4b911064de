"""Parquet shards of a table that tasks write themselves: part-00000.parquet, ..., each complete or absent.

A task that runs twice (a retry, a speculative attempt) writes the same bytes to a temporary file, and the first attempt to
finish gives the shard its name. A shard that a killed run left is therefore complete, and the next run skips it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from walkgram.lake import paths

__all__ = ["Shards"]


@dataclass(frozen=True)
class Shards:
    """The shards in `folder`; each is written in `temp_folder`, on the same file system, and renamed."""

    folder: str
    temp_folder: str
    schema: pa.Schema

    def file_uri(self, number: int) -> str:
        """Return the path or URI of a shard."""
        return paths.join_path(self.folder, f"part-{number:05d}.parquet")

    def has(self, number: int) -> bool:
        """Return whether a shard exists; remove one that a crash of the machine left incomplete."""
        uri = self.file_uri(number)
        system, path = paths.resolve(uri)
        if not paths.exists(uri):
            return False
        try:
            with pq.ParquetFile(path, filesystem=system):
                return True
        except pa.ArrowInvalid:
            system.delete_file(path)
            return False

    def count(self) -> int:
        """Count the shards."""
        system, path = paths.resolve(self.folder)
        infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sum(info.base_name.endswith(".parquet") for info in infos)

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a shard, each batch a row group."""
        with (
            paths.atomic_write(self.file_uri(number), self.temp_folder) as (system, path),
            pq.ParquetWriter(path, self.schema, filesystem=system, **writer_options(self.schema)) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """Yield the row groups of a shard."""
        system, path = paths.resolve(self.file_uri(number))
        with pq.ParquetFile(path, filesystem=system) as file:
            for row_group in range(file.num_row_groups):
                yield from file.read_row_group(row_group).to_batches()


def writer_options(schema: pa.Schema) -> dict[str, object]:
    """Return the options of the Parquet writer, all readable by Spark.

    Integer columns are stored as packed differences, without dictionaries, compressed by zstd, or by snappy in tables with
    floating-point columns. For walks that is smaller and twice as fast as dictionaries; on pairs and edges zstd would cost
    as much time as counting them. BYTE_STREAM_SPLIT is faster still, but Spark 4.1 cannot read it.
    """
    integers = []
    for field in schema:
        is_list = pa.types.is_list(field.type)
        if pa.types.is_integer(field.type.value_type if is_list else field.type):
            integers.append(f"{field.name}.list.element" if is_list else field.name)
    return {
        "compression": "snappy" if any(pa.types.is_floating(field.type) for field in schema) else "zstd",
        "use_dictionary": False,
        "column_encoding": dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
        "write_statistics": integers,
    }
