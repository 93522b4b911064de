"""walks, tokens -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from walkgram.config import Config
from walkgram.runtime import job, launch
from walkgram.train.models.registry import check_config

IMPORTED = time.monotonic()


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    return launch.launch_training(run, IMPORTED)


def reads(config: Config) -> Sequence[str]:
    """Return the tables that the model reads."""
    return check_config(config.train).reads(config.train)


def writes(config: Config) -> Sequence[str]:
    """Return the tables that the model writes, and the losses of the loop."""
    spec = check_config(config.train)
    return (*spec.writes(config.train), *(["losses"] if spec.build else []))


JOB = job.Job("train", __doc__, run, ("train",), reads, writes)

if __name__ == "__main__":
    sys.exit(launch.run_train_main(JOB, IMPORTED))
