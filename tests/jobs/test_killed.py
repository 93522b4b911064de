"""Walks that are killed in the middle and go on: the walks of a run that nothing disturbs."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.spark_submit import ROOT, command, environment, submit

pytestmark = pytest.mark.slow
KEYS = ["input.kind=edges", "walks.num_walks=60", "walks.walk_length=60", "walks.p=0.25", "walks.q=4", "walks.num_shards=30"]


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    """Write 40,000 edges among 4,000 nodes: their walks have 14.4 million nodes."""
    rng = np.random.default_rng(3)
    ends = rng.integers(0, 4000, (40_000, 2))
    table = pa.table({"src": ends[:, 0], "dst": ends[:, 1], "weight": rng.exponential(size=40_000) + 0.01})
    pq.write_table(table, tmp_path / "edges.parquet")
    return tmp_path / "edges.parquet"


def prepare_lake(lake: Path, edges: Path, *more: str) -> list[str]:
    """Run the jobs before the walks; return the keys of the lake."""
    sets = [*KEYS, f"input.path={edges}", *more]
    for name in ("load_edges", "graph"):
        result = submit(name, lake, sets=sets)
        assert result.returncode == 0, result.stderr[-2000:]
    return sets


def shard_times(lake: Path) -> dict[str, int]:
    """Return the time in ns at which each staged shard was finished."""
    return {file.name: file.stat().st_mtime_ns for file in lake.glob("_staging/walks-*/walks/part-*.parquet")}


def superstep_times(lake: Path) -> dict[str, int]:
    """Return the time in ns at which each staged file of a superstep was written."""
    times = {}
    for file in lake.glob("_staging/walks-*/_rounds/steps-*/*/*.arrow"):
        with contextlib.suppress(FileNotFoundError):  # of a wave that has just ended
            times[str(file)] = file.stat().st_mtime_ns
    return times


def finished_supersteps(files: dict[str, int], senders: int) -> dict[str, int]:
    """Select the files of the supersteps that all senders have finished, without the last one."""
    by_round: dict[str, list[str]] = {}
    for name in sorted(files):
        by_round.setdefault(Path(name).parent.name, []).append(name)
    return {name: files[name] for names in list(by_round.values())[:-1] if len(names) == senders for name in names}


def assert_continues(lake: Path, sets: list[str], earlier: dict[str, int]) -> None:
    """Run the job again; assert that it writes further supersteps and leaves the earlier ones as they are."""
    assert len(earlier) >= 3
    running = start_job("walks", lake, sets)
    later = wait_for_files(lambda: superstep_times(lake), len(superstep_times(lake)) + 3, running)
    assert earlier.items() <= later.items()
    assert running.wait(300) == 0


def wait_for_files(list_times: Callable[[], dict[str, int]], count: int, running: subprocess.Popen[bytes]) -> dict[str, int]:
    """Wait at most 240 s until there are `count` files; return them. Assert that the job still runs."""
    deadline = time.monotonic() + 240
    while len(list_times()) < count and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list_times()) >= count
    assert running.poll() is None, "the job was done before it could be disturbed"
    return list_times()


def start_job(name: str, lake: Path, sets: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(name, lake, sets=sets), cwd=ROOT, env=environment(), start_new_session=True)


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_killed_job_goes_on_from_what_was_done(tmp_path: Path, edges: Path, blocks: int) -> None:
    uninterrupted, lake = tmp_path / "straight", tmp_path / "lake"
    assert submit("walks", uninterrupted, sets=prepare_lake(uninterrupted, edges)).returncode == 0
    sets = prepare_lake(lake, edges, f"graph.partitions={blocks}")
    running = start_job("walks", lake, sets=sets)
    times_at_kill = wait_for_files(
        lambda: shard_times(lake) if blocks == 1 else superstep_times(lake), 3 if blocks == 1 else 20, running
    )
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (lake / "walks").exists()
    if blocks == 1:
        result = submit("walks", lake, sets=sets)
        assert result.returncode == 0, result.stderr[-2000:]
    else:
        assert_continues(lake, sets, finished_supersteps(superstep_times(lake), blocks))
    assert pq.read_table(lake / "walks").equals(pq.read_table(uninterrupted / "walks"))
    visits = [pq.read_table(folder / "node_visits").sort_by("index") for folder in (lake, uninterrupted)]
    assert visits[0].equals(visits[1])
    if blocks == 1:
        final_times = {file.name: file.stat().st_mtime_ns for file in (lake / "walks").glob("part-*.parquet")}
        assert len(final_times) == 30
        assert times_at_kill.items() <= final_times.items()
    assert not list(lake.glob("_staging/*/*"))
