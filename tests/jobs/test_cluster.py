"""The line on a cluster as jobs/README.md says to submit it: walkgram as a zip, the environment as an archive, cluster.conf."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.event_log import DRIVER, event_log_options, read_event_log
from support.lakes import key_options
from support.packed_environment import PACKAGES, make_environment, pack_environment
from support.spark_submit import ROOT, SMALL, cluster, package_zip
from support.table_digests import read_digests

pytestmark = pytest.mark.slow
Job = Callable[..., int]
KEYS = (
    *SMALL, "train.dim=8", "train.epochs=1", "train.num_processes=2", "pairs.write_table=true", "neighbours.block_rows=8",
    "export.plots=false",
)  # fmt: skip
NUM_WORKERS = 2


class User:
    """A user of a cluster: a folder and an interpreter from which walkgram cannot be imported, and no PYTHONPATH."""

    def __init__(self, folder: Path) -> None:
        self.interpreter = make_environment(folder / "environment")
        self.archive = pack_environment(folder / "environment", folder / "env.tar.gz")
        self.packed = package_zip(folder / "walkgram.zip")
        self.place = folder / "elsewhere"
        self.place.mkdir()
        hidden = ("PYTHONPATH", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
        self.variables = {name: value for name, value in os.environ.items() if name not in hidden}
        self.variables |= {"SPARK_HOME": str(Path(PACKAGES) / "pyspark"), "SPARK_LOCAL_IP": "127.0.0.1"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.place, env=self.variables, text=True, capture_output=True, check=False, timeout=400
        )

    def submit(self, address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Submit to a cluster, with the memory and the cores that fit two workers of one core and 1 GiB."""
        return self.run(
            f"{self.variables['SPARK_HOME']}/bin/spark-submit", "--master", address,
            "--properties-file", str(ROOT / "conf" / "spark" / "cluster.conf"),
            *("--executor-memory", "512m", "--driver-memory", "1g", "--executor-cores", "1", "--total-executor-cores", "2"),
            # Tasks wait for both workers; otherwise the first one may run them all.
            *("--conf", "spark.scheduler.minRegisteredResourcesRatio=1"),
            *("--py-files", str(self.packed), "--archives", f"{self.archive}#environment"),
            *("--conf", "spark.pyspark.python=./environment/bin/python"),
            *("--conf", f"spark.pyspark.driver.python={self.interpreter}"),
            *arguments,
        )  # fmt: skip


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """Make a user; hide walkgram from the workers too, because executors inherit their variables."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return User(tmp_path)


def assert_imported_from_the_zip(user: User, address: str) -> None:
    """Assert that the executors import walkgram from the zip, and run the archive's interpreter."""
    assert "No module named 'walkgram'" in user.run(str(user.interpreter), "-c", "import torch, walkgram").stderr
    done = user.submit(address, str(ROOT / "tests" / "support" / "import_probe.py"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    places = json.loads(done.stdout.splitlines()[-1])
    assert len(places) == NUM_WORKERS, places
    for module, interpreter in places:
        assert module.endswith("/walkgram.zip/walkgram/__init__.py")
        assert interpreter.endswith("/environment/bin/python")
        assert not interpreter.startswith(str(user.place.parent)), "the driver's interpreter"


def test_a_cluster_runs_the_line_by_the_zip_and_the_archive_to_the_tables_of_local_mode(
    job: Job, user: User, tmp_path: Path
) -> None:
    local, lake, events = tmp_path / "local", tmp_path / "lake", tmp_path / "events"
    with cluster(NUM_WORKERS) as (address, _):
        assert_imported_from_the_zip(user, address)
        line = str(ROOT / "jobs" / "pipeline.py")
        done = user.submit(address, *event_log_options(events), line, *key_options(lake, *KEYS))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    log = read_event_log(events)
    assert log.master == address
    assert log.properties["spark.executor.memory"] == "512m"
    assert log.properties["spark.task.maxFailures"] == "4"  # of cluster.conf
    assert DRIVER not in log.tasks
    assert len(log.tasks) == NUM_WORKERS, log.tasks
    assert min(log.tasks.values()) >= 5, log.tasks
    assert list(user.place.iterdir()) == []
    assert job("run", *key_options(local, *KEYS)) == 0
    digests = read_digests(lake)
    assert len(digests) >= 10, sorted(digests)
    assert digests == read_digests(local)
