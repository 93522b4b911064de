"""Small models, and a checkpoint slot in memory, for the tests of the training loop."""

import io
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from support.oracles import MemoryShard
from walkgram.config.train import KerasNode2VecConfig as KerasConfig
from walkgram.config.train import SkipgramConfig, Train
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.keras_node2vec import KerasNode2Vec
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.placement.replicated import Replicated

N = 12
WALKS = [(i, [(i + s * (1 + i % 3)) % N for s in range(3 + i % 6)]) for i in range(60)]
Model = KerasNode2Vec | Skipgram
Make = Callable[..., Any]


def make_walks() -> WalkDataset:
    return WalkDataset([MemoryShard([WALKS[:25], WALKS[25:]])], np.arange(N))


def make_keras_node2vec(rate: float = 1e-2, size: int = 16) -> KerasNode2Vec:
    recipe = KerasConfig(batch_size=size, shuffle_buffer=64, learning_rate=rate)
    return KerasNode2Vec(make_walks(), Train(dim=4, epochs=5, window=2, negatives=2, keras_node2vec=recipe))


def make_counts() -> NDArray[np.int64]:
    return np.arange(1, N + 1)


def make_skipgram(rate: float = 0.1, sync_tokens: float = 2.0) -> Skipgram:
    options = SkipgramConfig(batch_walks=4, shared_negatives=8, learning_rate=rate)
    config = Train(dim=4, epochs=5, window=2, negatives=2, sync_tokens=sync_tokens, skipgram=options)
    return Skipgram(make_walks(), make_counts(), config)


def get_replicated(model: Skipgram) -> Replicated:
    assert isinstance(model.placement, Replicated)
    return model.placement


class MemorySlot:
    """A checkpoint slot in memory that interrupts the run after so many checkpoints are saved."""

    place = "memory:train.pt"

    def __init__(self, interrupt_after: int = 1000, **config_key: Any) -> None:
        self.data: bytes | None = None
        self.interrupt_after, self.num_saved = interrupt_after, 0
        self.config_key = {"dim": 4, **config_key}

    def load(self) -> IO[bytes] | None:
        return None if self.data is None else io.BytesIO(self.data)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        buffer = io.BytesIO()
        write(buffer)
        self.data, self.num_saved = buffer.getvalue(), self.num_saved + 1
        if self.num_saved == self.interrupt_after:
            raise KeyboardInterrupt

    def checkpoints(self, **config_key: Any) -> Checkpoints:
        return Checkpoints(self, {**self.config_key, **config_key})


def have_equal_vectors(a: Model, b: Model) -> bool:
    pairs = zip(a.vectors(), b.vectors(), strict=True)
    return all((x is None and y is None) or (x is not None and y is not None and torch.equal(x, y)) for x, y in pairs)
