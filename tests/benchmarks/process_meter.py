"""CPU seconds and memory of this process, of its parents up to Spark's JVM, and of all their children.

That is the JVM, the Python driver and the Python workers.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
SIGCHLD_IGNORED = 1 << 16


class Process(NamedTuple):
    """A process by /proc; `seconds` are its own and those of the children that it has waited for."""

    parent: int
    name: str
    start_time: int
    seconds: float


def read_process(pid: int) -> Process | None:
    """Return a process; None where it has ended."""
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    fields = tail.split()
    return Process(int(fields[1]), head.partition("(")[2], int(fields[19]), sum(map(int, fields[11:15])) / TICKS)


def ignores_children(pid: int) -> bool:
    """Return whether a process ignores SIGCHLD: the kernel then drops the CPU times of its children when they end."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("SigIgn:") and int(line.split()[1], 16) & SIGCHLD_IGNORED for line in lines)


class Meter(threading.Thread):
    """A meter of CPU times, which it reads every `interval` seconds.

    pyspark's daemon does not wait for its workers, so the last reading of a worker counts.
    """

    def __init__(self, interval: float = 1.0) -> None:
        super().__init__(daemon=True)
        parent = read_process(os.getppid())
        self.root = os.getppid() if parent is not None and parent.name == "java" else os.getpid()
        self.interval, self.lock = interval, threading.Lock()
        self.dropped_seconds = 0.0
        self.last_processes: dict[int, Process] = {}
        self.ignoring: set[int] = set()  # processes that ignore SIGCHLD
        self.start()

    def run(self) -> None:
        """Read until the program ends."""
        stop = threading.Event()
        while not stop.wait(self.interval):
            self.read()

    def list_processes(self) -> dict[int, Process]:
        """Return the root and its descendants, by pid."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        processes = {pid: process for pid in pids if (process := read_process(pid)) is not None}
        children: dict[int, list[int]] = {}
        for pid, process in processes.items():
            children.setdefault(process.parent, []).append(pid)
        descendants, waiting = {}, [self.root]
        while waiting:
            pid = waiting.pop()
            if pid in processes:
                descendants[pid] = processes[pid]
                waiting += children.get(pid, [])
        return descendants

    def read(self) -> dict[str, float]:
        """Return the CPU seconds so far of `jvm` and `python`."""
        with self.lock:
            processes = self.list_processes()
            for pid, last in self.last_processes.items():
                process = processes.get(pid)
                has_ended = process is None or process.start_time != last.start_time
                if has_ended and last.parent in self.ignoring:
                    self.dropped_seconds += last.seconds
            self.last_processes = processes
            pythons = {pid for pid, process in processes.items() if process.name.startswith("python")}
            self.ignoring |= {pid for pid in pythons if ignores_children(pid)}
            jvm = sum(process.seconds for process in processes.values() if process.name == "java")
            total = sum(process.seconds for process in processes.values()) + self.dropped_seconds
            return {"jvm": jvm, "python": total - jvm}

    def measure(self, action: Callable[[], object]) -> dict[str, float]:
        """Run an action; return its `wall` seconds, and its CPU seconds `jvm` and `python`."""
        before, start = self.read(), time.monotonic()
        action()
        wall, after = time.monotonic() - start, self.read()
        return {"wall": wall} | {name: after[name] - before[name] for name in after}


class PeakMemory(threading.Thread):
    """The peak memory of all Python processes together during a `with`, read every `interval` seconds, in GiB.

    A page that several processes map counts once: the sum is of the kernel's proportional shares (PSS). `seconds` is the CPU
    time that reading took.
    """

    def __init__(self, meter: Meter, interval: float = 0.5) -> None:
        super().__init__(daemon=True)
        self.meter, self.interval, self.stop = meter, interval, threading.Event()
        self.gib, self.seconds = 0.0, 0.0

    def run(self) -> None:
        """Read until the `with` ends."""
        while True:
            processes = self.meter.list_processes().items()
            kib = sum(proportional_share(pid) for pid, process in processes if process.name.startswith("python"))
            self.gib = max(self.gib, kib / 2**20)
            self.seconds = time.thread_time()
            if self.stop.wait(self.interval):
                return

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.join()


def proportional_share(pid: int) -> int:
    """Return KiB of a process's proportional share of the memory that it maps; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
