"""SIGTERM and Ctrl-C at a command: one line, the locks released, and an exit that leaves no process behind."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from walkgram.lake import lock

__all__ = ["STOPPED", "exit_on_signals", "keep_interrupt_handler"]

STOPPED = "stopped; finished tables stay, and a rerun continues from them"


@contextlib.contextmanager
def exit_on_signals(prog: str) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the process inside the block, with status 143 and 130; the trainer has its own way.

    The process ends inside the handler: an exception would arrive in the middle of a call to the JVM, which then cannot be
    called any more, also not to clean up. The JVM ends when its standard input closes, and its Python workers end with it.
    Staged files stay for the next run. Without effect outside the main thread.
    """

    def leave(number: int, frame: object) -> None:
        lock.release_all()
        sys.stderr.write(f"\n{prog}: {STOPPED}\n")
        sys.stderr.flush()
        os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    former = [signal.signal(number, leave) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def keep_interrupt_handler() -> Iterator[None]:
    """Restore the handler of Ctrl-C after the block: PySpark replaces it when it creates a SparkContext."""
    former = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, former)
