"""Train skip-gram with negative sampling on a CPU: both tables are updated in place, one tile of a walk at a time.

`torch_step` computes the same step and is the oracle of the tests. A tile has up to `tile_size` centres, the contexts
within their windows, and K negatives that the centres share, as in pWord2Vec (Ji et al. 2016, "Parallelizing word2vec in
shared and distributed memory", section 3). Its rows fit the second-level cache, so that the time goes into products of
rows (`simd`).
"""

import math
from typing import NamedTuple

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Int32Array
from walkgram.kernels.sgns import simd
from walkgram.kernels.sgns.compile import sgns_jit
from walkgram.kernels.sgns.cpu_tile import (
    QUARTER,
    TileArrays,
    accumulate_centre,
    apply_bounded_update,
    gather_tile,
    locate_tile,
    prefetch_tile,
    tile_loss,
)
from walkgram.kernels.sgns.params import RaggedWalks, SgnsParams, SgnsTables, Workspace
from walkgram.kernels.sgns.sampling import draw_tile_negatives, subsample

__all__ = ["TrainTotals", "train_walks"]


class TrainTotals(NamedTuple):
    """The sum of the measured loss, its weight (of contexts), the tokens read, and the position of the walk that failed.

    bad_walk: the first walk that meets a row which is not finite; -1 if none does.
    """

    loss: float
    weight: float
    tokens: int
    bad_walk: int


class TileTask(NamedTuple):
    """One tile of a walk, by its first centre, and how to train on it: stream of the walk, rate, whether to measure loss."""

    first_centre: int
    stream: np.uint64
    learning_rate: np.float32
    measure_loss: bool


@sgns_jit
def train_tile(
    tables: SgnsTables, walk: Int32Array, task: TileTask, params: SgnsParams, workspace: Workspace, arrays: TileArrays
) -> tuple[float, float]:
    """Train on one tile of `walk` (length,); return (sum of the loss, its weight), both 0 unless the loss is measured.

    arrays: those of `params` and `workspace`. Where a row of the tile is not finite, the loss is NaN and no table is updated.
    """
    window_weights, _, rows, coefficients, scores, squared_norms, curvatures = arrays
    first_centre, tile_size = task.first_centre, params.tile_size
    negative_scale, row_indices = params.negative_scale, workspace.row_indices
    window, half = len(window_weights) // 2, rows.shape[0] // 2
    width = len(scores)
    span = locate_tile(first_centre, len(walk), tile_size, window, params.shared_negatives)
    contexts, negatives = span.context_row, span.negative_row
    num_centres, tile_index = span.end_centre - first_centre, first_centre // tile_size
    draw_tile_negatives(row_indices, negatives, params.shared_negatives, params.alias_table, task.stream, tile_index)
    prefetch_tile(tables, walk, span, row_indices)
    norm_sums = gather_tile(tables, walk, span, rows, squared_norms, row_indices)
    if not math.isfinite(norm_sums[0]):
        return math.nan, 0.0
    curvatures[:] = 0
    loss, weight = 0.0, 0.0
    negative_curvature = np.float32(0)
    for i in range(first_centre, span.end_centre):
        centre_weight = accumulate_centre(i, span, arrays, negative_scale, norm_sums[1])
        negative_curvature += QUARTER * centre_weight * negative_scale * squared_norms[i - first_centre]
        if task.measure_loss:
            weight += float(centre_weight)
            loss += tile_loss(i, span.length, scores, window_weights, centre_weight * negative_scale)
    for j in range(span.first_context, span.end_context):
        low, high = max(first_centre, j - window), min(span.end_centre, j + window + 1)
        start = (low - first_centre) * width + j - low + window
        direction = half + contexts + j - span.first_context
        simd.add_rows(rows, direction, rows, low - first_centre, high - first_centre, coefficients, start, width - 1)
    for r in range(negatives, span.end_row):
        start = len(window_weights) + r - negatives
        simd.add_rows(rows, half + r, rows, 0, num_centres, coefficients, start, width)
        curvatures[r] = negative_curvature
    apply_bounded_update(tables.vector, 0, 0, num_centres, task.learning_rate, workspace)
    for r in range(contexts + span.end_context - span.first_context, negatives):
        row_indices[r] = row_indices[contexts]  # a tile at a walk's end has fewer contexts: the unused places move nothing
        rows[half + r] = 0
    apply_bounded_update(tables.context, 1, contexts, span.end_row, task.learning_rate, workspace)
    return loss, weight


@sgns_jit
def train_walks(
    tables: SgnsTables,
    walks: RaggedWalks,
    params: SgnsParams,
    workspace: Workspace,
    seeds: tuple[int, int],
    learning_rates: tuple[float, float],
    loss_stride: int,
) -> TrainTotals:
    """Train on walks one after the other, tile by tile, until a row is not finite.

    seeds: of the negatives, and of subsampling. learning_rates: at the first walk, and behind the last; linear between.
    The loss is measured on one tile of about one walk in `loss_stride`. The kernel releases the interpreter lock: threads may
    share the tables, each with its own workspace (Hogwild, Niu et al. 2011).
    """
    loss, weight = 0.0, 0.0
    num_tokens, tile_size = 0, params.tile_size
    starts, lengths, walk_ids = walks.starts, walks.lengths, walks.walk_ids
    arrays = TileArrays(
        params.window_weights,
        params.weight_sums,
        workspace.rows,
        workspace.coefficients,
        workspace.scores,
        workspace.squared_norms,
        workspace.curvatures,
    )
    kept_tokens = np.empty(lengths.max() if len(lengths) else 0, np.int32)
    for w in range(len(walk_ids)):
        learning_rate = np.float32(learning_rates[0] + (learning_rates[1] - learning_rates[0]) * w / len(walk_ids))
        stream = rng.derive_stream(seeds[0], walk_ids[w])
        keep_stream = rng.derive_stream(seeds[1], walk_ids[w])
        length = subsample(walks.values, starts[w], lengths[w], params.keep_probability, keep_stream, kept_tokens, 0)
        num_tokens += lengths[w]
        if length < 2:
            continue
        walk = kept_tokens[:length]
        bits, measured_tile = rng.draw_bits(stream, 0, 0, 1), np.int64(-1)
        if bits % np.uint64(loss_stride) == 0:
            measured_tile = np.int64(bits >> np.uint64(32)) % (-(-length // tile_size))
        for first_centre in range(0, length, tile_size):
            measure_loss = measured_tile == first_centre // tile_size
            task = TileTask(first_centre, stream, learning_rate, measure_loss)
            tile_totals = train_tile(tables, walk, task, params, workspace, arrays)
            if math.isnan(tile_totals[0]):
                return TrainTotals(loss, weight, num_tokens, w)
            loss += tile_totals[0]
            weight += tile_totals[1]
    return TrainTotals(loss, weight, num_tokens, -1)
