"""A daemon of Python workers whose next task that writes kills its executor (spark.python.daemon.module).

The first worker that removes the file WALKGRAM_KILL_FLAG kills the JVM of its executor, in the middle of a task: what it writes
is not complete. Where the file says "group" it kills the JVM's process group: the executors of a Spark worker and that worker.
Without the file nothing happens.
"""

import os
import runpy
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from walkgram.lake.blocks import Blocks
from walkgram.lake.exchange import Exchange
from walkgram.lake.shards import Shards
from walkgram.stages.workers import cache_zip_directories

DAEMON = os.getpid()


def kill_executor() -> None:
    """Kill the executor's JVM, the parent of this daemon, or its group, where the flag is there to be removed."""
    flag = Path(os.environ["WALKGRAM_KILL_FLAG"])
    try:
        what = flag.read_text()
        flag.unlink()
    except FileNotFoundError:
        return
    jvm = int(Path(f"/proc/{DAEMON}/stat").read_text().rpartition(")")[2].split()[1])
    if what == "group":
        os.killpg(os.getpgid(jvm), signal.SIGKILL)
    else:
        os.kill(jvm, signal.SIGKILL)
    time.sleep(60)


def kill_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, which kills the executor before it works."""

    def write(*arguments: Any, **keys: Any) -> Any:
        kill_executor()
        return function(*arguments, **keys)

    return write


if __name__ == "__main__":
    cache_zip_directories()
    for store, name in ((Shards, "write"), (Exchange, "write"), (Blocks, "write"), (Blocks, "create")):
        setattr(store, name, kill_first(getattr(store, name)))
    runpy.run_module("pyspark.daemon", run_name="__main__")
