"""The last checkpoint of a job, beside the tables: replaced in one step, removed when the job's tables are committed."""

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
    def folder(self) -> str:
        """Return the folder of all checkpoints of the lake."""
        return paths.join_path(self.root, FOLDER)

    @property
    def place(self) -> str:
        """Return the path or URI of the checkpoint."""
        return paths.join_path(self.folder, f"{self.job}.pt")

    def load(self) -> IO[bytes] | None:
        """Open the checkpoint for reading; return None if there is none."""
        if not paths.exists(self.place):
            return None
        system, path = paths.resolve(self.place)
        file: IO[bytes] = system.open_input_file(path)
        return file

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace the checkpoint by the bytes that `write` writes; the previous one stays until they are complete."""
        with (
            paths.atomic_write(self.place, self.folder, replace=True) as (system, path),
            system.open_output_stream(path, buffer_size=1 << 20) as stream,
        ):
            write(stream)

    def remove(self) -> None:
        """Remove the lake's checkpoints, and temporary files that a killed run left."""
        paths.remove(self.folder)
