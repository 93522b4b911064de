"""Errors in one line: what the user reads, and the exit status of the command."""

import contextlib
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator

from walkgram import errors
from walkgram.errors import LakeError, Stopped, WalkgramError
from walkgram.lake.file_list import find_files
from walkgram.redaction import redact

__all__ = ["explain_full_disk", "raise_own_errors", "summarize_error"]

FULL_DISK = "No space left on device"
RAISED_IN_TASK = r"walkgram\.errors\.(\w+): (.+)"
UNREADABLE = r"\[FAILED_READ_FILE[^\]]*\][^\n]*?(\S+:/[^\s]+)"


@contextlib.contextmanager
def raise_own_errors() -> Iterator[None]:
    """Raise the errors of walkgram that Spark's tasks raised inside the block as what they are, not as Spark's."""
    try:
        yield
    except WalkgramError:
        raise
    except Exception as error:
        own = find_own_error(str(error))
        if own is None:
            raise
        raise own from error


def find_own_error(text: str) -> WalkgramError | None:
    """Return the error of walkgram that Spark's text reports, or a damaged file as one; None where there is none."""
    raised = re.search(RAISED_IN_TASK, text)
    if raised:
        kind = getattr(errors, raised.group(1), WalkgramError)
        return (
            kind(raised.group(2)) if issubclass(kind, WalkgramError) and kind is not Stopped else WalkgramError(raised.group(2))
        )
    unreadable = re.search(UNREADABLE, text)
    if unreadable:
        return LakeError(
            f"{unreadable.group(1).rstrip('.')}: truncated or damaged file (or other column types than its neighbours'): "
            "replace it if it is yours, or run the job that wrote it with --force"
        )
    return None


@contextlib.contextmanager
def explain_full_disk(root: str, staging: str) -> Iterator[None]:
    """Raise a full disk, here or in a task of Spark, as `LakeError` with the bytes that are staged and those that are free."""
    try:
        yield
    except Exception as error:
        is_full = (isinstance(error, OSError) and error.errno == errno.ENOSPC) or FULL_DISK in str(error)
        if not is_full:
            raise
        free = [
            f"{count_free(folder):,} bytes are free at {folder}" for folder in (root, local_folder()) if "://" not in folder
        ]
        raise LakeError(
            f"{find_path(error) or root}: no space left on the disk: this run has staged {count_bytes(staging):,} bytes; "
            f"{'; '.join(free)}: make room there, or set lake.path or spark.local.dir to a larger disk, and run it again"
        ) from error


def find_path(error: Exception) -> str:
    """Return the path that an error of a full disk names, "" where it names none."""
    if isinstance(error, OSError) and error.filename:
        return str(error.filename)
    named = re.search(r"(?:file:)?(/[^\s'\"()]+)[^\n]*" + FULL_DISK, str(error))
    return named[1].rstrip(":.,") if named else ""


def local_folder() -> str:
    """Return the folder of Spark's temporary files on this host."""
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    active = context._active_spark_context if context is not None else None
    configured = active.getConf().get("spark.local.dir", "") if active is not None else ""
    return (os.environ.get("SPARK_LOCAL_DIRS") or configured or tempfile.gettempdir()).split(",")[0]


def count_free(folder: str) -> int:
    """Return the free bytes of the disk that a folder is on; 0 where it does not exist."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free
    return 0


def count_bytes(folder: str) -> int:
    """Return the bytes of the files below a folder of the lake."""
    with contextlib.suppress(OSError, LakeError):
        return 0 if not folder else sum(find_files(folder).values())
    return 0


def summarize_error(error: BaseException) -> tuple[str, int]:
    """Return (message, exit status): 2 for what the user can mend, else 1.

    Errors that Spark's tasks raise are found in the text of Spark's error.
    """
    if isinstance(error, WalkgramError):
        return str(error), error.status if isinstance(error, Stopped) else 2
    text = str(error)
    own = find_own_error(text)
    if own is not None:
        return str(own), 2
    raised = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Invalid): .+$", text, re.MULTILINE)
    first = raised[-1] if raised else next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {redact(first)} (--verbose shows the stack trace)", 1
