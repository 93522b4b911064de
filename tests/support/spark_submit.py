"""Jobs in processes of their own, as users start them, and a cluster of workers on this machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

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
    """Write walkgram as a zip for executors; return its path."""
    with zipfile.ZipFile(place, "w") as out:
        for file in (ROOT / "lib" / "walkgram").rglob("*.py"):
            out.write(file, file.relative_to(ROOT / "lib"))
    return place


@contextlib.contextmanager
def cluster(num_workers: int = 2) -> Iterator[tuple[str, list[int]]]:
    """Run a standalone master and workers of one core each on loopback; yield the address and the workers' process ids."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    options = ["--host", "127.0.0.1", "--webui-port", "0"]
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        stack.callback(kill_groups, processes)
        processes.append(start_daemon("master.Master", *options, "--port", str(port)))
        wait_for_port(port)
        resources = ["--cores", "1", "--memory", "1g", "--work-dir", work]
        processes += [start_daemon("worker.Worker", *options, *resources, address) for _ in range(num_workers)]
        yield address, [process.pid for process in processes[1:]]


def start_daemon(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a daemon of Spark in a process group of its own, which its executors join."""
    return subprocess.Popen(
        [str(BIN / "spark-class"), f"org.apache.spark.deploy.{name}", *arguments],
        env=environment(SPARK_LOCAL_IP="127.0.0.1", SPARK_DAEMON_MEMORY="256m"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_groups(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Return when something listens on a port of loopback; raise `TimeoutError` after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"nothing listens on port {port} after {seconds:.0f} s")
