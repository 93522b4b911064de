"""Errors meant for the user: one clear line that names what is wrong, where, and how to mend it.

A job prints the message alone and exits with 2; the stack trace appears only under `--verbose`.
"""

__all__ = ["ConfigError", "InputError", "LakeError", "Stopped", "TrainError", "WalkgramError"]


class WalkgramError(Exception):
    """Anything that ends a job for a reason the user can mend."""


class ConfigError(WalkgramError):
    """A configuration that cannot be run: unknown key, wrong type, value out of range."""


class InputError(WalkgramError):
    """Source data that cannot be used: missing path or column, unreadable values, nothing kept."""


class LakeError(WalkgramError):
    """A table of the lake that is missing, damaged or cannot be written."""


class TrainError(WalkgramError):
    """Training that cannot go on: a value that is not finite, a checkpoint of another configuration."""


class Stopped(WalkgramError):  # noqa: N818 - it is no fault
    """A run that was asked to stop and can go on later; `status` is the exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
