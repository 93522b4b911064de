"""Python workers of Spark: what makes a task start late."""

import zipimport
from pathlib import Path
from typing import Any

__all__ = ["cache_zip_directories"]


def cache_zip_directories() -> None:
    """Let the worker that this runs in read the directories of zip archives on its path again only where they changed.

    PySpark empties the caches of Python's import system before each task, whereupon every importer of pyspark.zip reads the
    archive's directory anew: 0.15 CPU seconds a task, more than the task itself where there are many small ones.
    """
    empties: Any = zipimport.zipimporter.invalidate_caches
    if hasattr(empties, "seen"):
        return
    seen: dict[int, tuple[str, int, int]] = {}

    def invalidate_caches(self: Any) -> None:
        file = Path(self.archive)
        state = file.stat() if file.exists() else None
        mark = (self.archive, state.st_mtime_ns if state else 0, state.st_size if state else 0)
        if seen.get(id(self)) != mark:
            empties(self)
            seen[id(self)] = mark

    invalidate_caches.seen = seen  # type: ignore[attr-defined]
    zipimport.zipimporter.invalidate_caches = invalidate_caches  # type: ignore[method-assign]
