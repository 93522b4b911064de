"""A job in a process of its own that is killed, with its process group, at a chosen moment.

    python killed_job.py work N COMMAND...     once N files are staged, at the latest when the commit is about to begin
    python killed_job.py commit N COMMAND...   before call N of the functions that change the lake, from the commit's begin on

With N = 0 nothing is killed. Prints "staged FILES, CALLS in the commit" at the end, to choose N from.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from walkgram.lake import paths
from walkgram.lake.transaction import Transaction
from walkgram.runtime import cli

__all__ = ["main"]

CHANGES = ("write_bytes", "move", "remove", "remove_file", "copy_folder")


class Killer:
    """Counts staged files and calls, and kills the process group at the chosen one."""

    def __init__(self, moment: str, number: int) -> None:
        self.moment, self.number = moment, number
        self.calls = self.staged = 0
        self.in_commit = False

    def kill(self) -> None:
        """End this process and its children without any cleaning up."""
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def watch_commit(self) -> None:
        """Count the calls inside `Transaction.commit`."""
        commit = Transaction.commit

        def counted_commit(out: Transaction) -> None:
            self.staged = max(self.staged, count_files(Path(out.staging)))
            if self.moment == "work" and self.number:  # the last moment, where the thread was late
                self.kill()
            self.in_commit = True
            commit(out)
            self.in_commit = False

        Transaction.commit = counted_commit  # type: ignore[assignment, method-assign]
        for name in CHANGES:
            setattr(paths, name, self.count_calls(getattr(paths, name)))

    def count_calls(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, which counts its calls in the commit first."""

        def counted(*arguments: Any, **keys: Any) -> Any:
            if self.in_commit:
                self.calls += 1
                if self.moment == "commit" and self.calls == self.number:
                    self.kill()
            return function(*arguments, **keys)

        return counted

    def watch_staging(self, lake: Path) -> None:
        """Kill once enough files are staged."""
        while True:
            self.staged = max(self.staged, 0 if self.in_commit else count_files(lake / "_staging"))
            if self.moment == "work" and 0 < self.number <= self.staged and not self.in_commit:
                self.kill()
            time.sleep(0.002)


def count_files(folder: Path) -> int:
    """Count the files below a folder, which may change meanwhile."""
    return sum(len(files) for _, _, files in os.walk(folder))


def main(moment: str, number: str, *command: str) -> int:
    """Run a command of walkgram; return its exit status."""
    killer = Killer(moment, int(number))
    killer.watch_commit()
    (lake,) = [Path(part.removeprefix("lake.path=")) for part in command if part.startswith("lake.path=")]
    threading.Thread(target=killer.watch_staging, args=(lake,), daemon=True).start()
    status = cli.main(list(command))
    print(f"staged {killer.staged}, {killer.calls} in the commit")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
