"""How much memory the hosts that run tasks have."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame

__all__ = ["min_host_memory_mib"]

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def min_host_memory_mib(tasks: DataFrame) -> int:
    """Return the MiB of the smallest host that these tasks run on; a container's limit counts as its host's memory."""

    def measure(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
            for file in CGROUP_LIMITS:
                text = Path(file).read_text().strip() if Path(file).exists() else "max"
                limits += [int(text)] if text.isdigit() else []
            yield pa.RecordBatch.from_pydict({"mib": [min(limits) >> 20]})

    return min(int(row["mib"]) for row in tasks.mapInArrow(measure, "mib long").collect())
