"""The cases of bench_walks that run as jobs: edges to walks through Spark, CPU of all processes; and compiling the kernels."""

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
WALKS = 10  # of the stand-in from each node, as many as ours: what it prepares for a batch of steps is shared by them
HERE = Path(__file__).parent
BLOCKS = (1, 4, 16)
UNIT = "M steps per CPU s"
CASE = "Spark, edges to walks in Parquet, p=0.5 q=2"
STAND_IN = "stand-in for GraphFrames' walks (joins, p=q=1, 10 steps)"


def lines(command: list[str], **environment: str) -> list[dict[str, Any]]:
    """The JSON lines that a command prints."""
    own = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(
        command, cwd=report.ROOT, env=os.environ | own | environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def submitted(script: str, *arguments: object, cores: int = 2) -> list[dict[str, Any]]:
    """What a script prints that is submitted as the jobs are, on so many cores."""
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--properties-file", "conf/spark/local.conf"]
    quiet = ["--master", f"local[{cores}]", "--conf", "spark.ui.showConsoleProgress=false"]
    return lines([*submit, *quiet, str(HERE / script), *map(str, arguments)])


def middle(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages of the run whose CPU seconds are the median of all runs."""
    runs = [[line for line in measured if line["run"] == run] for run in range(RUNS)]
    return sorted(runs, key=lambda stages: sum(stage["jvm"] + stage["python"] for stage in stages))[RUNS // 2]


def end_to_end(file: Path, in_memory: float) -> list[report.Case]:
    """Edges to walks against fastnode2vec's `in_memory` rate, and where the CPU seconds went."""
    stages = middle(submitted("end_to_end.py", file, RUNS))
    mine = stages[-1]["steps"] / sum(stage["jvm"] + stage["python"] for stage in stages) / 1e6
    return [
        report.Case(CASE, mine, in_memory, "fastnode2vec in memory, nothing read or written", UNIT, mine / in_memory, 1.0),
        *(
            report.Case(f"of which the job {stage['stage']}, {name}", stage[key], None, "no peer", "CPU s", None, None)
            for stage in stages
            for key, name in (("jvm", "JVM"), ("python", "Python"))
        ),
    ]


def joins(file: Path) -> list[report.Case]:
    """Edges to walks against joins in Spark, on a graph of a tenth, since the joins take long; once."""
    stages = [line for line in submitted("end_to_end.py", file, 1) if line["run"] == 0]
    peer = submitted("peer_joins.py", file, WALKS, 1)[-1]
    mine = stages[-1]["steps"] / sum(stage["jvm"] + stage["python"] for stage in stages) / 1e6
    theirs = peer["steps"] / peer["cpu"] / 1e6
    return [report.Case("the same on a graph of a tenth", mine, theirs, STAND_IN, UNIT, mine / theirs, None)]


def engines(file: Path) -> list[report.Case]:
    """The engine of blocks: what a step costs with more blocks; once each."""
    cases = []
    for line in submitted("end_to_end.py", file, 1, *BLOCKS):
        if line["stage"] == "walks" and line["run"] == 0:
            rate = line["steps"] / (line["jvm"] + line["python"]) / 1e6
            name = f"engine of blocks, {line['blocks']} of them"
            bar = "no peer; bar 0.25" if line["blocks"] == 4 else "no peer"
            cases.append(report.Case(name, rate, None, bar, UNIT, None, None))
    return cases


def compiling(small: bool) -> list[report.Case]:
    """The first run of the kernels, with nothing compiled before and with all of it."""
    seconds: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(1 if small else RUNS):
        with tempfile.TemporaryDirectory() as cache:
            for kept in seconds.values():
                kept.append(lines([sys.executable, str(HERE / "compile_kernels.py")], NUMBA_CACHE_DIR=cache)[-1]["seconds"])
    return [
        report.Case(f"compile, {name} cache", statistics.median(kept), None, "no peer", "CPU s", None, None)
        for name, kept in seconds.items()
    ]
