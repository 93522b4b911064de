"""embeddings -> neighbours: the k nearest items of every item by cosine, exactly."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram.runtime import job
from walkgram.stages.similarity import join


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Lay the unit vectors out in blocks, join every block with all."""
    config = run.config.neighbours
    rows = join.number_rows(run.read("embeddings"))
    blocks = -(-run.rows("embeddings") // config.block_rows)
    store = run.scratch("vectors")
    join.write_vectors(rows, blocks, config.block_rows, store).collect()
    table = join.join_top_k(run.tasks(blocks), rows, blocks, config.block_rows, config.k, store)
    return {"items": run.rows("embeddings"), "rows": run.write("neighbours", table)}


JOB = job.Job("neighbours", __doc__, run, ("neighbours",), lambda _: ("embeddings",), lambda _: ("neighbours",))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
