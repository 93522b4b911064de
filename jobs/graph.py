"""edges -> graph: CSR rows with alias slots, as block files that the walkers map."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.stages import graph


def run(run: job.Run) -> Mapping[str, Any]:
    """Write the graph's blocks."""
    steps = graph.both_ways(run.read("edges"))
    summary = graph.graph(steps, run.rows("vocabulary"), run.config.graph.blocks, run.blocks("graph")).collect()
    run.out.rows["graph"] = sum(row["edges"] for row in summary)
    return {
        "nodes": sum(row["nodes"] for row in summary),
        "steps": sum(row["edges"] for row in summary),
        "largest degree": max(row["largest_degree"] for row in summary),
        "blocks": len(summary),
    }


JOB = job.Job("graph", __doc__, run, ("graph",), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
