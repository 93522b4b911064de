"""Errors for the user: one clear line that says what is wrong, where, and what to do.

A job prints the message alone and exits with status 2; `--verbose` shows the stack trace too.
"""

from walkgram.redaction import redact

__all__ = [
    "ConfigError",
    "EnvironmentMismatch",
    "InputError",
    "LakeError",
    "Stopped",
    "TrainError",
    "WalkgramError",
    "name_jobs",
]


def name_jobs(*jobs: str) -> str:
    """Name jobs for a message that tells the user to run them: by their names, and by the commands that run them."""
    names, commands = " and ".join(jobs), ", ".join(f"walkgram {job}" for job in jobs)
    return f"the job{'s' if len(jobs) > 1 else ''} {names} ({commands})"


class WalkgramError(Exception):
    """Base class of the errors that end a job and that the user can correct. The message shows no secret of a URI."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))


class ConfigError(WalkgramError):
    """A configuration that cannot be run: an unknown key, a wrong type, a value out of range."""


class EnvironmentMismatch(WalkgramError):  # noqa: N818 - EnvironmentError is a name of Python's
    """A Spark, a Python or a package that walkgram cannot work with, on the driver or on an executor."""


class InputError(WalkgramError):
    """Source data that cannot be used: a missing path or column, unreadable values, no row left after the filters."""


class LakeError(WalkgramError):
    """A table of the lake that is missing or damaged, or that cannot be written."""


class TrainError(WalkgramError):
    """Training that cannot continue: a value that is not finite, a checkpoint of another configuration."""


class Stopped(WalkgramError):  # noqa: N818 - a request of the user, not an error
    """A run that stopped on request and can be resumed; `status` is its exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
