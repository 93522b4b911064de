"""Two runs in one lake: the second one is refused where the first is in its way, and touches nothing of it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.lakes import key_options
from support.spark_submit import environment
from walkgram.api import Pipeline
from walkgram.lake.lock import LakeLock, list_locks

Job = Callable[..., int]
KEYS = (
    "sample.users=60", "sample.items=40", "sample.ratings=900", "sample.groups=4", "edges.min_weight=0.5", "train.dim=8",
    "train.epochs=1", "walks.num_walks=3",
)  # fmt: skip
LINE = ("interactions", "baskets", "edges", "graph", "walks")


def arguments(lake: Path, *keys: str) -> list[str]:
    return key_options(lake, *KEYS, *keys)


@pytest.fixture(scope="module")
def lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the tables up to the walks."""
    from walkgram.runtime import cli

    folder = tmp_path_factory.mktemp("two-runs") / "lake"
    for name in LINE:
        assert cli.main([name, *arguments(folder)]) == 0
    return folder


def stage_files(lake: Path, job: str) -> Path:
    """Write what a live run of a job would have staged."""
    file = lake / "_staging" / f"{job}-live" / job / "part-00000.parquet"
    file.parent.mkdir(parents=True)
    file.write_text("half")
    return file


@pytest.mark.parametrize(
    "live, reads, writes, second",
    [
        ("walks", ("graph",), ("walks", "node_visits"), "walks"),
        ("interactions", (), ("interactions", "vocabulary"), "interactions"),
        ("graph", ("edges",), ("graph",), "walks"),  # walks reads what the live run writes
        ("walks", ("graph",), ("walks", "node_visits"), "graph"),  # graph writes what the live run reads
        ("walks", ("graph",), ("walks", "node_visits"), "run"),  # the line has walks in it
    ],
)
def test_a_run_in_the_way_of_a_live_one_is_refused_and_touches_nothing(
    lake: Path, job: Job, capsys: Any, live: str, reads: tuple[str, ...], writes: tuple[str, ...], second: str
) -> None:
    staged = stage_files(lake, live)
    before = sorted(file for file in lake.rglob("*") if "_locks" not in file.parts)
    with LakeLock(str(lake), "first-run-0", [live], reads, writes) as lock:
        capsys.readouterr()
        assert job(second, "--force", *arguments(lake)) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert f"run first-run-0 ({live}) is at work there, on host " in error
    assert f"since {lock.record.since}: wait until it has ended" in error
    assert sorted(file for file in lake.rglob("*") if "_locks" not in file.parts) == before
    staged.unlink()
    for folder in (staged.parent, staged.parent.parent):
        folder.rmdir()


def test_a_run_that_is_in_nobodys_way_works_beside_a_live_one(lake: Path, job: Job) -> None:
    with LakeLock(str(lake), "first-run-0", ["neighbours"], ["embeddings"], ["neighbours"]):
        assert job("walks", "--force", *arguments(lake)) == 0


def test_a_dead_run_is_in_nobodys_way(lake: Path, job: Job) -> None:
    code = (
        "import os, sys; from walkgram.lake.lock import LakeLock; "
        "LakeLock(sys.argv[1], 'dead', ['walks'], [], ['walks']).__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(lake)], check=False).returncode == 9
    assert [lock.run for lock in list_locks(str(lake))] == ["dead"]
    assert job("walks", "--force", *arguments(lake)) == 0
    assert list_locks(str(lake)) == []


def test_the_python_api_is_refused_too(lake: Path, spark: Any) -> None:
    from walkgram.errors import LakeError

    pipeline = Pipeline(lake=lake, spark=spark, sample={"users": 60})
    with (
        LakeLock(str(lake), "first-run-0", ["walks"], ["graph"], ["walks"]),
        pytest.raises(LakeError, match=r"run first-run-0 \(walks\) is at work there"),
    ):
        pipeline.run(tables=["walks"])


@pytest.mark.slow
def test_the_second_of_two_real_runs_is_refused_and_the_first_one_finishes(lake: Path, job: Job, capsys: Any) -> None:
    script = Path(__file__).parent.parent / "support" / "killed_job.py"
    keys = arguments(lake, "walks.num_walks=2000", "walks.num_shards=8")
    running = subprocess.Popen(
        [sys.executable, str(script), "commit", "0", "walks", *keys], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(SPARK_DRIVER_MEMORY="1g", SPARK_LOCAL_IP="127.0.0.1"),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(lake.glob("_staging/walks-*/walks/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running.poll() is None, "the first run was done before the second one began"
    capsys.readouterr()
    assert job("walks", *arguments(lake, "walks.seed=9")) == 2
    assert f"process {running.pid}, since" in capsys.readouterr().err
    out, error = running.communicate(timeout=300)
    assert running.returncode == 0, out + error
