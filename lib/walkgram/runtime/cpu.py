"""CPU seconds of a run: of the driver's process, of Spark's JVMs, and of the Python processes that Spark has started.

On this host they are read from the process tree (/proc): what a process has used, and what its ended children have used. On a
cluster one small task a core reads the tree of its executor. An executor that was lost takes its seconds with it, and one that
gets no such task is not counted.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pyspark import SparkContext

__all__ = ["CpuMeter", "describe_cpu"]

DRIVER, JVM, WORKERS = "driver", "JVM", "Python workers"
TICKS = os.sysconf("SC_CLK_TCK")


class ProcessTimes(NamedTuple):
    """A process of the tree: its parent, its own CPU seconds, those of its ended children, and whether it is a JVM."""

    parent: int
    own: float
    children: float
    is_jvm: bool


def read_processes() -> dict[int, ProcessTimes]:
    """Return the processes of this host by pid; empty on a system without /proc."""
    processes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # it has ended
            head, _, rest = (folder / "stat").read_text().rpartition(")")
            fields = rest.split()
            own, children = sum(map(int, fields[11:13])) / TICKS, sum(map(int, fields[13:15])) / TICKS
            processes[int(folder.name)] = ProcessTimes(int(fields[1]), own, children, head.partition("(")[2] == "java")
    return processes


def measure_tree(root: int, driver: int) -> dict[str, float]:
    """Return the CPU seconds of a process and its descendants by kind. driver: the pid that counts as the driver."""
    processes = read_processes()
    below = defaultdict(list)
    for pid, process in processes.items():
        below[process.parent].append(pid)
    seconds = {DRIVER: 0.0, JVM: 0.0, WORKERS: 0.0}
    pending = [root]
    while pending:
        pid = pending.pop()
        pending += below[pid]
        if pid not in processes:
            continue
        process = processes[pid]
        seconds[DRIVER if pid == driver else JVM if process.is_jvm else WORKERS] += process.own
        seconds[DRIVER if pid == driver else WORKERS] += process.children
    return seconds


def measure_executor(_: int) -> tuple[str, int, dict[str, float]]:
    """Return (host, pid, CPU seconds by kind) of the executor that runs this task."""
    import socket
    import time

    time.sleep(0.05)  # so that the tasks spread over the executors
    processes, pid = read_processes(), os.getpid()
    while pid in processes and not processes[pid].is_jvm:
        pid = processes[pid].parent
    return socket.gethostname(), pid, measure_tree(pid, -1)


class CpuMeter:
    """CPU seconds since the meter was made."""

    def __init__(self, context: "SparkContext | None" = None) -> None:
        self.context = context
        # Under spark-submit the JVM has started this process; elsewhere it is a child.
        self.root = os.getppid() if "PYSPARK_GATEWAY_PORT" in os.environ else os.getpid()
        self._start = measure_tree(self.root, os.getpid())
        self._start_own = sum(os.times()[:4])

    def read(self) -> dict[str, float]:
        """Return the CPU seconds by kind; without /proc those of this process and its ended children alone."""
        now = measure_tree(self.root, os.getpid())
        seconds = {kind: now[kind] - self._start[kind] for kind in now}
        if self.context is not None and not (self.context.master or "").startswith("local"):
            for kind, value in measure_executors(self.context).items():
                seconds[kind] += value
        if not any(now.values()):
            seconds[DRIVER] = sum(os.times()[:4]) - self._start_own
        return {kind: round(max(0.0, value), 3) for kind, value in seconds.items()}


_executors: dict[tuple[str | None, str, int], dict[str, float]] = {}  # (application, host, pid) -> the last reading


def measure_executors(context: "SparkContext") -> dict[str, float]:
    """Return the CPU seconds that a cluster's executors have used since the last call, by kind."""
    count = max(1, context.defaultParallelism)
    seconds = {JVM: 0.0, WORKERS: 0.0}
    for host, pid, reading in context.parallelize(range(count), count).map(measure_executor).collect():
        last = _executors.setdefault((context.applicationId, host, pid), dict.fromkeys(reading, 0.0))
        for kind in seconds:
            seconds[kind] += max(0.0, reading[kind] - last[kind])
            last[kind] = max(last[kind], reading[kind])
    return seconds


def describe_cpu(seconds: Mapping[str, float]) -> str:
    """Return CPU seconds as text: the sum and its parts."""
    parts = ", ".join(f"{kind} {value:.1f}" for kind, value in seconds.items() if value >= 0.05)
    return f"{sum(seconds.values()):.1f} CPU s" + (f" ({parts})" if parts else "")
