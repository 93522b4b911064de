"""The last checkpoint of a job, beside the tables: written whole, removed when the job's tables are in place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from walkgram.lake import paths

__all__ = ["CheckpointStore"]

FOLDER = "_checkpoints"


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoint of a job in a lake."""

    root: str
    job: str

    @property
    def place(self) -> str:
        """Where the checkpoint lies."""
        return paths.join_path(self.root, FOLDER, f"{self.job}.pt")

    def load(self) -> IO[bytes] | None:
        """It, open for reading; None where there is none."""
        if not paths.exists(self.place):
            return None
        system, path = paths.resolve(self.place)
        opened: IO[bytes] = system.open_input_file(path)
        return opened

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace it by what `write` writes: the former one stays until the new one is whole."""
        with (
            paths.atomic_write(self.place, paths.join_path(self.root, FOLDER), replace=True) as (system, path),
            system.open_output_stream(path, buffer_size=1 << 20) as stream,
        ):
            write(stream)

    def remove(self) -> None:
        """Remove it, and what a killed run left beside it."""
        paths.remove(paths.join_path(self.root, FOLDER))
