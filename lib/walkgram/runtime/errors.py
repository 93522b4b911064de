"""Errors in one line: what the user reads, and the exit status of the command."""

import contextlib
import re
from collections.abc import Iterator

from walkgram import errors
from walkgram.errors import LakeError, Stopped, WalkgramError
from walkgram.redaction import redact

__all__ = ["raise_own_errors", "summarize_error"]

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
            "replace it, or run the job that wrote it with --force"
        )
    return None


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
