"""Ragged walks with negatives, as a batch and as loops over their pairs: for the tests of skip-gram's kernels."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from walkgram.kernels.sgns import tiles, torch_step

# Repeated nodes, a walk of one and of two, ends in the middle of a tile and at its end.
RAGGED = [[0, 1, 2, 1, 3, 0, 0, 5, 4, 1, 1], [4], [2, 2, 0], [3, 4], [5, 5], [3, 4, 3, 4], list(range(6)) * 7]


class PaddedWalks(NamedTuple):
    """A batch of walks with the negatives of their tiles.

    walks (m, longest) int64, padded behind their lengths (m,); negative_rows (m, tiles, K); distance_weights (window + 1,).
    """

    walks: np.ndarray
    lengths: np.ndarray
    negative_rows: np.ndarray
    distance_weights: np.ndarray
    tile_size: int


def make_batch(
    walks: list[list[int]],
    window: int,
    shared_negatives: int,
    tile_size: int,
    n: int = 6,
    dynamic: bool = True,
    pad: int = 0,
    seed: int = 0,
) -> PaddedWalks:
    """Pad these walks with `pad`, and draw their negatives from n rows."""
    longest = max(map(len, walks))
    rows = np.full((len(walks), longest), pad, np.int64)
    for row, walk in zip(rows, walks, strict=True):
        row[: len(walk)] = walk
    negative_rows = np.random.default_rng(seed).integers(0, n, (len(walks), -(-longest // tile_size), shared_negatives))
    lengths, distance_weights = np.array([len(w) for w in walks]), tiles.compute_window_weights(window, dynamic)
    return PaddedWalks(rows, lengths, negative_rows, distance_weights, tile_size)


def random_walks(seed: int, n: int, count: int, longest: int) -> list[list[int]]:
    """Return walks of 1..longest nodes below n."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, n, generator.integers(1, longest + 1)).tolist() for _ in range(count)]


def tile_indices(batch: PaddedWalks) -> torch_step.TileIndices:
    """Cut the batch into tiles for `torch_step`."""
    cut = tiles.cut_tiles(batch.walks, batch.lengths, batch.tile_size, batch.distance_weights)
    negative_rows = batch.negative_rows[cut.walk_index, cut.tile_index]
    arrays = (cut.centre_rows, cut.context_rows, negative_rows, cut.pair_weights)
    return torch_step.TileIndices(*map(torch.from_numpy, arrays))


def list_pairs(batch: PaddedWalks) -> Iterator[tuple[int, int, int, int, float]]:
    """Yield (walk, tile, position, position of the context, weight) of every pair, by the definition."""
    window = len(batch.distance_weights) - 1
    for walk, length in enumerate(batch.lengths.tolist()):
        for i in range(length):
            for j in range(length):
                if 0 < abs(i - j) <= window:
                    yield walk, i // batch.tile_size, i, j, float(batch.distance_weights[abs(i - j)])


def compute_loss(batch: PaddedWalks, negatives: float, vector: Tensor, context: Tensor) -> Tensor:
    """Return minus the log-likelihood, pair by pair: each context by its weight, each negative by negatives / K of it."""
    total = 0 * (vector.sum() + context.sum())
    for walk, tile, i, j, weight in list_pairs(batch):
        x = vector[batch.walks[walk, i]]
        total = total - weight * logsigmoid(x @ context[batch.walks[walk, j]])
        for n in batch.negative_rows[walk, tile]:
            total = total - weight * negatives / batch.negative_rows.shape[2] * logsigmoid(-(x @ context[n]))
    return total


def compute_curvatures(batch: PaddedWalks, negatives: float, vector: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """Return (curvatures of the vector table's rows, of the context table's), each (n,): |other row|^2 / 4 by pair."""
    vector_curvature, context_curvature = torch.zeros_like(vector[:, 0]), torch.zeros_like(vector[:, 0])
    for walk, tile, i, j, weight in list_pairs(batch):
        negative_rows = batch.negative_rows[walk, tile].tolist()
        terms = [(batch.walks[walk, j], weight)] + [(n, weight * negatives / len(negative_rows)) for n in negative_rows]
        for row, term_weight in terms:
            vector_curvature[batch.walks[walk, i]] += term_weight * context[row].square().sum() / 4
            context_curvature[row] += term_weight * vector[batch.walks[walk, i]].square().sum() / 4
    return vector_curvature, context_curvature


def random_tables(n: int, dim: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return a vector and a context table, normal times `scale`."""
    generator = torch.Generator().manual_seed(3)
    vector, context = (scale * torch.randn(n, dim, dtype=torch.float64, generator=generator) for _ in range(2))
    return vector.to(dtype), context.to(dtype)
