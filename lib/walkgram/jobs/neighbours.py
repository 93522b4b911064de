"""embeddings -> neighbours: the k nearest items of every item by cosine, exactly."""

from collections.abc import Mapping
from typing import Any

from walkgram.jobs.base import Job, JobContext
from walkgram.stages.similarity import join


def run(context: JobContext) -> Mapping[str, Any]:
    """Write the unit vectors in blocks, join every block with all."""
    config, num_items = context.config.neighbours, context.rows("embeddings")
    rows = join.number_rows(context.read("embeddings"))
    num_blocks = -(-num_items // config.block_rows)
    vectors = context.scratch("vectors")
    join.write_vectors(rows, num_blocks, config.block_rows, vectors).collect()
    table = join.join_top_k(context.tasks(num_blocks), rows, num_blocks, config.block_rows, config.k, vectors)
    return {"items": num_items, "rows": context.write("neighbours", table)}


JOB = Job("neighbours", __doc__, run, ("neighbours",), lambda _: ("embeddings",), lambda _: ("neighbours",))
