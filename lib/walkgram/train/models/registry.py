"""The objectives by name."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from walkgram.config.train import Train
from walkgram.train.checkpoint import CheckpointSlot
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup, read_int_variable
from walkgram.train.loop import LoopModel
from walkgram.train.models.keras_node2vec import KerasNode2Vec
from walkgram.train.models.skipgram import Skipgram, choose_device
from walkgram.train.models.skipgram_sharded import RowShardedSkipgram

__all__ = ["count_workers", "make_model"]


def make_model(
    config: Train, walks: WalkDataset, counts: NDArray[np.int64], peers: ProcessGroup, kept: Sequence[CheckpointSlot]
) -> LoopModel:
    """The objective that the configuration names; counts (n,) int64: visits of each node in the walks.

    kept: two places beside the checkpoint, for what this process alone has of it.
    """
    if config.placement == "row_sharded":
        return RowShardedSkipgram(walks, counts, config, peers, kept)
    if config.model == "skipgram":
        return Skipgram(walks, counts, config)
    return KerasNode2Vec(walks, config)


def count_workers(config: Train) -> int:
    """Threads that train in this process."""
    if (
        config.model != "skipgram"
        or config.deterministic
        or config.placement == "row_sharded"
        or choose_device(config) != "cpu"
    ):
        return 1  # a device has one thread that drives it; processes that borrow rows of each other do so in turn
    return config.workers or max(1, (os.cpu_count() or 1) // read_int_variable(os.environ, "LOCAL_WORLD_SIZE", 1))  # torchrun's
