"""walks, tokens -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from walkgram.config import Config
from walkgram.runtime import job, launch

IMPORTED = time.monotonic()


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    return launch.launch_training(run, IMPORTED)


def reads(config: Config) -> tuple[str, ...]:
    """A warm start gives new items the mean of their neighbours."""
    return ("vocabulary", "walks", "node_visits", *(["edges"] if config.train.warm_start else []))


JOB = job.Job("train", __doc__, run, ("train",), reads, lambda _: ("embeddings", "losses"))

if __name__ == "__main__":
    sys.exit(launch.run_train_main(JOB, IMPORTED))
