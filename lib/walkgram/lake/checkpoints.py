"""The last checkpoint of a job, beside the tables: written whole, removed when the job's tables are in place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from walkgram.lake import files

__all__ = ["Store"]

FOLDER = "_checkpoints"


@dataclass(frozen=True)
class Store:
    """The checkpoint of a job in a lake."""

    root: str
    job: str

    @property
    def place(self) -> str:
        """Where the checkpoint lies."""
        return files.join(self.root, FOLDER, f"{self.job}.pt")

    def load(self) -> IO[bytes] | None:
        """It, open for reading; None where there is none."""
        if not files.exists(self.place):
            return None
        system, path = files.resolve(self.place)
        opened: IO[bytes] = system.open_input_file(path)
        return opened

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace it by what `write` writes: the former one stays until the new one is whole."""
        with (
            files.whole(self.place, files.join(self.root, FOLDER), replace=True) as (system, path),
            system.open_output_stream(path, buffer_size=1 << 20) as stream,
        ):
            write(stream)

    def remove(self) -> None:
        """Remove it, and what a killed run left beside it."""
        files.remove(files.join(self.root, FOLDER))
