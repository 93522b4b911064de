"""walks, tokens -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from walkgram import job, training
from walkgram.config import Config

IMPORTED = time.monotonic()


def run(run: job.Run) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    trained = training.train(run, IMPORTED)
    training.write(run, trained)
    losses = [epoch.loss for epoch in trained.epochs]
    loss = {"first loss": f"{losses[0]:.4f}", "last loss": f"{losses[-1]:.4f}"}
    return {"nodes": len(trained.nodes), "epochs": len(losses), **loss, **trained.counts}


def reads(config: Config) -> tuple[str, ...]:
    """A warm start gives new items the mean of their neighbours."""
    return ("vocabulary", "walks", "tokens", *(["edges"] if config.train.warm_start else []))


JOB = job.Job("train", __doc__, run, ("train",), reads, lambda _: ("embeddings", "losses"))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
