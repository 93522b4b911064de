"""`sgns.step` as fused Triton kernels: no scores and no gradients of places reach memory, only their sums by row.

Each place of the batch (of a walk, of a negative) may be the slot of its row: `slots[row]` names one of them, which needs no
sort. The first kernel, a walk a program, adds every tile's directions and curvatures to their rows' slots by atomics; the
second moves each row by its sum, at the rate that its curvature allows. So all gradients of a batch are of one point of the
tables, exactly those of `sgns.gradients`, and a row of bfloat16 is rounded once a batch.

Additions straight to the tables would save the sums, but then a walk meets the additions of others, made at rates that the
tables before the batch allowed: where a hub's row grows within the batch the steps grow without end.
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

__all__ = ["TritonBatch", "step_batch"]


class TritonBatch(NamedTuple):
    """Walks on the tables' device: walks (m, longest) int32 rows, with any row, such as 0, behind their lengths (m,) int32
    or int64; negative (m, tiles, K) int32 rows, those of tile t of a walk at [walk, t], tiles >= ceil(longest / tile).
    """

    walks: Tensor
    lengths: Tensor
    negative: Tensor


def step_batch(
    tables: tuple[Tensor, Tensor],
    batch: TritonBatch,
    window_weights: Tensor,
    tile: int,
    negatives: float,
    rate: float,
    slots: Tensor,
    *,
    seed: int = 0,
    out: tuple[Tensor, Tensor] | None = None,
    pace: Tensor | None = None,
    precision: str = "tf32",
) -> Tensor:
    """One bounded step of the in and out tables, each (n, dim) float32 or bfloat16: (2,) float32, the loss and its weight.

    window_weights: (window + 1,) float32 (`tiles.window_weights`); slots: (n,) int32 of any content, which is lost; seed: of
    the rounding of bfloat16 tables, anew for each batch; out: two (n, dim) float32 that take the additions in the tables'
    stead; pace: (2, n) float32, gains of both tables' rows the step times its curvature; precision: of the products of
    float32, "tf32" or "ieee". All contiguous; nothing waits for the device.
    Memory: 2 * places * dim float32, for the m * (longest + tiles * K) places of the batch, fewer than 2^31.
    """
    vector, context = tables
    (walks, longest), (most, shared), dim = batch.walks.shape, batch.negative.shape[1:], vector.shape[1]
    window, totals = len(window_weights) - 1, torch.zeros(2, device=vector.device)
    if most < -(-longest // tile):
        raise ValueError(f"negatives for {most} tiles of {tile}, walks of up to {longest}")
    if not walks:
        return totals
    rows = torch.cat([batch.walks.flatten(), batch.negative.flatten()])
    places = torch.arange(len(rows), dtype=torch.int32, device=rows.device)
    slot = slots.scatter_(0, rows.long(), places)[rows.long()]  # of a row's places any one
    sums = torch.zeros(2, len(rows), dim, device=rows.device)
    curvatures = torch.zeros(2, len(rows), device=rows.device)
    given = (batch.walks, slot, batch.lengths, batch.negative, slot[walks * longest :])
    weighed = (window_weights, window, negatives / max(1, shared))
    sizes = choose_block_sizes(dim, tile, window, shared)
    with torch.cuda.device_of(vector):
        gradients_kernel[(walks,)](
            vector, context, *sums, *curvatures, *given, longest, most, *weighed, totals, **sizes, PRECISION=precision
        )
        for kind, table in enumerate(tables if out is None else out):
            if pace is not None:
                paced = torch.clamp(curvatures[kind] * rate, max=2.0)  # the step is bounded there
                pace[kind].index_add_(0, rows, torch.where(slot == places, paced, 0.0))
            apply_kernel[(triton.cdiv(len(rows), 16),)](
                *(table, sums[kind], curvatures[kind], rows, slot, len(rows), rate, seed, kind),
                DIM=dim,
                WIDE=sizes["WIDE"],
                BLOCK=16,
                DITHER=table.dtype == torch.bfloat16,
            )
    return totals


def choose_block_sizes(dim: int, tile: int, window: int, shared: int) -> dict[str, Any]:
    """The sizes that the kernel of gradients is compiled for."""
    wide = max(16, triton.next_power_of_2(dim))
    most = max(16, min(64, 4096 // wide))  # rows of a block: more spill out of the registers
    return {
        "DIM": dim,
        "WIDE": wide,
        "TILE": tile,
        "ROWS": max(16, triton.next_power_of_2(tile)),
        "BLOCK": min(most, max(16, triton.next_power_of_2(tile + 2 * window) // 2)),
        "SHARED": shared,
        "SHARES": min(most, max(16, triton.next_power_of_2(shared))),
        "num_warps": 4 if wide <= 128 else 8,
    }
