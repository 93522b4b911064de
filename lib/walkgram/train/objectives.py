"""The objectives by name."""

import os

import numpy as np
from numpy.typing import NDArray

from walkgram.config.training import Train
from walkgram.train.examples import Examples
from walkgram.train.loop import Objective
from walkgram.train.parallel import number
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram, device_of

__all__ = ["objective", "workers"]


def objective(config: Train, walks: Walks, counts: NDArray[np.int64]) -> Objective:
    """The objective that the configuration names; counts (n,) int64: visits of each node in the walks."""
    if config.objective == "skipgram":
        return Skipgram(walks, counts, config)
    return Examples(walks, config)


def workers(config: Train) -> int:
    """Threads that train in this process."""
    if config.objective != "skipgram" or config.deterministic or device_of(config) != "cpu":
        return 1  # a device has one thread that drives it
    return config.workers or max(1, (os.cpu_count() or 1) // number(os.environ, "LOCAL_WORLD_SIZE", 1))  # torchrun's
