"""Skip-gram in batches of walks whose gradients are taken together: on a GPU by fused Triton kernels, elsewhere in plain torch.

The draws are those of the fused kernel on the CPU; what differs is that a batch of walks moves the tables at once.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from walkgram.config.train import Train
from walkgram.kernels.sgns import batches, tiles, torch_step
from walkgram.kernels.sgns.cpu import RaggedWalks, SgnsParams
from walkgram.kernels.sgns.torch_step import NO_CURVATURE
from walkgram.train.data.walks import WalkBatch
from walkgram.train.state import StepResult

__all__ = ["BatchedSkipgram"]


class BatchedSkipgram:
    """The tables on a device. Memory there: the tables, 4 or 8 bytes a row, and what a batch needs (`triton_step`)."""

    def __init__(self, vector: Tensor, context: Tensor, law: SgnsParams, config: Train, device: str) -> None:
        self.law, self.config, self.device = law, config, torch.device(device)
        if device == "cuda":  # by its number: a thread that steps has another current device than the one that made this
            self.device = torch.device("cuda", torch.cuda.current_device())
        kind = getattr(torch, config.dtype) if device == "cuda" else torch.float32
        self.vector, self.context = (table.to(self.device, kind, copy=True) for table in (vector, context))
        self.weights = law.window_weights[config.window :]  # by distance from 0
        self.thinned = bool((law.keep_probability < 1).any())
        self.on_device = torch.from_numpy(self.weights).to(self.device)
        self.spare = torch.zeros(len(vector), dtype=torch.int32 if device == "cuda" else torch.float32, device=self.device)
        self.taken = 0

    def step(self, chunk: WalkBatch, keys: tuple[int, int], rate: float, pace: Tensor = NO_CURVATURE) -> StepResult:
        """One step of all walks of a chunk; keys: seeds of negatives and of subsampling; pace: `sgns.step`'s."""
        tokens = int(chunk.lengths.sum())
        if self.thinned:
            walks = RaggedWalks(chunk.values, chunk.starts, chunk.lengths, chunk.walk_ids)
            values, starts, lengths, _ = batches.subsample_walks(walks, self.law.keep_probability, keys[1])
            chunk = WalkBatch(chunk.walk_ids, starts, lengths, values)
        chunk = chunk.take(chunk.lengths > 1)
        if not len(chunk.walk_ids):
            return StepResult(0.0, 0.0, tokens)
        padded = chunk.padded()
        most = -(-padded.rows.shape[1] // self.law.tile_size)
        noise = batches.draw_negatives(chunk.walk_ids, most, self.law.shared_negatives, self.law.alias_table, keys[0])
        self.taken += 1
        loss, weight = (self.fused if self.device.type == "cuda" else self.plain)(
            padded.rows, padded.lengths, noise, rate, pace
        )
        return StepResult(loss, weight, tokens)

    def fused(self, rows: Any, lengths: Any, noise: Any, rate: float, pace: Tensor) -> tuple[float, float]:
        """By the Triton kernels."""
        from walkgram.kernels.sgns import triton_step

        on = (torch.from_numpy(a).to(self.device) for a in (rows.astype(np.int32), lengths.astype(np.int32), noise))
        both, batch = (self.vector, self.context), triton_step.TritonBatch(*on)
        params = triton_step.TritonParams(self.on_device, self.law.tile_size, self.negatives)
        asked = pace if pace.shape[1] else None
        step = triton_step.step_batch(both, batch, params, rate, self.spare, seed=self.taken, step_curvature=asked)
        found = step.tolist()
        return float(found[0]), float(found[1])

    def plain(self, rows: Any, lengths: Any, noise: Any, rate: float, pace: Tensor) -> tuple[float, float]:
        """By products of torch."""
        cut = tiles.cut_tiles(rows, lengths, self.law.tile_size, self.weights)
        drawn = noise[cut.walk_index, cut.tile_index].astype(np.int64)
        places = torch_step.TileIndices(
            *(torch.from_numpy(a).to(self.device) for a in (cut.centre_rows, cut.context_rows, drawn, cut.pair_weights))
        )
        loss, weight = torch_step.step_batch(self.vector, self.context, places, self.negatives, rate, self.spare, pace)
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
