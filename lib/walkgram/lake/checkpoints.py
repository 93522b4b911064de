"""The last checkpoint of a job, beside the tables: replaced in one step, removed by the commit of the job's tables."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, cast

from walkgram.errors import LakeError, name_jobs
from walkgram.lake import paths
from walkgram.lake.sealed_file import SealedWriter, open_sealed

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
        """Open the checkpoint for reading, after its checksum is compared; return None if there is none.

        Raises `LakeError` where the file is damaged.
        """
        if not paths.exists(self.place):
            return None
        system, path = paths.resolve(self.place)
        file: IO[bytes] = system.open_input_file(path)
        sealed = open_sealed(file)
        if sealed is None:
            file.close()
            raise LakeError(
                f"{self.place}: damaged checkpoint (its bytes differ from those that were written): remove it, or run "
                f"{name_jobs(self.job.partition('-')[0])} with --force to start over"
            )
        return io.BufferedReader(sealed)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace the checkpoint by the bytes that `write` writes; the previous one stays until they are complete."""
        with (
            paths.atomic_write(self.place, self.folder, replace=True) as (system, path),
            system.open_output_stream(path, buffer_size=1 << 20) as stream,
        ):
            sealed = SealedWriter(stream)
            write(cast(IO[bytes], sealed))
            sealed.seal()

    def remove(self) -> None:
        """Remove the lake's checkpoints, and temporary files that a killed run left."""
        paths.remove(self.folder)
