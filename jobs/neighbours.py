"""embeddings -> neighbours: the k nearest items of every item by cosine, exactly."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram.runtime import job
from walkgram.stages.similarity import neighbours


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Join the embeddings with themselves."""
    items = run.rows("embeddings")
    table = neighbours.find_neighbours(run, run.read("embeddings"), items, run.config.neighbours)
    return {"items": items, "rows": run.write("neighbours", table)}


JOB = job.Job("neighbours", __doc__, run, ("neighbours",), lambda _: ("embeddings",), lambda _: ("neighbours",))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
