"""Shards of a table written by tasks themselves: part-00000.parquet, ..., each whole or not there.

A task that runs twice (a retry, a speculative twin) writes the same bytes aside, and the first to finish gives the shard
its name; a shard that is there after a killed run is therefore done, and the next run leaves it out.
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
    """The shards in `folder`, written by way of the folder `aside` (on the same file system)."""

    folder: str
    aside: str
    schema: pa.Schema

    def place(self, number: int) -> str:
        """Where a shard lies."""
        return paths.join_path(self.folder, f"part-{number:05d}.parquet")

    def has(self, number: int) -> bool:
        """Whether a shard is there and whole; what a crash of the machine left of one is removed."""
        system, path = paths.resolve(self.place(number))
        if not paths.exists(self.place(number)):
            return False
        try:
            with pq.ParquetFile(path, filesystem=system):
                return True
        except pa.ArrowInvalid:
            system.delete_file(path)
            return False

    def count(self) -> int:
        """How many shards are there."""
        system, path = paths.resolve(self.folder)
        found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sum(info.base_name.endswith(".parquet") for info in found)

    def write(self, number: int, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a shard whole, each batch a row group."""
        with (
            paths.atomic_write(self.place(number), self.aside) as (system, place),
            pq.ParquetWriter(place, self.schema, filesystem=system, **writer_options(self.schema)) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """The row groups of a shard."""
        system, path = paths.resolve(self.place(number))
        with pq.ParquetFile(path, filesystem=system) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group).to_batches()


def writer_options(schema: pa.Schema) -> dict[str, object]:
    """How it is written: packed differences for whole numbers, no dictionaries; behind them zstd, or snappy where there are
    floating-point columns. Spark reads all of it.

    For walks that is smaller and twice as fast as dictionaries; on pairs and edges zstd would cost as much as counting them.
    BYTE_STREAM_SPLIT is faster still, but Spark 4.1 cannot read it.
    """
    whole = []
    for field in schema:
        listed = pa.types.is_list(field.type)
        if pa.types.is_integer(field.type.value_type if listed else field.type):
            whole.append(f"{field.name}.list.element" if listed else field.name)
    return {
        "compression": "snappy" if any(pa.types.is_floating(field.type) for field in schema) else "zstd",
        "use_dictionary": False,
        "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        "write_statistics": whole,
    }
