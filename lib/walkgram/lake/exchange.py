"""What tasks send each other through the lake: a file for each (round, sender), in it a batch for each receiver.

Arrow IPC files, whole or not there (as `shards.py`): a task that runs again finds its own file and leaves it. A receiver
reads its batch of every file, and no more than that.
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
    """The files in `folder`, written by way of the folder `aside` (on the same file system)."""

    folder: str
    aside: str

    def place(self, number: int, sender: int) -> str:
        """Where a sender's file of a round lies."""
        return paths.join_path(self.folder, f"round-{number:08d}", f"{sender:05d}.arrow")

    def has(self, number: int, sender: int) -> bool:
        """Whether a sender is done with a round; what a crash of the machine left of its file is removed."""
        if not paths.exists(self.place(number, sender)):
            return False
        try:
            with self._opened(number, sender):
                return True
        except pa.ArrowInvalid:
            system, path = paths.resolve(self.place(number, sender))
            system.delete_file(path)
            return False

    def write(self, number: int, sender: int, batches: Sequence[pa.RecordBatch]) -> None:
        """Write what a sender has for the receivers 0, 1, ... in a round."""
        rows = str(sum(batch.num_rows for batch in batches))
        schema = batches[0].schema.with_metadata({"rows": rows})
        with (
            paths.atomic_write(self.place(number, sender), self.aside) as (system, place),
            system.open_output_stream(place) as stream,
            ipc.new_file(stream, schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)

    def read(self, number: int, sender: int, receiver: int) -> pa.RecordBatch:
        """What a sender had for a receiver in a round."""
        with self._opened(number, sender) as file:
            return file.get_batch(receiver)

    def rows(self, number: int, sender: int) -> int:
        """How many rows a sender had for all receivers in a round."""
        with self._opened(number, sender) as file:
            return int(file.schema.metadata[b"rows"])

    @contextlib.contextmanager
    def _opened(self, number: int, sender: int) -> Iterator[ipc.RecordBatchFileReader]:
        """A sender's file, mapped where it is local."""
        system, path = paths.resolve(self.place(number, sender))
        local = isinstance(system, fs.LocalFileSystem)
        with pa.memory_map(path) if local else system.open_input_file(path) as source, ipc.open_file(source) as file:
            yield file

    def latest(self, senders: int) -> int:
        """The last round that all senders are done with; -1 where there is none."""
        numbers = sorted(int(info.base_name.removeprefix("round-")) for info in paths.list_folders(self.folder))
        done = [n for n in numbers if all(self.has(n, sender) for sender in range(senders))]
        return max(done, default=-1)

    def remove(self, number: int | None = None) -> None:
        """Remove a round, or all of them."""
        paths.remove(self.folder if number is None else paths.join_path(self.folder, f"round-{number:08d}"))
