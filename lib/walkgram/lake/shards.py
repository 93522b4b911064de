"""Shards of a table written by tasks themselves: part-00000.parquet, ..., each whole or not there.

A task that runs twice (a retry, a speculative twin) writes the same bytes aside, and the first to finish gives the shard
its name; a shard that is there after a killed run is therefore done, and the next run leaves it out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from walkgram.lake import files

__all__ = ["Shards"]


@dataclass(frozen=True)
class Shards:
    """The shards in `folder`, written by way of the folder `aside` (on the same file system)."""

    folder: str
    aside: str
    schema: pa.Schema

    def place(self, number: int) -> str:
        """Where a shard lies."""
        return files.join(self.folder, f"part-{number:05d}.parquet")

    def has(self, number: int) -> bool:
        """Whether a shard is there and whole; what a crash of the machine left of one is removed."""
        system, path = files.resolve(self.place(number))
        if not files.exists(self.place(number)):
            return False
        try:
            with pq.ParquetFile(path, filesystem=system):
                return True
        except pa.ArrowInvalid:
            system.delete_file(path)
            return False

    def count(self) -> int:
        """How many shards are there."""
        system, path = files.resolve(self.folder)
        found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sum(info.base_name.endswith(".parquet") for info in found)

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a shard whole, each batch a row group."""
        with (
            files.whole(self.place(number), self.aside) as (system, place),
            pq.ParquetWriter(place, self.schema, filesystem=system, **options(self.schema)) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """The row groups of a shard."""
        system, path = files.resolve(self.place(number))
        with pq.ParquetFile(path, filesystem=system) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group).to_batches()


def options(schema: pa.Schema) -> dict[str, object]:
    """How it is written: zstd behind packed differences for whole numbers, snappy for the others; no dictionaries.

    Spark reads all of it. For walks that is smaller and twice as fast as dictionaries, and zstd on doubles costs as much as
    counting the pairs they belong to; BYTE_STREAM_SPLIT is faster still, but Spark 4.1 cannot read it.
    """
    encodings, compression = {}, {}
    for field in schema:
        kind, path = field.type, field.name
        if pa.types.is_list(kind):
            kind, path = kind.value_type, f"{field.name}.list.element"
        if pa.types.is_integer(kind):
            encodings[path] = "DELTA_BINARY_PACKED"
        compression[path] = "zstd" if pa.types.is_integer(kind) else "snappy"
    return {"compression": compression, "use_dictionary": False, "column_encoding": encodings}
