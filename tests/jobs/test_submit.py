"""The jobs as users start them: spark-submit in processes of their own, on one machine and on a cluster of two workers."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.event_log import DRIVER, EventLog, event_log_options, read_event_log
from support.spark_submit import ROOT, cluster, command, environment, package_zip, submit

pytestmark = pytest.mark.slow


def test_bad_input_gives_one_line_and_status_2(tmp_path: Path) -> None:
    done = submit("interactions", tmp_path / "lake", sets=["input.path=/no/such/place"])
    assert done.returncode == 2
    said = done.stdout + done.stderr  # spark-submit sends a job's stderr to its own stdout
    ours = [line for line in said.splitlines() if "error" in line.lower()]
    assert len(ours) == 1, said
    assert "no such file or folder" in ours[0]
    assert "Traceback" not in said


def test_the_pipeline_runs_and_a_second_call_skips_all(tmp_path: Path) -> None:
    first, second = (submit("pipeline", tmp_path / "lake", sets=["train.dim=8", "train.epochs=1"]) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr[-2000:]
    assert "the tables are in" in first.stdout
    assert second.stdout.count("up to date") == 8


def test_a_killed_pipeline_leaves_no_half_table_and_goes_on(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    log = tmp_path / "log"
    with log.open("w") as out:
        running = subprocess.Popen(
            command("pipeline", lake, sets=["train.dim=8", "train.epochs=1"]),
            cwd=ROOT,
            env=environment(),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        until = time.monotonic() + 240
        while not (lake / "vocabulary").exists() and time.monotonic() < until:
            time.sleep(0.2)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert (lake / "vocabulary").exists(), log.read_text()[-2000:]
    for table in (p for p in lake.iterdir() if not p.name.startswith("_")):
        assert (table / "_manifest.json").exists()
    again = submit("pipeline", lake, sets=["train.dim=8", "train.epochs=1"])
    assert again.returncode == 0, again.stderr[-2000:]
    assert "interactions: up to date" in again.stdout


def run_jobs(names: Sequence[str], lake: Path, *options: str, sets: list[str] | None = None) -> dict[str, EventLog]:
    """Run jobs one after the other; return the event log of each."""
    logs = {}
    for name in names:
        events = lake.with_name(f"{lake.name}-events") / name
        done = submit(name, lake, *options, *event_log_options(events), sets=sets)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        logs[name] = read_event_log(events)
    return logs


def test_a_cluster_with_the_zip_gives_the_very_same_walks_and_trains_by_two_processes(tmp_path: Path) -> None:
    names = ("interactions", "baskets", "edges", "graph", "walks")
    one, two = tmp_path / "one", tmp_path / "two"
    for name, log in run_jobs(names, one).items():
        assert log.master == "local[*]", name
        assert log.tasks.keys() == {DRIVER}, name
    packed = package_zip(tmp_path / "walkgram.zip")
    with cluster() as (address, _):
        on_cluster = (
            *("--master", address, "--executor-memory", "512m", "--total-executor-cores", "2", "--py-files", str(packed)),
            # Tasks wait for both workers; otherwise the first one may run them all.
            *("--conf", "spark.scheduler.minRegisteredResourcesRatio=1"),
        )
        logs = run_jobs(names, two, *on_cluster)
        keys = ["train.num_processes=2", "train.dim=8", "train.epochs=1"]
        logs |= run_jobs(["train"], two, *on_cluster, sets=keys)
    for name, log in logs.items():
        assert log.master == address, name
        assert log.tasks, name
        assert DRIVER not in log.tasks, name
    for name in ("walks", "train"):
        assert logs[name].tasks.total() >= 2
        assert len(logs[name].tasks) == 2, name
    walks = [pq.read_table(lake / "walks").sort_by("walk_id") for lake in (one, two)]
    assert walks[0].num_rows > 50
    assert walks[0].equals(walks[1])
    assert pq.read_table(two / "embeddings").num_rows == pq.read_table(two / "node_visits").num_rows
