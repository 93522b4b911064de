"""The jobs as users start them: spark-submit in processes of their own, on one machine and on a cluster of two workers."""

import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
SMALL = [
    "sample.users=60",
    "sample.items=40",
    "sample.ratings=900",
    "sample.groups=4",
    "edges.min_frequency=2",
    "edges.min_weight=0.5",
    "walks.num_walks=3",
    "walks.walk_length=8",
    "walks.p=0.5",
    "walks.q=2",
    "walks.shards=4",
]
pytestmark = pytest.mark.slow


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, **more}


def command(name: str, lake: Path, *before: str, sets: list[str] | None = None) -> list[str]:
    keys = [part for key in (*SMALL, f"lake.path={lake}", *(sets or [])) for part in ("--set", key)]
    conf = ["--properties-file", str(ROOT / "conf" / "spark" / "local.conf")]
    return [str(BIN / "spark-submit"), *conf, *before, str(ROOT / "jobs" / f"{name}.py"), *keys]


def submit(name: str, lake: Path, *before: str, sets: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(name, lake, *before, sets=sets),
        cwd=ROOT,
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )


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
    assert "the tables lie in" in first.stdout
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


@pytest.fixture
def cluster() -> Iterator[str]:
    """A standalone master and two workers on loopback; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    shared = environment(SPARK_LOCAL_IP="127.0.0.1", SPARK_DAEMON_MEMORY="256m")
    start = [str(BIN / "spark-class")]
    master = [*start, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    worker = [
        *start,
        "org.apache.spark.deploy.worker.Worker",
        "--host",
        "127.0.0.1",
        "--webui-port",
        "0",
        "--cores",
        "1",
        "--memory",
        "1g",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    started = [subprocess.Popen(master, env=shared, **quiet)]  # type: ignore[call-overload]
    time.sleep(6)
    started += [subprocess.Popen([*worker, address], env=shared, **quiet) for _ in range(2)]  # type: ignore[call-overload]
    time.sleep(8)
    yield address
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_cluster_with_the_zip_gives_the_very_same_walks(tmp_path: Path, cluster: str) -> None:
    packed = tmp_path / "walkgram.zip"
    with zipfile.ZipFile(packed, "w") as out:
        for file in (ROOT / "lib" / "walkgram").rglob("*.py"):
            out.write(file, file.relative_to(ROOT / "lib"))
    on_cluster = ("--master", cluster, "--executor-memory", "512m", "--total-executor-cores", "2", "--py-files", str(packed))
    for lake, where in ((tmp_path / "one", ()), (tmp_path / "two", on_cluster)):
        for name in ("interactions", "pairs", "edges", "graph", "walks"):
            done = submit(name, lake, *where)
            assert done.returncode == 0, done.stderr[-2000:]
    one, two = (pq.read_table(tmp_path / lake / "walks").sort_by("walk_id") for lake in ("one", "two"))
    assert one.num_rows > 50
    assert one.equals(two)
