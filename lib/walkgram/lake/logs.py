"""Logs of JSON lines beside the tables: one file a job, to which every run appends."""

import logging
import time
from pathlib import Path
from types import TracebackType

from walkgram.lake import paths

__all__ = ["JsonLinesLog", "read_last_line"]

UPLOAD_SECONDS = 30.0  # between two uploads: an object store cannot append to an object
TAIL_BYTES = 1 << 12  # read from a log's end for its last line

logger = logging.getLogger(__name__)


def log_uri(root: str, job: str) -> str:
    """Return the path or URI of a job's log."""
    return paths.join_path(root, "_logs", f"{job}.jsonl")


def read_last_line(root: str, job: str) -> str:
    """Return the last line of a job's log, "" if there is none or the lake is not local."""
    file = paths.local_path(log_uri(root, job))
    if not file or not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode().splitlines()
    return lines[-1] if lines else ""


class JsonLinesLog:
    """The log of a job in a lake, `_logs/JOB.jsonl`. Use as a context manager.

    A local log gets each line at once; on an object store the file is uploaded again every `UPLOAD_SECONDS` and at the end.
    A log that cannot be written gives one warning and does not end the run.
    """

    def __init__(self, root: str, job: str) -> None:
        self.uri = log_uri(root, job)
        self.local = paths.local_path(self.uri)
        self.text = "" if self.local or not paths.exists(self.uri) else paths.read_bytes(self.uri).decode()
        self._upload_time = time.monotonic()
        self._has_warned = False

    def add_line(self, line: str) -> None:
        """Append a line."""
        try:
            if self.local:
                self.local.parent.mkdir(parents=True, exist_ok=True)
                with Path(self.local).open("a") as file:
                    file.write(f"{line}\n")
                return
            self.text += f"{line}\n"
            if time.monotonic() - self._upload_time > UPLOAD_SECONDS:
                self.upload()
        except OSError as error:
            self.warn_once(error)

    def warn_once(self, error: OSError) -> None:
        """Log, the first time only, that the file cannot be written."""
        if not self._has_warned:
            logger.warning("%s: the log cannot be written (%s); the run continues", self.uri, error)
        self._has_warned = True

    def upload(self) -> None:
        """Write the complete log where the file system is not local."""
        if not self.local and self.text:
            paths.write_bytes(self.uri, self.text.encode())
            self._upload_time = time.monotonic()

    def __enter__(self) -> "JsonLinesLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.upload()
        except OSError as failure:
            self.warn_once(failure)
