"""edges -> graph: CSR rows with alias slots and an edge filter, as block files that the walkers map."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.errors import ConfigError
from walkgram.stages import graph


def run(run: job.Run) -> Mapping[str, Any]:
    """Write the graph's block."""
    directed = run.config.graph.directed
    if run.inputs["edges"].config.get("graph", {}).get("directed", False) != directed:
        wanted, found = ("true", "undirected") if directed else ("false", "directed")
        raise ConfigError(f"graph.directed = {wanted}, but the lake's edges are {found}: make them anew, or change the key")
    steps = run.read("edges") if directed else graph.both_ways(run.read("edges"))
    summary = graph.graph(steps, run.rows("vocabulary"), run.blocks("graph"), symmetric=not directed).collect()[0]
    run.out.rows["graph"] = summary["edges"]
    return {"nodes": summary["nodes"], "steps": summary["edges"], "largest degree": summary["largest_degree"]}


JOB = job.Job("graph", __doc__, run, ("graph",), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
