"""The cases of bench_walks that run as jobs: from edges to walks through Spark, and the compilation of the kernels."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import report

RUNS = 3
WALKS = 10  # of the joins from each node, as many as ours: they share what is prepared for a batch of steps
HERE = Path(__file__).parent
PARTITIONS = (1, 4, 16)
UNIT = "M steps per CPU s"
CASE = "Spark, edges to walks in Parquet, p=0.5 q=2"
JOINS = "joins in DataFrames, for GraphFrames' walks (p=q=1, 10 steps)"


def run_command(command: list[str], **environment: str) -> list[dict[str, Any]]:
    """Run a command; return the JSON lines that it prints. Raises `SystemExit` where it fails."""
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    process = subprocess.run(
        command, cwd=report.ROOT, env=os.environ | python | environment, text=True, capture_output=True, check=False
    )
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{process.stdout[-2000:]}{process.stderr[-2000:]}")
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


def submit_script(script: str, *arguments: object, cores: int = 2) -> list[dict[str, Any]]:
    """Submit a script as the jobs are submitted, on so many cores; return the JSON lines that it prints."""
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--properties-file", "conf/spark/local.conf"]
    options = ["--master", f"local[{cores}]", "--conf", "spark.ui.showConsoleProgress=false"]
    return run_command([*submit, *options, str(HERE / script), *map(str, arguments)])


def cpu_seconds(stages: list[dict[str, Any]]) -> float:
    """Return the CPU seconds of the JVM and of Python in all stages."""
    return float(sum(stage["jvm"] + stage["python"] for stage in stages))


def select_median_run(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stages of the run whose CPU seconds are the median of all runs."""
    runs = [[line for line in lines if line["run"] == run] for run in range(RUNS)]
    return sorted(runs, key=cpu_seconds)[RUNS // 2]


def measure_jobs(file: Path, fastnode2vec_rate: float) -> list[report.Case]:
    """Measure the jobs from edges to walks against fastnode2vec in memory, and list their CPU seconds."""
    stages = select_median_run(submit_script("end_to_end.py", file, RUNS))
    ours = stages[-1]["steps"] / cpu_seconds(stages) / 1e6
    peer = "fastnode2vec in memory, nothing read or written"
    return [
        report.Case(CASE, ours, fastnode2vec_rate, peer, UNIT, ours / fastnode2vec_rate, 1.0),
        *(
            report.Case(f"of which the job {stage['stage']}, {name}", stage[key], None, "no peer", "CPU s", None, None)
            for stage in stages
            for key, name in (("jvm", "JVM"), ("python", "Python"))
        ),
    ]


def compare_joins(file: Path) -> list[report.Case]:
    """Compare the jobs with joins in Spark, once, on a graph of a tenth, since the joins take long."""
    stages = [line for line in submit_script("end_to_end.py", file, 1) if line["run"] == 0]
    joins = submit_script("peer_joins.py", file, WALKS, 1)[-1]
    ours = stages[-1]["steps"] / cpu_seconds(stages) / 1e6
    peer = joins["steps"] / joins["cpu"] / 1e6
    return [report.Case("the same on a graph of a tenth", ours, peer, JOINS, UNIT, ours / peer, None)]


def measure_partitions(file: Path) -> list[report.Case]:
    """Measure the partitioned engine once for each number of partitions."""
    cases = []
    for line in submit_script("end_to_end.py", file, 1, *PARTITIONS):
        if line["stage"] == "walks" and line["run"] == 0:
            rate = line["steps"] / cpu_seconds([line]) / 1e6
            name = f"partitioned engine, partitions: {line['partitions']}"
            peer = "no peer; bar 0.25" if line["partitions"] == 4 else "no peer"
            cases.append(report.Case(name, rate, None, peer, UNIT, None, None))
    return cases


def measure_compilation(is_small: bool) -> list[report.Case]:
    """Measure the first run of the kernels, with an empty cache and with a full one."""
    seconds: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(1 if is_small else RUNS):
        with tempfile.TemporaryDirectory() as cache:
            for runs in seconds.values():
                lines = run_command([sys.executable, str(HERE / "compile_kernels.py")], NUMBA_CACHE_DIR=cache)
                runs.append(lines[-1]["seconds"])
    return [
        report.Case(f"compile, {name} cache", statistics.median(runs), None, "no peer", "CPU s", None, None)
        for name, runs in seconds.items()
    ]
