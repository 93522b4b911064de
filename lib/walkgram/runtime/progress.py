"""A progress line on the standard error stream while Spark works: tasks done, or what the job counts, and the time left."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

if TYPE_CHECKING:
    from pyspark import SparkContext

__all__ = ["count_tasks", "show_progress"]

PATIENCE = 3.0  # seconds before a line is shown at all
LOG_EVERY = 30.0  # seconds between lines where the stream is no terminal

Count = Callable[[], tuple[int, int]]


@contextlib.contextmanager
def show_progress(title: str, count: Count, stream: TextIO | None = None, enabled: bool = True) -> Iterator[None]:
    """Show count() = (done, total) twice a second while the body runs; a log gets a line each LOG_EVERY seconds."""
    if not enabled:
        yield
        return
    out = stream or sys.stderr
    ended = threading.Event()
    started = time.monotonic()

    def watch() -> None:
        terminal = out.isatty()
        pause, width = (0.5, None) if terminal else (LOG_EVERY, 100)
        first, drawn = None, False
        if ended.wait(PATIENCE):
            return
        try:
            while True:
                done, total = count()
                first = done if first is None else first  # what an earlier run had done says nothing of the rate
                if total:
                    line = tqdm.format_meter(
                        done, total, time.monotonic() - started, ncols=width or 100, prefix=title, unit="",
                        unit_scale=True, initial=min(first, done),
                    )  # fmt: skip
                    out.write(f"\r{line}\033[K" if terminal else f"{line}\n")
                    out.flush()
                    drawn = terminal
                if ended.wait(pause):
                    break
        finally:
            if drawn:
                out.write("\r\033[K")
                out.flush()

    def quietly() -> None:
        with contextlib.suppress(Exception):  # a count or a stream that fails ends the line, without a stack trace
            watch()

    thread = threading.Thread(target=quietly, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)


def count_tasks(context: "SparkContext") -> Count:
    """Return a function that counts (done, total) tasks of the running stages; a waiting stage is not counted yet."""
    tracker = context.statusTracker()

    def count() -> tuple[int, int]:
        infos = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return sum(i.numCompletedTasks for i in infos if i), sum(i.numTasks for i in infos if i)

    return count
