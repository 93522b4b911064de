"""embeddings -> neighbours: the k nearest items of every item by cosine, exactly."""

from collections.abc import Mapping
from typing import Any

from walkgram.jobs.base import Job, JobContext
from walkgram.stages.similarity.neighbours import find_neighbours


def run(context: JobContext) -> Mapping[str, Any]:
    """Join the embeddings with themselves."""
    num_items = context.rows("embeddings")
    table = find_neighbours(context, context.read("embeddings"), num_items, context.config.neighbours)
    return {"items": num_items, "rows": context.write("neighbours", table)}


JOB = Job("neighbours", __doc__, run, ("neighbours",), lambda _: ("embeddings",), lambda _: ("neighbours",))
