"""From the tables interactions and vocabulary to edges: the jobs pairs and edges and their peers in turn; JSON lines.

usage: spark-submit --master local[2] ... tests/benchmarks/pairs_in_turn.py LAKE SIDE=RUNS...

A SIDE is `ours` or a name of peers_pairs.SIDES; a peer's edges are written beside the lake, LAKE-SIDE. Each line has the side,
its run and stage, wall and CPU seconds, and the peak memory of the Python processes in GiB.
"""

import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import interactions_made
import pairs_lake
import peers_pairs
import processes
from pyspark.sql import SparkSession

from walkgram.config import load as config
from walkgram.runtime import job, session

WARM_UP = interactions_made.Size(1_000, 2_000, 50_000, 500, 1.0)


def settings(lake: Path) -> config.Config:
    """Our configuration: the peers' weight and cuts."""
    return config.load(
        None,
        [
            f"lake.path={lake}",
            "pairs.write_table=false",
            "pmi.weight=pmi_frequency",
            f"edges.min_frequency={peers_pairs.LEAST_FREQUENCY}",
            f"edges.min_weight={peers_pairs.LEAST_WEIGHT}",
        ],
    )


def stages(meter: processes.Meter, spark: SparkSession, side: str, lake: Path) -> list[dict[str, Any]]:
    """Run a side once; what its stages took."""
    actions: dict[str, Callable[[], object]]
    if side == "ours":
        jobs = [importlib.import_module(name).JOB for name in ("pairs", "edges")]
        actions = {each.name: partial(job.run_job, each, settings(lake), force=True, say=lambda _: None) for each in jobs}
    else:
        out = lake.with_name(f"{lake.name}-{side}")
        actions = {side: partial(peers_pairs.SIDES[side], spark.newSession(), lake, out)}
    found = []
    for name, action in actions.items():
        with processes.Peak(meter) as peak:
            taken = meter.during(action)
        taken["python"] -= peak.cost
        found.append({"side": side, "stage": name, "gib": peak.gib} | taken)
    return found


def main() -> None:
    """A small lake first, so that all is warm; then the sides in turn, as often as asked: the rarer ones in the last runs."""
    sys.path.append(str(Path(__file__).parent.parent.parent / "jobs"))
    lake, asked = Path(sys.argv[1]), [argument.split("=") for argument in sys.argv[2:]]
    spark = session.get_session("bench")
    spark.sparkContext.addPyFile(peers_pairs.__file__)
    meter = processes.Meter()
    with tempfile.TemporaryDirectory() as scratch:
        small = pairs_lake.written(Path(scratch, "small"), *interactions_made.made(WARM_UP, 0))
        for side, _ in asked:
            for line in stages(meter, spark, side, small.root):
                print(json.dumps({"run": "warm-up"} | line), flush=True)
    most = max(int(count) for _, count in asked)
    for run in range(most):
        for side, count in asked:
            if run >= most - int(count):
                for line in stages(meter, spark, side, lake):
                    print(json.dumps({"run": run} | line), flush=True)


if __name__ == "__main__":
    main()
