"""SIGTERM to a job of Spark: one line of its own, status 143, former tables complete, no process left; the rerun finishes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.lakes import key_options
from support.spark_submit import environment
from walkgram.lake.lock import list_locks

pytestmark = pytest.mark.slow
Job = Callable[..., int]
KEYS = (
    "sample.users=60", "sample.items=40", "sample.ratings=900", "sample.groups=4", "edges.min_weight=0.5",
    "walks.num_walks=20000", "walks.walk_length=40", "walks.num_shards=40",
)  # fmt: skip


def arguments(lake: Path) -> list[str]:
    return key_options(lake, *KEYS)


def list_processes(group: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_job_of_spark_with_one_line(job: Job, tmp_path: Path, number: int, status: int) -> None:
    lake = tmp_path / "lake"
    for name in ("interactions", "baskets", "edges", "graph"):
        assert job(name, *arguments(lake)) == 0
    running = subprocess.Popen(
        [sys.executable, "-m", "walkgram", "walks", *arguments(lake)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(SPARK_DRIVER_MEMORY="1g", SPARK_LOCAL_IP="127.0.0.1"), start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(lake.glob("_staging/walks-*/walks/part-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running.poll() is None, "the job was done before the signal"
    os.kill(running.pid, number)
    out, error = running.communicate(timeout=60)
    assert running.returncode == status, out + error
    lines = [line for line in error.splitlines() if "walkgram walks:" in line]
    assert len(lines) == 1
    assert "a rerun continues from them" in lines[0]
    assert "Traceback" not in error
    assert list_locks(str(lake)) == []
    assert not (lake / "walks").exists()
    deadline = time.monotonic() + 30
    while list_processes(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list_processes(running.pid) == []
    shards = {file.name: file.stat().st_mtime_ns for file in lake.glob("_staging/walks-*/walks/part-*")}
    assert job("walks", *arguments(lake)) == 0
    assert {name: (lake / "walks" / name).stat().st_mtime_ns for name in shards} == shards  # the rerun went on
