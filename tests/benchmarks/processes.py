"""CPU seconds and memory of this process, those above it up to Spark's JVM, and all below: JVM, Python driver and workers."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
SIGCHLD_IGNORED = 1 << 16


class Process(NamedTuple):
    """What /proc says: `seconds` are its own and those of the children that it has waited for."""

    parent: int
    name: str
    started: int
    seconds: float


def process(pid: int) -> Process | None:
    """One process; None where it is gone."""
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    field = tail.split()
    return Process(int(field[1]), head.partition("(")[2], int(field[19]), sum(map(int, field[11:15])) / TICKS)


def unheeded(pid: int) -> bool:
    """Whether the kernel forgets the times of this process's children when they end: it ignores SIGCHLD."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("SigIgn:") and int(line.split()[1], 16) & SIGCHLD_IGNORED for line in lines)


class Meter(threading.Thread):
    """Looks every `pause` seconds: pyspark's daemon does not wait for its workers, so theirs is kept from the last look."""

    def __init__(self, pause: float = 1.0) -> None:
        super().__init__(daemon=True)
        above = process(os.getppid())
        self.root = os.getppid() if above is not None and above.name == "java" else os.getpid()
        self.pause, self.lock, self.lost = pause, threading.Lock(), 0.0
        self.seen: dict[int, Process] = {}
        self.forgetful: set[int] = set()  # processes whose children's times are lost with them
        self.start()

    def run(self) -> None:
        """Look again and again."""
        stop = threading.Event()
        while not stop.wait(self.pause):
            self.read()

    def tree(self) -> dict[int, Process]:
        """The processes alive now."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        everyone = {pid: found for pid in pids if (found := process(pid)) is not None}
        below: dict[int, list[int]] = {}
        for pid, found in everyone.items():
            below.setdefault(found.parent, []).append(pid)
        ours, waiting = {}, [self.root]
        while waiting:
            pid = waiting.pop()
            if pid in everyone:
                ours[pid] = everyone[pid]
                waiting += below.get(pid, [])
        return ours

    def read(self) -> dict[str, float]:
        """CPU seconds so far of the JVM and of Python."""
        with self.lock:
            now = self.tree()
            for pid, before in self.seen.items():
                again = now.get(pid)
                if (again is None or again.started != before.started) and before.parent in self.forgetful:
                    self.lost += before.seconds
            self.seen = now
            self.forgetful |= {pid for pid, found in now.items() if found.name.startswith("python") and unheeded(pid)}
            jvm = sum(found.seconds for found in now.values() if found.name == "java")
            return {"jvm": jvm, "python": sum(found.seconds for found in now.values()) - jvm + self.lost}

    def during(self, action: Callable[[], object]) -> dict[str, float]:
        """What an action took: `wall` seconds, and the CPU seconds `jvm` and `python`."""
        before, started = self.read(), time.monotonic()
        action()
        wall, after = time.monotonic() - started, self.read()
        return {"wall": wall} | {name: after[name] - before[name] for name in after}


class Peak(threading.Thread):
    """The most memory of all Python processes together while a `with` lasts, looked at every `pause` seconds.

    A page that several processes map counts once: what is summed is the kernel's proportional share (PSS), in GiB.
    `cost` is the CPU seconds that looking took.
    """

    def __init__(self, meter: Meter, pause: float = 0.5) -> None:
        super().__init__(daemon=True)
        self.meter, self.pause, self.gib, self.cost, self.done = meter, pause, 0.0, 0.0, threading.Event()

    def run(self) -> None:
        """Look until the `with` ends."""
        while True:
            found = self.meter.tree().items()
            self.gib = max(self.gib, sum(share(pid) for pid, process in found if process.name.startswith("python")) / 2**20)
            self.cost = time.thread_time()
            if self.done.wait(self.pause):
                return

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


def share(pid: int) -> int:
    """KiB of a process's proportional share of the memory that it maps; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
