"""Jobs in processes of their own, as users start them, and a cluster of two workers on this machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
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
    "walks.num_shards=4",
]


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


def package_zip(place: Path) -> Path:
    """walkgram as a zip for executors."""
    with zipfile.ZipFile(place, "w") as out:
        for file in (ROOT / "lib" / "walkgram").rglob("*.py"):
            out.write(file, file.relative_to(ROOT / "lib"))
    return place


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, list[int]]]:
    """A standalone master and two workers on loopback: its address, and the workers' process ids."""
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
    try:
        yield address, [process.pid for process in started[1:]]
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
