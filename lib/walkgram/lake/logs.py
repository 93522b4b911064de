"""Logs of lines beside the tables: one file a job, added to by every run."""

import sys
import time
from pathlib import Path
from types import TracebackType

from walkgram.lake import paths

__all__ = ["JsonLinesLog", "read_last_line"]

REWRITE_EVERY = 30.0  # seconds: an object store cannot add to an object


def read_last_line(root: str, job: str) -> str:
    """The last line of a job's log; "" where there is none, or where the lake is not local."""
    place = paths.local_path(paths.join_path(root, "_logs", f"{job}.jsonl"))
    if not place or not place.exists():
        return ""
    with place.open("rb") as file:
        file.seek(max(0, place.stat().st_size - (1 << 12)))
        lines = file.read().decode().splitlines()
    return lines[-1] if lines else ""


class JsonLinesLog:
    """The log of a job in a lake, `_logs/JOB.jsonl`; a local one gets each line at once, another is written anew at times."""

    def __init__(self, root: str, job: str) -> None:
        self.place = paths.join_path(root, "_logs", f"{job}.jsonl")
        self.local = paths.local_path(self.place)
        self.text = "" if self.local or not paths.exists(self.place) else paths.read_bytes(self.place).decode()
        self.written, self.said = time.monotonic(), False

    def add(self, line: str) -> None:
        """Add a line; what cannot be written is said once, and ends no run."""
        try:
            if self.local:
                self.local.parent.mkdir(parents=True, exist_ok=True)
                with Path(self.local).open("a") as file:
                    file.write(f"{line}\n")
                return
            self.text += f"{line}\n"
            if time.monotonic() - self.written > REWRITE_EVERY:
                self.write()
        except OSError as error:
            self.complain(error)

    def complain(self, error: OSError) -> None:
        """Say once that the log is not whole."""
        if not self.said:
            print(f"{self.place}: the log cannot be written ({error}); the run goes on", file=sys.stderr)
        self.said = True

    def write(self) -> None:
        """Write what an object store has not got yet."""
        if not self.local and self.text:
            paths.write_bytes(self.place, self.text.encode())
            self.written = time.monotonic()

    def __enter__(self) -> "JsonLinesLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.write()
        except OSError as failure:
            self.complain(failure)
