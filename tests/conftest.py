"""One Spark session for all tests, real data where it is at hand, and jobs run in a temporary lake."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["PYSPARK_PYTHON"] = sys.executable  # workers run this environment, whatever `python3` is
os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("WALKGRAM_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Start Spark on two cores: few shuffle partitions, since each is a task; no web server; Python workers that are reused."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("walkgram tests")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.python.daemon.module", "support.worker_daemon")
        .config("spark.executorEnv.PYTHONPATH", str(ROOT / "tests"))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def require_data(name: str) -> Path:
    """Return a path in the real data. If it is missing, the test fails where CI or WALKGRAM_DATA is set, else it is skipped."""
    path = SHARED / name
    if not path.exists():
        message = f"real data is not at {path} (set WALKGRAM_DATA)"
        if os.environ.get("CI") or "WALKGRAM_DATA" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def movielens() -> Path:
    """Return the folder of MovieLens ml-latest-small."""
    return require_data("ml-latest-small/ratings.csv").parent


@pytest.fixture
def job(spark: Any) -> Callable[..., int]:
    """Return job(name, *arguments): run a command of walkgram in the tests' session, return the exit status."""

    def run(name: str, *arguments: str) -> int:
        from walkgram.runtime import cli

        return cli.main([name, *arguments])

    return run
