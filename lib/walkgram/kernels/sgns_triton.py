"""`sgns.step` as fused Triton kernels: one program a walk, which takes its tiles in turn; nothing but the tables is stored.

Three launches a batch. The first adds every place's curvature to its row's; the second adds each place's direction, at the
rate that its row's curvature allows; the third clears the curvatures. Reads are (G + T + K) * dim values a tile and pass,
writes as many by atomics; no scores, gradients or pairs reach memory.

Additions in place meet the reads of other walks ("Hogwild", Recht et al. 2011): a walk may see the tables with some of the
batch's additions already made. The rates do not: they are of the tables before the batch. With `out` the tables are only
read, and every gradient is of one point, exactly that of `sgns.gradients`.
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
        "or train on the plain path (walkgram.kernels.sgns)"
    ) from error

from walkgram.kernels.sgns_launched import clear_kernel, climb_kernel, curvature_kernel

__all__ = ["Batch", "step"]


class Batch(NamedTuple):
    """Walks on the tables' device: walks (m, longest) int32 rows, valid up to lengths (m,) int32 or int64; negative
    (m, tiles, K) int32 rows, those of tile t of a walk at [walk, t], with tiles at least ceil(longest / tile).
    """

    walks: Tensor
    lengths: Tensor
    negative: Tensor


def step(
    tables: tuple[Tensor, Tensor],
    batch: Batch,
    window_weights: Tensor,
    tile: int,
    negatives: float,
    rate: float,
    scratch: tuple[Tensor, Tensor],
    *,
    seed: int = 0,
    out: tuple[Tensor, Tensor] | None = None,
    precision: str = "tf32",
) -> Tensor:
    """One bounded step of the in and out tables, each (n, dim) float32 or bfloat16: (2,) float32, the loss and its weight.

    window_weights: (window + 1,) float32 (`tiles.window_weights`); scratch: two (n,) float32 of zeros, before and after;
    out: two (n, dim) float32 to which the additions go instead; seed: of the dither of bfloat16 tables, anew for each
    batch; precision: of the products of float32, "tf32" or "ieee". All tensors contiguous; nothing waits for the device.
    """
    vector, context = tables
    (walks, longest), (most, shared), dim = batch.walks.shape, batch.negative.shape[1:], vector.shape[1]
    window, totals = len(window_weights) - 1, torch.zeros(2, device=vector.device)
    if most < -(-longest // tile):
        raise ValueError(f"negatives for {most} tiles of {tile}, walks of up to {longest}")
    if not walks:
        return totals
    reach = tile + 2 * window
    sizes: dict[str, Any] = {
        "DIM": dim,
        "WIDE": max(16, triton.next_power_of_2(dim)),
        "TILE": tile,
        "ROWS": max(16, triton.next_power_of_2(tile)),
        "BLOCK": 16 if reach <= 16 else 32 if reach <= 64 else 64,
        "SHARED": shared,
        "SHARES": min(64, max(16, triton.next_power_of_2(shared))),
    }
    places = (batch.walks, batch.lengths, batch.negative, longest, most)
    weighed = (window_weights, window, negatives / max(1, shared))
    into = tables if out is None else out
    dither = out is None and vector.dtype == torch.bfloat16
    with torch.cuda.device_of(vector):
        curvature_kernel[(walks,)](vector, context, *scratch, *places, *weighed, **sizes)
        climb_kernel[(walks,)](
            vector, context, *into, *scratch, *places, *weighed, rate, totals, seed, **sizes, DITHER=dither, PRECISION=precision
        )
        clear_kernel[(walks,)](*scratch, *places, SHARED=shared, TILE=tile, BLOCK=128)
    return totals
