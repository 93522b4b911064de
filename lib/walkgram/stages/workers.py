"""Preparation of the Python workers that run Spark's tasks."""

import zipimport
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walkgram.config.environment import Spark

__all__ = ["NO_SETUP", "TaskSetup", "cache_zip_directories"]


@dataclass(frozen=True)
class TaskSetup:
    """The preparation of a Python worker; travels to the executors. cache_zip_directories: the key of this name in [spark]."""

    cache_zip_directories: bool = False

    @classmethod
    def from_config(cls, config: Spark) -> "TaskSetup":
        """Return the setup that the section [spark] asks for."""
        return cls(config.cache_zip_directories)

    def apply(self) -> None:
        """Prepare the worker of the current task; a second call in the same worker has no effect."""
        if self.cache_zip_directories:
            cache_zip_directories()


NO_SETUP = TaskSetup()


def cache_zip_directories() -> None:
    """Patch zipimport in this process: read the directory of a zip archive again only after the archive has changed.

    SPARK-54744: PySpark calls importlib.invalidate_caches() before every task. Since Python 3.10 each importer of pyspark.zip
    then reads the archive's directory again (python/cpython#103200). Measured: 0.15 CPU seconds a task, more than the task
    itself where there are many small ones.
    """
    original: Any = zipimport.zipimporter.invalidate_caches
    if hasattr(original, "versions"):
        return
    versions: dict[int, tuple[str, int, int]] = {}  # by importer, as each has a copy of the directory

    def invalidate_caches(self: Any) -> None:
        file = Path(self.archive)
        stat = file.stat() if file.exists() else None
        version = (self.archive, stat.st_mtime_ns if stat else 0, stat.st_size if stat else 0)
        if versions.get(id(self)) != version:
            original(self)
            versions[id(self)] = version

    invalidate_caches.versions = versions  # type: ignore[attr-defined]
    zipimport.zipimporter.invalidate_caches = invalidate_caches  # type: ignore[method-assign]
