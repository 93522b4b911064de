"""The objectives by name."""

import numpy as np
from numpy.typing import NDArray

from walkgram.config.schema import Train
from walkgram.train.examples import Examples
from walkgram.train.loop import Objective
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram

__all__ = ["objective"]


def objective(config: Train, walks: Walks, counts: NDArray[np.int64]) -> Objective:
    """The objective that the configuration names; counts (n,) int64: visits of each node in the walks."""
    if config.objective == "examples":
        return Examples(walks, config)
    return Skipgram(walks, counts, config)
