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


class Made(NamedTuple):
    """walks (m, longest) int64 with `pad` behind an end, lengths (m,), negative (m, tiles, K) rows, weights (window + 1,)."""

    walks: np.ndarray
    lengths: np.ndarray
    negative: np.ndarray
    weights: np.ndarray
    tile: int


def made(
    walks: list[list[int]], window: int, shared: int, tile: int, n: int = 6, dynamic: bool = True, pad: int = 0, seed: int = 0
) -> Made:
    """A batch of these walks, its negatives drawn from n rows."""
    longest = max(map(len, walks))
    rows = np.full((len(walks), longest), pad, np.int64)
    for row, walk in zip(rows, walks, strict=True):
        row[: len(walk)] = walk
    negative = np.random.default_rng(seed).integers(0, n, (len(walks), -(-longest // tile), shared))
    return Made(rows, np.array([len(w) for w in walks]), negative, tiles.compute_window_weights(window, dynamic), tile)


def random_walks(seed: int, n: int, count: int, longest: int) -> list[list[int]]:
    """Walks of 1..longest nodes below n."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, n, generator.integers(1, longest + 1)).tolist() for _ in range(count)]


def places(batch: Made) -> torch_step.TileIndices:
    """The batch's tiles as the plain path takes them."""
    cut = tiles.cut_tiles(batch.walks, batch.lengths, batch.tile, batch.weights)
    negative = batch.negative[cut.walk, cut.number]
    return torch_step.TileIndices(*map(torch.from_numpy, (cut.centre, cut.context, negative, cut.weights)))


def pairs(batch: Made) -> Iterator[tuple[int, int, int, int, float]]:
    """(walk, tile, place, place of the context, weight) of every pair, by the definition."""
    window = len(batch.weights) - 1
    for walk, length in enumerate(batch.lengths.tolist()):
        for i in range(length):
            for j in range(length):
                if 0 < abs(i - j) <= window:
                    yield walk, i // batch.tile, i, j, float(batch.weights[abs(i - j)])


def objective(batch: Made, negatives: float, vector: Tensor, context: Tensor) -> Tensor:
    """Minus the log-likelihood, pair by pair: each context by its weight, each negative by negatives / K of it."""
    total = 0 * (vector.sum() + context.sum())
    for walk, tile, i, j, weight in pairs(batch):
        x = vector[batch.walks[walk, i]]
        total = total - weight * logsigmoid(x @ context[batch.walks[walk, j]])
        for n in batch.negative[walk, tile]:
            total = total - weight * negatives / batch.negative.shape[2] * logsigmoid(-(x @ context[n]))
    return total


def curvatures(batch: Made, negatives: float, vector: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """(of the in table's rows, of the out table's), each (n,): a quarter of the other row's squared length a pair."""
    inward, outward = torch.zeros_like(vector[:, 0]), torch.zeros_like(vector[:, 0])
    for walk, tile, i, j, weight in pairs(batch):
        shared = batch.negative[walk, tile].tolist()
        parts = [(batch.walks[walk, j], weight)] + [(n, weight * negatives / len(shared)) for n in shared]
        for row, much in parts:
            inward[batch.walks[walk, i]] += much * context[row].square().sum() / 4
            outward[row] += much * vector[batch.walks[walk, i]].square().sum() / 4
    return inward, outward


def tables(n: int, dim: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """An in and an out table."""
    generator = torch.Generator().manual_seed(3)
    first, second = (scale * torch.randn(n, dim, dtype=torch.float64, generator=generator) for _ in range(2))
    return first.to(dtype), second.to(dtype)
