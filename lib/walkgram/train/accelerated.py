"""Skip-gram in batches of walks whose gradients are taken together: on a GPU by fused Triton kernels, elsewhere in plain torch.

The draws are those of the fused kernel on the CPU; what differs is that a batch of walks moves the tables at once.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from walkgram.config.training import Train
from walkgram.kernels import batches, sgns, tiles
from walkgram.kernels.fused import Law
from walkgram.kernels.sgns import UNASKED
from walkgram.train.place import Step
from walkgram.train.shards import Chunk

__all__ = ["Accelerated"]


class Accelerated:
    """The tables on a device. Memory there: the tables, 4 or 8 bytes a row, and what a batch needs (`sgns_triton.step`)."""

    def __init__(self, vector: Tensor, context: Tensor, law: Law, config: Train, device: str) -> None:
        self.law, self.config, self.device = law, config, torch.device(device)
        if device == "cuda":  # by its number: a thread that steps has another current device than the one that made this
            self.device = torch.device("cuda", torch.cuda.current_device())
        kind = getattr(torch, config.dtype) if device == "cuda" else torch.float32
        self.vector, self.context = (table.to(self.device, kind, copy=True) for table in (vector, context))
        self.weights = law.weights[config.window :]  # by distance from 0
        self.thinned = bool((law.keep < 1).any())
        self.on_device = torch.from_numpy(self.weights).to(self.device)
        self.spare = torch.zeros(len(vector), dtype=torch.int32 if device == "cuda" else torch.float32, device=self.device)
        self.taken = 0

    def step(self, chunk: Chunk, keys: tuple[int, int], rate: float, pace: Tensor = UNASKED) -> Step:
        """One step of all walks of a chunk; keys: seeds of negatives and of subsampling; pace: `sgns.step`'s."""
        tokens = int(chunk.lengths.sum())
        if self.thinned:
            values, starts, lengths = batches.thinned(
                chunk.values, chunk.starts, chunk.lengths, chunk.walk_ids, self.law.keep, keys[1]
            )
            chunk = Chunk(chunk.walk_ids, starts, lengths, values)
        chunk = chunk.take(chunk.lengths > 1)
        if not len(chunk.walk_ids):
            return Step(0.0, 0.0, tokens)
        padded = chunk.padded()
        most = -(-padded.rows.shape[1] // self.law.tile)
        noise = batches.noise(chunk.walk_ids, most, self.law.shared, self.law.slots, keys[0])
        self.taken += 1
        loss, weight = (self.fused if self.device.type == "cuda" else self.plain)(
            padded.rows, padded.lengths, noise, rate, pace
        )
        return Step(loss, weight, tokens)

    def fused(self, rows: Any, lengths: Any, noise: Any, rate: float, pace: Tensor) -> tuple[float, float]:
        """By the Triton kernels."""
        from walkgram.kernels import sgns_triton

        on = (torch.from_numpy(a).to(self.device) for a in (rows.astype(np.int32), lengths.astype(np.int32), noise))
        both, batch, tile = (self.vector, self.context), sgns_triton.Batch(*on), self.law.tile
        asked = pace if pace.shape[1] else None
        step = sgns_triton.step(
            both, batch, self.on_device, tile, self.negatives, rate, self.spare, seed=self.taken, pace=asked
        )
        found = step.tolist()
        return float(found[0]), float(found[1])

    def plain(self, rows: Any, lengths: Any, noise: Any, rate: float, pace: Tensor) -> tuple[float, float]:
        """By products of torch."""
        cut = tiles.tiles(rows, lengths, self.law.tile, self.weights)
        drawn = noise[cut.walk, cut.number].astype(np.int64)
        places = sgns.Places(*(torch.from_numpy(a).to(self.device) for a in (cut.centre, cut.context, drawn, cut.weights)))
        loss, weight = sgns.step(self.vector, self.context, places, self.negatives, rate, self.spare, pace)
        return float(loss), float(weight)

    @property
    def negatives(self) -> float:
        """Their weight a context."""
        return float(self.config.negatives)

    def fetch(self, vector: Tensor, context: Tensor) -> None:
        """Copy the tables into these, float32 on the CPU."""
        vector.copy_(self.vector)
        context.copy_(self.context)

    def load(self, vector: Tensor, context: Tensor) -> None:
        """Take over the tables."""
        self.vector.copy_(vector)
        self.context.copy_(context)
