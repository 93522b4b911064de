"""Skip-gram in batches of walks whose gradients are summed: on a GPU by fused Triton kernels, elsewhere in plain torch.

The draws are those of the fused CPU kernel; the difference is that a batch of walks moves the tables in one step.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from walkgram.kernels.sgns import batches, tiles, torch_step
from walkgram.kernels.sgns.params import RaggedWalks
from walkgram.train.data.walks import WalkBatch
from walkgram.train.distributed import SINGLE_PROCESS
from walkgram.train.placement.base import NumberedBatch, Schedule, TableSetup
from walkgram.train.placement.replicated import Replicated
from walkgram.train.replica_sync import ReplicaSync
from walkgram.train.state import StepResult

__all__ = ["ReplicatedOnDevice"]


class ReplicatedOnDevice(Replicated):
    """Replicated tables on a device, and a copy of them on the CPU.

    Memory on the device: the tables, 4 or 8 bytes a row, and what a batch needs (`triton_step.step_batch`).
    """

    def __init__(self, setup: TableSetup, device: str = "cuda") -> None:
        super().__init__(setup)
        params, config = setup.params, setup.config
        self.device = device
        is_cuda = device == "cuda"
        # By its number: a thread that steps has another current device than the one that built this.
        self.torch_device = torch.device("cuda", torch.cuda.current_device()) if is_cuda else torch.device(device)
        dtype = getattr(torch, config.dtype) if is_cuda else torch.float32
        self.device_vector = self.vector.to(self.torch_device, dtype, copy=True)
        self.device_context = self.context.to(self.torch_device, dtype, copy=True)
        self.weights = params.window_weights[config.window :]  # by distance from 0
        self.device_weights = torch.from_numpy(self.weights).to(self.torch_device)
        self.is_subsampled = bool((params.keep_probability < 1).any())
        scratch_dtype = torch.int32 if is_cuda else torch.float32
        self.scratch = torch.zeros(len(self.vector), dtype=scratch_dtype, device=self.torch_device)
        self.num_steps = 0
        self.sync = ReplicaSync(SINGLE_PROCESS, self.trained_tables())

    def trained_tables(self) -> tuple[Tensor, Tensor]:
        """Return both tables on the device."""
        return self.device_vector, self.device_context

    def train(self, batch: NumberedBatch, schedule: Schedule) -> StepResult:
        """Take one step of all walks of a batch, at the rate of its first walk."""
        params, walks = self.setup.params, batch.walks
        tokens = int(walks.lengths.sum())
        if self.is_subsampled:
            ragged = RaggedWalks(walks.values, walks.starts, walks.lengths, walks.walk_ids)
            ragged = batches.subsample_walks(ragged, params.keep_probability, schedule.seeds[1])
            walks = WalkBatch(ragged.walk_ids, ragged.starts, ragged.lengths, ragged.values)
        walks = walks.take(walks.lengths > 1)
        if not len(walks.walk_ids):
            return StepResult(0.0, 0.0, tokens)
        padded = walks.pad()
        num_tiles = -(-padded.rows.shape[1] // params.tile_size)
        negatives = batches.draw_negatives(
            walks.walk_ids, num_tiles, params.shared_negatives, params.alias_table, schedule.seeds[0]
        )
        self.num_steps += 1
        step = self.step_triton if self.torch_device.type == "cuda" else self.step_torch
        loss, weight = step(padded.rows, padded.lengths, negatives, schedule.rates[0])
        return StepResult(loss, weight, tokens)

    def step_triton(self, rows: Any, lengths: Any, negatives: Any, rate: float) -> tuple[float, float]:
        """Take a step by the Triton kernels."""
        from walkgram.kernels.sgns import triton_step

        arrays = (rows.astype(np.int32), lengths.astype(np.int32), negatives)
        batch = triton_step.TritonBatch(*(torch.from_numpy(array).to(self.torch_device) for array in arrays))
        curvature = self.sync.step_curvature
        params = triton_step.TritonParams(self.device_weights, self.setup.params.tile_size, float(self.setup.config.negatives))
        step = triton_step.step_batch(
            self.trained_tables(),
            batch,
            params,
            rate,
            self.scratch,
            seed=self.num_steps,
            step_curvature=curvature if curvature.shape[1] else None,
        )
        result = step.tolist()
        return float(result[0]), float(result[1])

    def step_torch(self, rows: Any, lengths: Any, negatives: Any, rate: float) -> tuple[float, float]:
        """Take a step by products of torch."""
        cut = tiles.cut_tiles(rows, lengths, self.setup.params.tile_size, self.weights)
        drawn = negatives[cut.walk_index, cut.tile_index].astype(np.int64)
        arrays = (cut.centre_rows, cut.context_rows, drawn, cut.pair_weights)
        indices = torch_step.TileIndices(*(torch.from_numpy(array).to(self.torch_device) for array in arrays))
        loss, weight = torch_step.step_batch(
            *self.trained_tables(), indices, float(self.setup.config.negatives), rate, self.scratch, self.sync.step_curvature
        )
        return float(loss), float(weight)

    def measure_loss(self, batches: Iterable[WalkBatch], seeds: tuple[int, int]) -> tuple[float, float]:
        """Measure the loss on the CPU, on a copy of the tables."""
        self.tables()
        return super().measure_loss(batches, seeds)

    def tables(self) -> tuple[Tensor, Tensor]:
        """Copy both tables to the CPU, as float32."""
        self.vector.copy_(self.device_vector)
        self.context.copy_(self.device_context)
        return self.vector, self.context

    def write_back(self) -> None:
        """Copy the tables on the CPU to the device."""
        self.device_vector.copy_(self.vector)
        self.device_context.copy_(self.context)
