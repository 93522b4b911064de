"""embeddings -> neighbours: the k nearest items of every item by a metric, exactly."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from walkgram.errors import ConfigError
from walkgram.jobs.base import Job, JobContext
from walkgram.kernels.knn.registry import find_metric
from walkgram.stages.similarity.neighbours import find_neighbours

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Join the embeddings with themselves."""
    num_items = context.rows("embeddings")
    table = find_neighbours(context, context.read("embeddings"), num_items, context.config.neighbours)
    return {"items": num_items, "rows": context.write("neighbours", table)}


def check(config: "Config") -> None:
    """Raise `ConfigError` for an unknown metric."""
    try:
        find_metric(config.neighbours.metric)
    except ConfigError as error:
        raise ConfigError(f"neighbours.metric: {error}") from None


JOB = Job("neighbours", __doc__, run, ("neighbours",), lambda _: ("embeddings",), lambda _: ("neighbours",), check=check)
