"""Messages between tasks by way of the lake: one file for each (round, sender), with one batch for each receiver.

The files are Arrow IPC, complete or absent (as in `shards.py`): a task that runs again detects its own file and does not
write it again. A receiver reads only its batch of each file.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs, ipc

from walkgram.lake import paths

__all__ = ["Exchange"]


@dataclass(frozen=True)
class Exchange:
    """The files of an exchange in `folder`; each is written in `temp_folder`, on the same file system, and renamed."""

    folder: str
    temp_folder: str

    def round_uri(self, number: int) -> str:
        """Return the folder of a round."""
        return paths.join_path(self.folder, f"round-{number:08d}")

    def file_uri(self, number: int, sender: int) -> str:
        """Return the path or URI of a sender's file of a round."""
        return paths.join_path(self.round_uri(number), f"{sender:05d}.arrow")

    def has(self, number: int, sender: int) -> bool:
        """Return whether a sender has finished a round; remove a file that a crash of the machine left incomplete."""
        uri = self.file_uri(number, sender)
        if not paths.exists(uri):
            return False
        try:
            with self._open(number, sender):
                return True
        except pa.ArrowInvalid:
            system, path = paths.resolve(uri)
            system.delete_file(path)
            return False

    def write(self, number: int, sender: int, batches: Sequence[pa.RecordBatch]) -> None:
        """Write a sender's rows of a round, one batch for each of the receivers 0, 1, ..."""
        num_rows = str(sum(batch.num_rows for batch in batches))
        schema = batches[0].schema.with_metadata({"rows": num_rows})
        with (
            paths.atomic_write(self.file_uri(number, sender), self.temp_folder) as (system, path),
            system.open_output_stream(path) as stream,
            ipc.new_file(stream, schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)

    def read(self, number: int, sender: int, receiver: int) -> pa.RecordBatch:
        """Read the rows of a round from a sender to a receiver."""
        with self._open(number, sender) as file:
            return file.get_batch(receiver)

    def rows(self, number: int, sender: int) -> int:
        """Return the number of rows of a round from a sender to all receivers."""
        with self._open(number, sender) as file:
            return int(file.schema.metadata[b"rows"])

    @contextlib.contextmanager
    def _open(self, number: int, sender: int) -> Iterator[ipc.RecordBatchFileReader]:
        """Open a sender's file, mapped into memory where it is local."""
        system, path = paths.resolve(self.file_uri(number, sender))
        is_local = isinstance(system, fs.LocalFileSystem)
        with pa.memory_map(path) if is_local else system.open_input_file(path) as source, ipc.open_file(source) as file:
            yield file

    def latest(self, num_senders: int) -> int:
        """Return the last round that all senders have finished, -1 if there is none."""
        numbers = sorted(int(info.base_name.removeprefix("round-")) for info in paths.list_folders(self.folder))
        complete = [number for number in numbers if all(self.has(number, sender) for sender in range(num_senders))]
        return max(complete, default=-1)

    def remove(self, number: int | None = None) -> None:
        """Remove a round, or all of them."""
        paths.remove(self.folder if number is None else self.round_uri(number))
