"""From an `edges` table in Parquet to walks in Parquet: the jobs graph and walks in Spark, wall and CPU seconds as JSON lines.

usage: spark-submit --master local[2] ... tests/benchmarks/end_to_end.py GRAPH.npz RUNS [BLOCKS...]

With BLOCKS the walks are made by the engine of blocks, each number of blocks once a run.
"""

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import graphs
import lakes
import numpy as np
import processes
import pyarrow as pa
import pyarrow.dataset as ds

from walkgram import tables
from walkgram.config import load as config
from walkgram.runtime import job, session

SETTINGS = {"num_walks": 10, "walk_length": 80, "p": 0.5, "q": 2.0, "seed": 7}
FILES = 4


def lake(root: Path, edges: graphs.Edges) -> config.Config:
    """A lake that holds the tables which the job edges would have made of a graph, and the configuration of what follows."""
    src, dst, weight = edges
    n, order = int(dst.max()) + 1, np.lexsort((edges[1], edges[0]))
    frequency = np.bincount(np.append(src, dst), minlength=n)
    rows = [src[order], dst[order], np.ones(len(src), np.int64), np.log(weight[order]), weight[order]]
    made = {
        "edges": pa.table([pa.array(values) for values in rows], schema=tables.table_schema("edges")),
        "vocabulary": pa.table([np.arange(n), np.arange(n), frequency], schema=tables.table_schema("vocabulary", pa.int64())),
    }
    lakes.written(root, "edges", made, FILES)
    return config.load(None, [f"lake.path={root}", *(f"walks.{key}={value}" for key, value in SETTINGS.items())])


def steps(folder: Path) -> int:
    """Steps of a table of walks: its nodes without the first of each walk."""
    batches = ds.dataset(folder, format="parquet").to_batches(columns=["walk"])
    return sum(len(batch["walk"].flatten()) - len(batch) for batch in batches)


def measured(meter: processes.Meter, stage: job.Job, settings: config.Config) -> dict[str, Any]:
    """Run one job again, whatever the lake holds; what it took."""
    return {"stage": stage.name} | meter.during(lambda: job.run_job(stage, settings, force=True, say=lambda _: None))


def main() -> None:
    """A small graph first, so that the JVM and the kernels are warm; then RUNS times the graph, for each number of blocks."""
    sys.path.append(str(Path(__file__).parent.parent.parent / "jobs"))
    stages = [importlib.import_module(name).JOB for name in ("graph", "walks")]
    session.get_session("bench")
    meter = processes.Meter()
    held = np.load(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        small = lake(Path(scratch, "small"), graphs.chung_lu(2000, 20_000, 0))
        for stage in stages:
            print(json.dumps({"run": "warm-up", **measured(meter, stage, small)}), flush=True)
        settings = lake(Path(scratch, "lake"), (held["src"], held["dst"], held["weight"]))
        for run in range(int(sys.argv[2])):
            for blocks in map(int, sys.argv[3:] or ["0"]):
                own = [f"graph.partitions={blocks}", "walks.engine=partitioned"] if blocks else []
                changed = config.load(None, own, settings.model_dump())
                for stage in stages:
                    line = {"run": run, "blocks": blocks, **measured(meter, stage, changed)}
                    if stage.name == "walks":
                        line["steps"] = steps(Path(scratch, "lake", "walks"))
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
