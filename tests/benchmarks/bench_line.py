"""The whole line on 20 million interactions in local[2], stage by stage: wall and CPU seconds, peak memory.

usage: bench_line.py [small]

Every job is submitted by itself with spark.driver.memory=1g, as on a cluster whose driver has 1 GiB. Memory is the kernel's
proportional share (PSS), read twice a second: of all processes, of Spark's JVM (which also runs the tasks here), and of the
driver's Python. Settings: the defaults of walks and training, edges of the pairs benchmark.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers_pairs
import process_meter
import pyarrow as pa
import pyarrow.parquet as pq
import report
import synthetic_interactions

from walkgram.lake.manifest import read_manifest

JOBS = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export")
OUTPUTS = {"interactions": "vocabulary", "train": "embeddings"}  # tables that are not called as their job
WALL_BAR, MEMORY_BAR, DRIVER_BAR = 1200.0, 8.0, 1.0  # seconds in all, GiB of all processes, GiB of a driver's process
KEYS = (
    "interactions.min_rating=none",
    "spark.cache_zip_directories=true",
    "pmi.weight=pmi_frequency",
    f"edges.min_frequency={peers_pairs.MIN_FREQUENCY}",
    f"edges.min_weight={peers_pairs.MIN_WEIGHT}",
)


UNITS = {
    "wall": "s",
    "cpu": "CPU s",
    "total": "GiB, all processes",
    "jvm": "GiB, JVM",
    "driver": "GiB, the driver's Python",
}


class Peak(NamedTuple):
    """Peak memory in GiB: of all processes together, of the JVM, of the driver's Python."""

    total: float = 0.0
    jvm: float = 0.0
    driver: float = 0.0


def write_source(folder: Path, size: synthetic_interactions.Size) -> int:
    """Write interactions in eight Parquet files; return their number."""
    user, item = synthetic_interactions.generate_interactions(size, 0)
    rng = np.random.default_rng(1)
    rating, timestamp = rng.integers(1, 6, len(user)).astype(np.float32), rng.integers(10**9, 17 * 10**8, len(user))
    table = pa.table({"user_id": user, "item_id": item, "rating": rating, "timestamp": timestamp})
    rows = -(-len(user) // 8)
    for i in range(8):
        pq.write_table(table.slice(i * rows, rows), folder / f"{i}.parquet")
    return len(user)


def watch_memory(meter: process_meter.Meter, own: int, job: str, stop: threading.Event, peaks: list[Peak]) -> None:
    """Keep the peak memory of this process's descendants, until stopped."""
    while not stop.wait(0.5):
        total = jvm = driver = 0.0
        for pid, process in meter.list_processes().items():
            if pid != own:
                gib = process_meter.proportional_share(pid) / 2**20
                total += gib
                jvm += gib * (process.name == "java")
                driver += gib * is_driver(pid, process.name, job)
        peaks[0] = Peak(*(max(pair) for pair in zip(peaks[0], (total, jvm, driver), strict=True)))


def is_driver(pid: int, name: str, job: str) -> bool:
    """Return whether a process is the Python that runs the job's file."""
    try:
        return name.startswith("python") and f"jobs/{job}.py" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def run_job(lake: Path, source: Path, job: str) -> dict[str, Any]:
    """Submit a job; return its wall seconds, the CPU seconds of its manifest, and its peak memory."""
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--properties-file", "conf/spark/local.conf"]
    submit += ["--master", "local[2]", "--driver-memory", "1g", f"jobs/{job}.py", "--config", str(lake.with_name("line.toml"))]
    keys = [part for key in (*KEYS, f"lake.path={lake}", f"input.path={source}") for part in ("--set", key)]
    meter, stop, peaks = process_meter.Meter(interval=3600), threading.Event(), [Peak()]
    watcher = threading.Thread(target=watch_memory, args=(meter, meter.root, job, stop, peaks))
    watcher.start()
    start = time.monotonic()
    process = subprocess.run([*submit, *keys], cwd=report.ROOT, text=True, capture_output=True, check=False)
    wall = time.monotonic() - start
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{job} failed:\n{process.stdout[-2000:]}{process.stderr[-2000:]}")
    manifest = read_manifest(str(lake), OUTPUTS.get(job, job))
    cpu = {} if manifest is None else dict(manifest.cpu)
    return {"job": job, "wall": wall, "cpu": sum(cpu.values()), **peaks[0]._asdict()}


def main() -> None:
    """Run the line once and print its stages."""
    size = synthetic_interactions.SIZES["L"]
    if sys.argv[1:] == ["small"]:
        size = size.tenth()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        source.mkdir()
        rows = write_source(source, size)
        Path(scratch, "line.toml").touch()  # no configuration file is the sample's
        lines = []
        for job in JOBS:
            lines.append(run_job(Path(scratch, "lake"), source, job))
            print(json.dumps(lines[-1]), flush=True)
    report.publish("line", list_cases(lines, rows), ("numba", "numpy", "pyarrow", "pyspark", "torch"))


def list_cases(lines: list[dict[str, Any]], rows: int) -> list[report.Case]:
    """Return the cases of every stage, and the sums and peaks of the line beside their bars."""
    cases = [
        report.Case(line["job"], line[key], None, "no peer", unit, None, None) for line in lines for key, unit in UNITS.items()
    ]
    sums = {"wall": sum(line["wall"] for line in lines), **{key: max(line[key] for line in lines) for key in Peak._fields}}
    for key, bar in {"wall": WALL_BAR, "total": MEMORY_BAR, "jvm": DRIVER_BAR, "driver": DRIVER_BAR}.items():
        cases.append(report.Case(f"{rows:,} rows", sums[key], None, f"no peer; bar {bar:g}", UNITS[key], None, None))
    return cases


if __name__ == "__main__":
    main()
