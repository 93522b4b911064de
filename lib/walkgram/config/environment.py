"""The keys of what surrounds the jobs: the lake, and Spark's workers."""

from typing import Literal

from walkgram.config.base import Section, key
from walkgram.config.locations import Location

__all__ = ["Lake", "Spark"]


class Lake(Section):
    """Storage of the tables."""

    path: Location = key(
        "out/lake",
        "folder of the tables: a local path, or a URI that both pyarrow.fs and Spark support, without credentials",
        min_length=1,
    )
    verify: Literal["checksums", "sizes"] = key(
        "checksums",
        "what is compared with a table's manifest before the table is read: names, sizes and checksums of its files, which "
        "reads them once more; or names and sizes alone",
    )


class Spark(Section):
    """Workarounds for PySpark, by issue."""

    cache_zip_directories: bool = key(
        False,
        "SPARK-54744: PySpark calls importlib.invalidate_caches() before every task, and Python then reads the directory of "
        "every zip archive on its path again (0.15 CPU seconds a task); true: patch zipimport in the Python workers so that "
        "an archive is read again only after it has changed",
    )
