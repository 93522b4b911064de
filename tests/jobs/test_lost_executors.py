"""An executor of a cluster killed in the middle of a task of every stage: the tables are those of a run in local mode."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.event_log import DRIVER, event_log_options, read_event_log
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


def list_lost_executors(folder: Path) -> list[str]:
    """Return the executors that an event log says were lost while the application ran."""
    (file,) = folder.iterdir()
    events = [json.loads(line) for line in file.read_text().splitlines()]
    return [event["Executor ID"] for event in events if event["Event"] == "SparkListenerExecutorRemoved"]


@pytest.mark.parametrize("name, keys", STAGES, ids=[f"{name}{' in partitions' * bool(keys)}" for name, keys in STAGES])
def test_a_stage_survives_the_loss_of_an_executor(
    local: Path, address: str, job: Job, tmp_path: Path, name: str, keys: list[str]
) -> None:
    lake, flag, events = local.parent / "cluster", tmp_path / "flag", tmp_path / "events"
    for earlier in LINE[: LINE.index(name)]:  # up to date, or made here
        assert job(earlier, *arguments(lake, *(keys if earlier == "graph" else []))) == 0
    expected = read_digests(lake) | run_local(local, job, name, keys)
    flag.write_text("")
    done = submit(
        name, lake, "--master", address, "--executor-memory", "512m", "--total-executor-cores", "2",
        "--conf", "spark.scheduler.minRegisteredResourcesRatio=1", "--py-files", str(package_zip(tmp_path / "walkgram.zip")),
        "--conf", "spark.python.daemon.module=support.killing_daemon",
        "--conf", f"spark.executorEnv.PYTHONPATH={ROOT / 'lib'}:{ROOT / 'tests'}",
        "--conf", f"spark.executorEnv.WALKGRAM_KILL_FLAG={flag}",
        *event_log_options(events), sets=[*KEYS, *keys],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not flag.exists(), "no executor was killed"
    log = read_event_log(events)
    assert log.master == address
    assert DRIVER not in log.tasks
    assert list_lost_executors(events)
    assert read_digests(lake) == expected
    assert not [file for file in (lake / "_staging").rglob("*") if file.is_file()]


def run_local(local: Path, job: Job, name: str, keys: list[str]) -> dict[str, str]:
    """Return the digests of the tables that a job writes in local mode under these keys."""
    for needed in ("graph", name) if keys else ():
        assert job(needed, *arguments(local, *keys)) == 0
    digests = read_digests(local)
    tables = {"walks": ("walks", "node_visits")}.get(name, (name,))
    return {table: digests[table] for table in tables}
