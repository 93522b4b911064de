"""edges -> graph: CSR rows with alias slots and an edge filter, as block files that the walkers map."""

import math
import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job, session
from walkgram.errors import InputError
from walkgram.stages import graph


def run(run: job.Run) -> Mapping[str, Any]:
    """Write the graph's blocks: parts, then the nodes, then blocks out of parts."""
    config, n, directed = run.config.graph, run.rows("vocabulary"), bool(run.inputs["edges"].counts.get("directed", False))
    steps = run.rows("edges") * (1 if directed else 2)
    room = 1024 * config.block_gib or session.min_host_memory_mib(run.spark) / 2
    count = min(n, config.blocks or max(1, math.ceil(graph.megabytes(n, steps, directed) / room)))
    among = count * max(1, -(-steps // (graph.PART * count)))
    made = run.scratch("parts")
    parts = graph.dealt(run.read("edges"), among, n, directed, made).collect()
    if not parts:
        raise InputError("table edges has no rows: a graph needs an edge")
    numbers = sorted(row["part"] for row in parts)
    equal = min(row["lightest"] for row in parts) == max(row["heaviest"] for row in parts)
    nodes = graph.nodes(run.tasks(1), numbers, among, n, made, run.blocks("graph", "nodes")).collect()[0]["nodes"]
    shape = (count, among, n)
    graph.blocks(run.tasks(count), numbers, shape, equal, directed, config.way_back, made, run.blocks("graph")).collect()
    run.out.rows["graph"] = sum(row["edges"] for row in parts)
    largest = max(row["largest_degree"] for row in parts)
    return {"nodes": nodes, "steps": run.out.rows["graph"], "largest degree": largest, "blocks": count}


JOB = job.Job("graph", __doc__, run, ("graph",), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
