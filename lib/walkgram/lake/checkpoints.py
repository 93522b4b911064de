"""The last checkpoint of a job, beside the tables: written whole, removed when the job's tables are in place."""

from dataclasses import dataclass

from walkgram.lake import files

__all__ = ["Store"]


@dataclass(frozen=True)
class Store:
    """The checkpoint of a job in a lake."""

    root: str
    job: str

    @property
    def place(self) -> str:
        """Where the checkpoint lies."""
        return files.join(self.root, "_checkpoints", f"{self.job}.pt")

    def load(self) -> bytes | None:
        """Its bytes; None where there is none."""
        return files.open_input(self.place) if files.exists(self.place) else None

    def save(self, data: bytes) -> None:
        """Replace it."""
        files.open_output(self.place, data)

    def remove(self) -> None:
        """Remove it, where it is there."""
        files.remove(files.join(self.root, "_checkpoints"))
