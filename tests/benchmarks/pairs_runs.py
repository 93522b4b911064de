"""From the tables interactions and vocabulary to edges: the jobs baskets and edges and their peers in turn, as JSON lines.

usage: spark-submit --master local[2] ... tests/benchmarks/pairs_runs.py LAKE SIDE=RUNS...

A SIDE is `ours` or a name of peers_pairs.SIDES; a peer's edges are written beside the lake, in LAKE-SIDE. Each line has the
side, its run and stage, wall and CPU seconds, and the peak memory of the Python processes in GiB.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pairs_lake
import peers_pairs
import process_meter
import synthetic_interactions
from pyspark.sql import SparkSession

from walkgram.config.load import load_config
from walkgram.jobs.registry import load_job
from walkgram.runtime.context import RunOptions
from walkgram.runtime.job import run_job
from walkgram.runtime.session import get_session

WARM_UP = synthetic_interactions.Size(1_000, 2_000, 50_000, 500, 1.0)


def list_actions(spark: SparkSession, side: str, lake: Path) -> dict[str, Callable[[], object]]:
    """Return the stages of a side, by name; ours have the peers' weight and thresholds."""
    if side != "ours":
        return {side: partial(peers_pairs.SIDES[side], spark.newSession(), lake, lake.with_name(f"{lake.name}-{side}"))}
    overrides = [
        f"lake.path={lake}",
        "spark.cache_zip_directories=true",
        "pairs.write_table=false",
        "pmi.weight=pmi_frequency",
        f"edges.min_frequency={peers_pairs.MIN_FREQUENCY}",
        f"edges.min_weight={peers_pairs.MIN_WEIGHT}",
    ]
    config, options = load_config(None, overrides), RunOptions(force=True, log=lambda _: None, show_progress=False)
    return {name: partial(run_job, load_job(name), config, options) for name in ("baskets", "edges")}


def run_side(meter: process_meter.Meter, spark: SparkSession, side: str, lake: Path) -> list[dict[str, Any]]:
    """Run a side once; return a line for each of its stages."""
    lines = []
    for name, action in list_actions(spark, side, lake).items():
        with process_meter.PeakMemory(meter) as peak:
            times = meter.measure(action)
        times["python"] -= peak.seconds
        lines.append({"side": side, "stage": name, "gib": peak.gib} | times)
    return lines


def main() -> None:
    """Run a small lake first, to warm up; then the sides in turn. A side with fewer runs takes part in the last ones."""
    lake, sides = Path(sys.argv[1]), [argument.split("=") for argument in sys.argv[2:]]
    spark = get_session("bench")
    spark.sparkContext.addPyFile(peers_pairs.__file__)
    meter = process_meter.Meter()
    with tempfile.TemporaryDirectory() as scratch:
        interactions = synthetic_interactions.generate_interactions(WARM_UP, 0)
        small = pairs_lake.write_lake(Path(scratch, "small"), *interactions)
        for side, _ in sides:
            for line in run_side(meter, spark, side, small.root):
                print(json.dumps({"run": "warm-up"} | line), flush=True)
    max_runs = max(int(runs) for _, runs in sides)
    for run in range(max_runs):
        for side, runs in sides:
            if run >= max_runs - int(runs):
                for line in run_side(meter, spark, side, lake):
                    print(json.dumps({"run": run} | line), flush=True)


if __name__ == "__main__":
    main()
