"""From an `edges` table in Parquet to walks in Parquet: wall and CPU seconds of the jobs graph and walks, as JSON lines.

usage: spark-submit --master local[2] ... tests/benchmarks/end_to_end.py GRAPH.npz RUNS [PARTITIONS...]

With PARTITIONS the partitioned engine walks, once a run with each number of partitions.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import graphs
import lake_tables
import numpy as np
import process_meter
import pyarrow as pa
import pyarrow.dataset as ds

from walkgram import tables
from walkgram.config.load import load_config
from walkgram.config.schema import Config
from walkgram.jobs.base import Job
from walkgram.jobs.registry import load_job
from walkgram.runtime.context import RunOptions
from walkgram.runtime.job import run_job
from walkgram.runtime.session import get_session

SETTINGS = {"num_walks": 10, "walk_length": 80, "p": 0.5, "q": 2.0, "seed": 7}
FILES = 4


def write_lake(root: Path, edges: graphs.Edges) -> Config:
    """Write the tables that the job edges makes of a graph; return the configuration of the jobs that follow."""
    src, dst, weight = edges
    n, order = int(dst.max()) + 1, np.lexsort((edges[1], edges[0]))
    frequency = np.bincount(np.append(src, dst), minlength=n)
    columns = [src[order], dst[order], np.ones(len(src), np.int64), np.log(weight[order]), weight[order]]
    vocabulary = [np.arange(n), np.arange(n), frequency]
    contents = {
        "edges": pa.table([pa.array(values) for values in columns], schema=tables.table_schema("edges")),
        "vocabulary": pa.table(vocabulary, schema=tables.table_schema("vocabulary", pa.int64())),
    }
    lake_tables.write_tables(root, "edges", contents, FILES)
    return load_config(None, [f"lake.path={root}", *(f"walks.{key}={value}" for key, value in SETTINGS.items())])


def count_steps(folder: Path) -> int:
    """Count the steps of a table of walks: all nodes but the first of each walk."""
    batches = ds.dataset(folder, format="parquet").to_batches(columns=["walk"])
    return sum(len(batch["walk"].flatten()) - len(batch) for batch in batches)


def measure_job(meter: process_meter.Meter, job: Job, config: Config) -> dict[str, Any]:
    """Run one job again, even if its tables are up to date; return its times."""
    options = RunOptions(force=True, log=lambda _: None, show_progress=False)
    return {"stage": job.name} | meter.measure(lambda: run_job(job, config, options))


def main() -> None:
    """Run a small graph first, to warm up the JVM and the kernels; then the graph RUNS times, for each number of partitions."""
    jobs = [load_job(name) for name in ("graph", "walks")]
    get_session("bench")
    meter = process_meter.Meter()
    edges = np.load(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        small = write_lake(Path(scratch, "small"), graphs.chung_lu(2000, 20_000, 0))
        for job in jobs:
            print(json.dumps({"run": "warm-up", **measure_job(meter, job, small)}), flush=True)
        config = write_lake(Path(scratch, "lake"), (edges["src"], edges["dst"], edges["weight"]))
        for run in range(int(sys.argv[2])):
            for partitions in map(int, sys.argv[3:] or ["0"]):
                overrides = [f"graph.partitions={partitions}", "walks.engine=partitioned"] if partitions else []
                partitioned = load_config(None, overrides, config.model_dump())
                for job in jobs:
                    line = {"run": run, "partitions": partitions, **measure_job(meter, job, partitioned)}
                    if job.name == "walks":
                        line["steps"] = count_steps(Path(scratch, "lake", "walks"))
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
