"""edges -> graph: CSR rows with alias slots and an edge filter, as block files that the walkers map."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.stages import graph


def run(run: job.Run) -> Mapping[str, Any]:
    """Write the graph's block."""
    steps = graph.both_ways(run.read("edges"))
    summary = graph.graph(steps, run.rows("vocabulary"), run.blocks("graph"), symmetric=True).collect()[0]
    run.out.rows["graph"] = summary["edges"]
    return {"nodes": summary["nodes"], "steps": summary["edges"], "largest degree": summary["largest_degree"]}


JOB = job.Job("graph", __doc__, run, (), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
