"""walks, node_visits -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from walkgram.jobs.base import Job, JobContext

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    from walkgram.runtime import launch

    return launch.launch_training(context)


def reads(config: "Config") -> tuple[str, ...]:
    """Return the tables: the edges only for a warm start, which gives new items the mean of their neighbours."""
    return ("vocabulary", "walks", "node_visits", *(["edges"] if config.train.warm_start else []))


JOB = Job("train", __doc__, run, ("train",), reads, lambda _: ("embeddings", "losses"))
