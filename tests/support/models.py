"""Small objectives, and a place for checkpoints in memory, for the tests of the training loop."""

import io
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import torch

from support.oracles import MemoryShard
from walkgram.config.train import KerasNode2Vec as ExamplesConfig
from walkgram.config.train import Skipgram as SkipgramConfig
from walkgram.config.train import Train
from walkgram.train import loop
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.keras_node2vec import KerasNode2Vec
from walkgram.train.models.skipgram import Skipgram

N = 12
WALKS = [(i, [(i + s * (1 + i % 3)) % N for s in range(3 + i % 6)]) for i in range(60)]
Make = Callable[..., loop.LoopModel]


def walks() -> WalkDataset:
    return WalkDataset([MemoryShard([WALKS[:25], WALKS[25:]])], np.arange(N))


def examples(rate: float = 1e-2, size: int = 16) -> loop.LoopModel:
    recipe = ExamplesConfig(batch_size=size, shuffle_buffer=64, learning_rate=rate)
    return KerasNode2Vec(walks(), Train(dim=4, epochs=5, window=2, negatives=2, keras_node2vec=recipe))


def skipgram(rate: float = 0.1) -> loop.LoopModel:
    options = SkipgramConfig(batch_walks=4, shared_negatives=8, learning_rate=rate)
    return Skipgram(walks(), np.arange(1, N + 1), Train(dim=4, epochs=5, window=2, negatives=2, skipgram=options))


class Memory:
    """A place for checkpoints that cuts the power after so many of them are saved."""

    def __init__(self, power: int = 1000, **mark: Any) -> None:
        self.data: bytes | None = None
        self.power, self.saved, self.mark = power, 0, {"dim": 4, **mark}

    def load(self) -> IO[bytes] | None:
        return None if self.data is None else io.BytesIO(self.data)

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        buffer = io.BytesIO()
        write(buffer)
        self.data, self.saved = buffer.getvalue(), self.saved + 1
        if self.saved == self.power:
            raise KeyboardInterrupt

    def checkpoints(self, **mark: Any) -> Checkpoints:
        return Checkpoints("memory:train.pt", self.load, self.save, {**self.mark, **mark})


def same(a: loop.LoopModel, b: loop.LoopModel) -> bool:
    pairs = zip(a.vectors(), b.vectors(), strict=True)
    return all((x is None and y is None) or (x is not None and y is not None and torch.equal(x, y)) for x, y in pairs)
