"""Errors in one line: what the user reads, and the exit status of the command."""

import re

from walkgram.errors import Stopped, WalkgramError

__all__ = ["summarize_error"]


def summarize_error(error: BaseException) -> tuple[str, int]:
    """Return (message, exit status): 2 for what the user can mend, else 1.

    Errors that Spark's tasks raise are found in the text of Spark's error.
    """
    if isinstance(error, WalkgramError):
        return str(error), error.status if isinstance(error, Stopped) else 2
    text = str(error)
    raised_in_task = re.search(r"walkgram\.errors\.\w+: (.+)", text)
    if raised_in_task:
        return raised_in_task.group(1), 2
    unreadable = re.search(r"\[FAILED_READ_FILE[^\]]*\][^\n]*?(\S+:/[^\s]+)", text)
    if unreadable:
        return (
            f"{unreadable.group(1).rstrip('.')}: truncated or damaged file (or other column types than its neighbours'): "
            "replace it, or run the job that wrote it with --force",
            2,
        )
    raised = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Invalid): .+$", text, re.MULTILINE)
    first = raised[-1] if raised else next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first} (--verbose shows the stack trace)", 1
