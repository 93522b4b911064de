"""Objective `skipgram`: word2vec's skip-gram with negative sampling, streamed over batches of whole walks."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import hashing
from walkgram.config.schema import Train
from walkgram.kernels import negatives, sgns, windows
from walkgram.train.shards import Batch, Walks

__all__ = ["Skipgram"]


class Skipgram:
    """In and out tables (n, dim) float32; plain steps whose rate falls linearly from learning_rate to min_learning_rate."""

    def __init__(self, walks: Walks, counts: NDArray[np.int64], config: Train) -> None:
        self.walks, self.config, self.options = walks, config, config.skipgram
        self.unigram = negatives.unigram(counts, self.options.exponent)
        uniform = hashing.unit_matrix(hashing.purpose(config.seed, "tables"), len(counts), config.dim, 0)
        self.vector = torch.from_numpy((uniform - 0.5) / config.dim).float()
        self.context = torch.zeros_like(self.vector)
        self.order_seed = hashing.purpose(config.seed, "order")
        self.negatives_seed = hashing.purpose(config.seed, "negatives")
        self.scratch = torch.zeros(len(counts))
        self.bands: dict[int, Tensor] = {}
        self.taken = 0  # steps so far: the key of the negatives' draws

    def steps(self) -> int:
        """Batches of an epoch."""
        return self.walks.count(self.options.batch_walks)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Batches of walks in the order of (seed, epoch)."""
        return self.walks.batches(self.options.batch_walks, self.order_seed, epoch)

    @torch.no_grad()
    def step(self, batch: Batch, progress: float) -> tuple[float, float]:
        """One step down the gradient of the batch."""
        rate = max(self.options.min_learning_rate, self.options.learning_rate * (1 - progress))
        rows, length = torch.from_numpy(batch.rows), batch.rows.shape[1]
        if length not in self.bands:
            self.bands[length] = torch.from_numpy(windows.band(length, self.config.window))
        weights = sgns.pair_weights(self.bands[length], torch.from_numpy(batch.lengths))
        shared = torch.from_numpy(
            self.unigram.draw(self.negatives_seed, self.taken, self.options.shared_negatives if self.config.negatives else 0)
        )
        found = sgns.gradients(self.vector[rows], self.context[rows], self.context[shared], weights, self.config.negatives)
        flat = rows.reshape(-1)
        sgns.climb(self.vector, flat, found.centre.flatten(0, 1), found.centre_curvature.flatten(), rate, self.scratch)
        directions = torch.cat([found.context.flatten(0, 1), found.negative])
        curvatures = torch.cat([found.context_curvature.flatten(), found.negative_curvature])
        sgns.climb(self.context, torch.cat([flat, shared]), directions, curvatures, rate, self.scratch)
        self.taken += 1
        return float(found.loss), float(found.weight)

    def state(self) -> dict[str, Any]:
        """Both tables and the steps taken."""
        return {"vector": self.vector, "context": self.context, "taken": self.taken}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self.vector.copy_(state["vector"])
        self.context.copy_(state["context"])
        self.taken = int(state["taken"])

    def counts(self) -> dict[str, int]:
        """Batches so far."""
        return {"batches": self.taken}

    def vectors(self) -> tuple[Tensor, Tensor]:
        """The in table and the out table."""
        return self.vector, self.context
