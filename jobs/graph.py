"""edges -> graph: CSR rows with alias slots and an edge filter, as block files that the walkers map."""

import math
import sys
from collections.abc import Mapping
from typing import Any

from walkgram.errors import InputError
from walkgram.runtime import job, session
from walkgram.stages.graph import build
from walkgram.stages.workers import TaskSetup


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Write the graph's blocks: parts, then the nodes, then blocks out of parts."""
    config, n, directed = run.config.graph, run.rows("vocabulary"), bool(run.inputs["edges"].counts.get("directed", False))
    steps = run.rows("edges") * (1 if directed else 2)
    room = 1024 * config.partition_gib or session.memory(run.spark) / 2
    count = min(n, config.partitions or max(1, math.ceil(build.estimate_mib(n, steps, directed) / room)))
    among = count * max(1, -(-steps // (build.PART_EDGES * count)))
    made, setup = run.scratch("parts"), TaskSetup.from_config(run.config.spark)
    parts = build.write_parts(run.read("edges"), among, n, directed, made, setup).collect()
    if not parts:
        raise InputError("table edges has no rows: a graph needs an edge")
    numbers = sorted(row["part"] for row in parts)
    equal = min(row["lightest"] for row in parts) == max(row["heaviest"] for row in parts)
    nodes = build.write_nodes(run.tasks(1), numbers, among, n, made, run.blocks("graph", "nodes"), setup).collect()[0]["nodes"]
    layout = build.GraphLayout(count, among, n, directed, equal, config.reverse_probabilities)
    build.write_partitions(run.tasks(count), numbers, layout, made, run.blocks("graph"), setup).collect()
    run.out.rows["graph"] = sum(row["edges"] for row in parts)
    largest = max(row["largest_degree"] for row in parts)
    return {"nodes": nodes, "steps": run.out.rows["graph"], "largest degree": largest, "blocks": count}


JOB = job.Job("graph", __doc__, run, ("graph",), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
