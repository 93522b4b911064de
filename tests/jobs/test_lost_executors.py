"""An executor, or a worker, of a cluster killed in the middle of a task of a stage: the tables are those of local mode."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.event_log import DRIVER, EventLog, event_log_options, read_event_log
from support.lakes import key_options
from support.spark_submit import ROOT, SMALL, cluster, package_zip, submit
from support.table_digests import read_digests

pytestmark = pytest.mark.slow
Job = Callable[..., int]
KEYS = ["train.dim=8", "train.epochs=1", "pairs.write_table=true", "pairs.blocks=4", "pairs.tasks=4", "neighbours.block_rows=8"]
LINE = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours")
PARTITIONED = ["graph.partitions=3", "walks.engine=partitioned"]
# (job, keys of its own) in order; the job train works without Spark.
STAGES = [
    ("baskets", []),
    ("pairs", []),
    ("edges", []),
    ("graph", []),
    ("walks", []),
    ("neighbours", []),
    ("graph", PARTITIONED),
    ("walks", PARTITIONED),
]
STAGE_NAMES = [f"{name}{' in partitions' * bool(keys)}" for name, keys in STAGES]
WORKER_STAGES: list[tuple[str, list[str]]] = [("baskets", []), ("walks", PARTITIONED)]  # a shuffle's files are lost; supersteps
MAX_RESUBMITTED = 4  # one task runs at a time on each executor


@pytest.fixture(scope="module")
def local(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake in local mode."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("lost") / "local"
    for name in LINE:
        assert cli.main([name, *arguments(lake)]) == 0
    return lake


def arguments(lake: Path, *keys: str) -> list[str]:
    return key_options(lake, *SMALL, *KEYS, *keys)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run a cluster of two workers; yield its address."""
    with cluster() as (place, _):
        yield place


def submit_with_a_loss(address: str, tmp_path: Path, loss: str, name: str, lake: Path, keys: list[str]) -> EventLog:
    """Run a job while an executor, or a Spark worker with its executors (loss = "group"), is killed; return the events."""
    flag, events = tmp_path / "flag", tmp_path / "events"
    flag.write_text(loss)
    done = submit(
        name, lake, "--master", address, "--executor-memory", "512m", "--total-executor-cores", "2",
        "--conf", "spark.scheduler.minRegisteredResourcesRatio=1", "--py-files", str(package_zip(tmp_path / "walkgram.zip")),
        "--conf", "spark.python.daemon.module=support.killing_daemon",
        "--conf", f"spark.executorEnv.PYTHONPATH={ROOT / 'lib'}:{ROOT / 'tests'}",
        "--conf", f"spark.executorEnv.WALKGRAM_KILL_FLAG={flag}",
        *event_log_options(events), sets=[*KEYS, *keys],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not flag.exists(), "nothing was killed"
    log = read_event_log(events)
    assert log.master == address
    assert DRIVER not in log.tasks
    assert log.lost_executors
    return log


def prepare(local: Path, lake: Path, job: Job, name: str, keys: list[str]) -> dict[str, str]:
    """Run the jobs before this one; return the digests that the lake will have."""
    for earlier in LINE[: LINE.index(name)]:  # up to date, or made here
        assert job(earlier, *arguments(lake, *(keys if earlier == "graph" else []))) == 0
    return read_digests(lake) | run_local(local, job, name, keys)


def assert_complete(lake: Path, expected: dict[str, str]) -> None:
    assert read_digests(lake) == expected
    assert not [file for file in (lake / "_staging").rglob("*") if file.is_file()]


def is_running(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("name, keys", STAGES, ids=STAGE_NAMES)
def test_a_stage_survives_the_loss_of_an_executor(
    local: Path, address: str, job: Job, tmp_path: Path, name: str, keys: list[str]
) -> None:
    lake = local.parent / "cluster"
    expected = prepare(local, lake, job, name, keys)
    log = submit_with_a_loss(address, tmp_path, "executor", name, lake, keys)
    assert log.resubmitted_tasks, log.attempts
    assert_complete(lake, expected)


@pytest.mark.parametrize("name, keys", WORKER_STAGES, ids=["baskets", "walks in partitions"])
def test_a_stage_survives_the_loss_of_a_worker_with_its_executors(
    local: Path, job: Job, tmp_path: Path, name: str, keys: list[str]
) -> None:
    lake = tmp_path / "lake"
    expected = prepare(local, lake, job, name, keys)
    with cluster(3) as (address, workers):
        log = submit_with_a_loss(address, tmp_path, "group", name, lake, keys)
        assert [is_running(worker) for worker in workers].count(False) == 1
    # The task that was killed, and those whose shuffle files the lost executor had: not the job from its beginning.
    assert 1 <= log.resubmitted_tasks <= MAX_RESUBMITTED, log.attempts
    assert_complete(lake, expected)


def run_local(local: Path, job: Job, name: str, keys: list[str]) -> dict[str, str]:
    """Return the digests of the tables that a job writes in local mode under these keys."""
    for needed in ("graph", name) if keys else ():
        assert job(needed, *arguments(local, *keys)) == 0
    digests = read_digests(local)
    tables = {"walks": ("walks", "node_visits")}.get(name, (name,))
    return {table: digests[table] for table in tables}
