"""The skip-gram step on a CPU as plain loops in float64, and runs of the kernel on the same walks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from walkgram import rng
from walkgram.kernels.sgns import cpu, negatives, sampling, tiles
from walkgram.kernels.sgns.params import RaggedWalks, SgnsParams, SgnsTables, make_sgns_params, make_workspace

N = 9
RAGGED = [
    [0, 1, 2, 1, 3, 8, 4],
    [4],
    [2, 2, 0],
    [3, 4, 3, 4, 3, 4, 3, 4, 3],
    [5, 6],
    [],
    [7, 0, 7, 1, 5, 5, 2, 6, 8, 3, 1, 0, 2],
]
SEEDS = (11, 12)  # of negatives, of subsampling
Walks = Sequence[tuple[int, list[int]]]  # (walk_id, rows)
DoubleTables = tuple[NDArray[np.float64], NDArray[np.float64]]
Tables = tuple[NDArray[np.float32], NDArray[np.float32]]


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def tile_negatives(params: SgnsParams, walk_id: int, tile_index: int) -> list[int]:
    """Return the negatives of a tile, by the kernel's draw."""
    rows, stream = np.zeros(params.shared_negatives, np.int64), np.uint64(rng.derive_stream(SEEDS[0], walk_id))
    sampling.draw_tile_negatives(rows, 0, params.shared_negatives, params.alias_table, stream, tile_index)
    return rows.tolist()


def weighted_targets(params: SgnsParams, walk: list[int], i: int, negative_rows: list[int]) -> list[tuple[int, float, int]]:
    """Return (row, weight, sign) of the contexts and negatives of the centre at position i."""
    window = len(params.window_weights) // 2
    contexts = [j for j in range(len(walk)) if 0 < abs(i - j) <= window]
    context_weights = [float(params.window_weights[window + j - i]) for j in contexts]
    targets = [(walk[j], weight, 1) for j, weight in zip(contexts, context_weights, strict=True)]
    negative_weight = sum(context_weights) * float(params.negative_scale)
    return targets + [(row, negative_weight, -1) for row in negative_rows]


def train_by_loops(
    tables: DoubleTables,
    walks: Walks,
    params: SgnsParams,
    rate: float,
    step_curvature: NDArray[np.float64] | None = None,
) -> float:
    """Move the tables tile by tile, pair by pair; return the loss of all tiles, each taken before its step."""
    loss, size = 0.0, params.tile_size
    for walk_id, walk in walks:
        for tile, first in enumerate(range(0, len(walk), size) if len(walk) > 1 else ()):
            negative_rows = tile_negatives(params, walk_id, tile)
            directions, curvatures = tuple(np.zeros_like(t) for t in tables), np.zeros((2, len(tables[0])))
            for i in range(first, min(len(walk), first + size)):
                centre, x = walk[i], tables[0][walk[i]]
                for row, weight, sign in weighted_targets(params, walk, i, negative_rows):
                    c = tables[1][row]
                    factor = sign * weight * sigmoid(-sign * float(x @ c))
                    loss -= weight * np.log(sigmoid(sign * float(x @ c)))
                    directions[0][centre] += factor * c
                    directions[1][row] += factor * x
                    curvatures[0][centre] += weight * c @ c / 4
                    curvatures[1][row] += weight * x @ x / 4
            step_sizes = rate / np.maximum(1, curvatures * rate / 2)
            for table, direction, step_size in zip(tables, directions, step_sizes, strict=True):
                table += direction * step_size[:, None]
            if step_curvature is not None:
                step_curvature += step_sizes * curvatures
    return loss


def make_params(
    window: int, tile_size: int, shared_negatives: int, negative_weight: float = 5.0, dynamic: bool = True
) -> SgnsParams:
    """Return parameters for N rows that occur 1, 2, ..., N times, without subsampling."""
    alias_table = negatives.build_unigram_table(np.arange(1, N + 1), 0.75).alias_table
    weights = tiles.compute_window_weights(window, dynamic)
    return make_sgns_params(weights, tile_size, shared_negatives, negative_weight, alias_table, np.ones(N, np.float32))


def train_by_kernel(
    tables: Tables,
    walks: Walks,
    params: SgnsParams,
    rate: float,
    loss_stride: int = 1,
    step_curvature: NDArray[np.float64] | None = None,
) -> cpu.TrainTotals:
    """Run the kernel; copy the step curvature to the array where there is one."""
    lengths = np.array([len(walk) for _, walk in walks], np.int64)
    tokens = np.array([row for _, walk in walks for row in walk], np.int32)
    walk_ids = np.array([walk_id for walk_id, _ in walks], np.int64)
    ragged = RaggedWalks(tokens, np.cumsum(lengths) - lengths, lengths, walk_ids)
    num_rows, dim = tables[0].shape
    workspace = make_workspace(params, num_rows, dim, with_step_curvature=step_curvature is not None)
    totals = cpu.train_walks(SgnsTables(*tables), ragged, params, workspace, SEEDS, (rate, rate), loss_stride)
    assert not workspace.curvature_by_row.any()
    if step_curvature is not None:
        step_curvature[:] = workspace.step_curvature
    return totals


def random_tables(dim: int, scale: float = 1.0) -> Tables:
    """Return normal tables (N, dim), always the same."""
    generator = np.random.default_rng(3)
    vector, context = ((generator.normal(size=(N, dim)) * scale / dim**0.5).astype(np.float32) for _ in range(2))
    return vector, context


def as_doubles(tables: Tables) -> DoubleTables:
    """Return float64 copies."""
    return tables[0].astype(np.float64), tables[1].astype(np.float64)
