"""`torch_step.step_batch` as two Triton kernels: scores and gradients of places stay in registers, only row sums reach memory.

Each place of the batch (a token of a walk, a negative) may be the slot of its row: `slots[row]` names one of them, which
needs no sort. The first kernel, one walk a program, adds every tile's directions and curvatures to their rows' slots by
atomics; the second moves each row by its sum, at the rate that its curvature allows. So all gradients of a batch are taken
at one point of the tables, as in `torch_step.compute_gradients`, and a row of bfloat16 is rounded once a batch.

Additions straight to the tables would save the sums, but then a walk reads the additions of others, made at rates that the
tables before the batch allowed: where a hub's row grows within the batch, the steps grow without end.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from walkgram.errors import TrainError

try:
    import triton
except ImportError as error:
    raise TrainError(
        "the fused skip-gram step needs Triton, which is not installed here: pip install triton (Linux, for a CUDA device), "
        "or train on the plain path (walkgram.kernels.sgns.torch_step)"
    ) from error

from walkgram.kernels.sgns.triton_kernels import apply_kernel, gradients_kernel

__all__ = ["TritonBatch", "TritonParams", "step_batch"]


class TritonBatch(NamedTuple):
    """Walks on the tables' device, and the negatives of their tiles.

    walks (m, longest) int32 rows, with any row, such as 0, behind their lengths (m,) int32 or int64; negative_rows
    (m, tiles, K) int32 rows, those of tile t of a walk at [walk, t], tiles >= ceil(longest / tile_size).
    """

    walks: Tensor
    lengths: Tensor
    negative_rows: Tensor


class TritonParams(NamedTuple):
    """The hyperparameters of a step.

    distance_weights (window + 1,) float32 on the tables' device (`tiles.compute_window_weights`); negatives: the weight of a
    centre's negatives, where its contexts weigh 1; precision: of the products of float32, "tf32" or "ieee".
    """

    distance_weights: Tensor
    tile_size: int
    negatives: float
    precision: str = "tf32"


def step_batch(
    tables: tuple[Tensor, Tensor],
    batch: TritonBatch,
    params: TritonParams,
    learning_rate: float,
    slots: Tensor,
    *,
    seed: int = 0,
    out: tuple[Tensor, Tensor] | None = None,
    step_curvature: Tensor | None = None,
) -> Tensor:
    """Make one bounded step of both tables, each (n, dim) float32 or bfloat16; return (2,) float32, the loss and its weight.

    slots: (n,) int32 scratch of any content; seed: of the rounding of bfloat16 tables, another for each batch; out: two
    (n, dim) float32 that take the additions in place of the tables; step_curvature: (2, n) float32, gains the step times
    the curvature of both tables' rows. All are contiguous; nothing waits for the device.
    Memory: 2 * places * dim float32, for the m * (longest + tiles * K) places of the batch, fewer than 2^31.
    Raises `ValueError` where there are negatives for too few tiles.
    """
    vector, context = tables
    num_walks, max_length = batch.walks.shape
    max_tiles, shared_negatives = batch.negative_rows.shape[1:]
    dim, window = vector.shape[1], len(params.distance_weights) - 1
    totals = torch.zeros(2, device=vector.device)
    if max_tiles < -(-max_length // params.tile_size):
        raise ValueError(f"negatives for {max_tiles} tiles of {params.tile_size}, walks of up to {max_length}")
    if not num_walks:
        return totals
    rows = torch.cat([batch.walks.flatten(), batch.negative_rows.flatten()])
    places = torch.arange(len(rows), dtype=torch.int32, device=rows.device)
    row_slots = slots.scatter_(0, rows.long(), places)[rows.long()]  # any one of a row's places
    sums = torch.zeros(2, len(rows), dim, device=rows.device)
    curvatures = torch.zeros(2, len(rows), device=rows.device)
    walk_arrays = (batch.walks, row_slots, batch.lengths, batch.negative_rows, row_slots[num_walks * max_length :])
    weights = (params.distance_weights, window, params.negatives / max(1, shared_negatives))
    sizes = choose_block_sizes(dim, params.tile_size, window, shared_negatives)
    with torch.cuda.device_of(vector):
        gradients_kernel[(num_walks,)](
            *(vector, context, *sums, *curvatures, *walk_arrays, max_length, max_tiles, *weights, totals),
            **sizes,
            PRECISION=params.precision,
        )
        for table_index, table in enumerate(tables if out is None else out):
            if step_curvature is not None:
                row_step_curvature = torch.clamp(curvatures[table_index] * learning_rate, max=2.0)  # the bound of the step
                step_curvature[table_index].index_add_(0, rows, torch.where(row_slots == places, row_step_curvature, 0.0))
            accumulators = (sums[table_index], curvatures[table_index], rows, row_slots, len(rows))
            apply_kernel[(triton.cdiv(len(rows), 16),)](
                *(table, *accumulators, learning_rate, seed, table_index),
                DIM=dim,
                WIDE=sizes["WIDE"],
                BLOCK=16,
                DITHER=table.dtype == torch.bfloat16,
            )
    return totals


def choose_block_sizes(dim: int, tile_size: int, window: int, shared_negatives: int) -> dict[str, Any]:
    """Return the sizes that the kernel of gradients is compiled for."""
    wide = max(16, triton.next_power_of_2(dim))
    max_block = max(16, min(64, 4096 // wide))  # rows of a block: more spill out of the registers
    return {
        "DIM": dim,
        "WIDE": wide,
        "TILE": tile_size,
        "ROWS": max(16, triton.next_power_of_2(tile_size)),
        "BLOCK": min(max_block, max(16, triton.next_power_of_2(tile_size + 2 * window) // 2)),
        "SHARED": shared_negatives,
        "SHARES": min(max_block, max(16, triton.next_power_of_2(shared_negatives))),
        "num_warps": 4 if wide <= 128 else 8,
    }
