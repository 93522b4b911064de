"""The objectives by name."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from walkgram.config.training import Train
from walkgram.train.borrowed import Borrowed
from walkgram.train.examples import Examples
from walkgram.train.loop import Objective
from walkgram.train.parallel import Peers, number
from walkgram.train.saved import Kept
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram, device_of

__all__ = ["objective", "workers"]


def objective(config: Train, walks: Walks, counts: NDArray[np.int64], peers: Peers, kept: Sequence[Kept]) -> Objective:
    """The objective that the configuration names; counts (n,) int64: visits of each node in the walks.

    kept: two places beside the checkpoint, for what this process alone has of it.
    """
    if config.tables == "sharded":
        return Borrowed(walks, counts, config, peers, kept)
    if config.objective == "skipgram":
        return Skipgram(walks, counts, config)
    return Examples(walks, config)


def workers(config: Train) -> int:
    """Threads that train in this process."""
    if config.objective != "skipgram" or config.deterministic or config.tables == "sharded" or device_of(config) != "cpu":
        return 1  # a device has one thread that drives it; processes that borrow rows of each other do so in turn
    return config.workers or max(1, (os.cpu_count() or 1) // number(os.environ, "LOCAL_WORLD_SIZE", 1))  # torchrun's
