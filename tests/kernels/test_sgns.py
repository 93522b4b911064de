"""Tiles against the pairs of the definition; gradients against autograd of loops over the pairs; steps that stay bounded."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from support import tiles as given
from support.tiles import RAGGED
from walkgram.kernels.sgns import tiles, torch_step

HUB = [[0, leaf, 0, leaf + 1, 0, leaf + 2] for leaf in range(1, 20)]
PING_PONG = [[0, 1] * 20] * 10


@pytest.mark.parametrize("window", [1, 3, 60])
@pytest.mark.parametrize("tile", [1, 4, 16])
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_every_pair_of_the_window_is_in_one_tile_with_its_weight(tile: int, window: int, kind: type) -> None:
    batch = given.made(RAGGED, window, 1, tile, pad=-1)
    cut = tiles.cut_tiles(batch.walks.astype(kind), batch.lengths.astype(kind), tile, batch.weights)
    found: Counter[tuple[int, int, int, int, float]] = Counter()
    for t, i, place in zip(*np.nonzero(cut.weights), strict=True):
        walk, number = int(cut.walk[t]), int(cut.number[t])
        centre, context = number * tile + int(i), number * tile - window + int(place)
        assert cut.centred[t, i]
        assert cut.reached[t, place]
        assert (cut.centre[t, i], cut.context[t, place]) == (batch.walks[walk, centre], batch.walks[walk, context])
        found[walk, number, centre, context, float(cut.weights[t, i, place])] += 1
    assert found == Counter(given.pairs(batch))


def test_places_outside_the_walk_are_marked_and_read_row_zero() -> None:
    batch = given.made(RAGGED, 2, 1, 4, pad=-1)
    cut = tiles.cut_tiles(batch.walks, batch.lengths, 4, batch.weights)
    assert cut.centre.shape[1] == 4
    assert cut.context.shape[1] == 8
    assert not cut.centre[~cut.centred].any()
    assert not cut.context[~cut.reached].any()
    assert cut.centred.sum() == sum(len(walk) for walk in RAGGED if len(walk) > 1)
    assert list(zip(cut.walk.tolist(), cut.number.tolist(), strict=True)) == [
        (walk, t) for walk, nodes in enumerate(RAGGED) if len(nodes) > 1 for t in range(-(-len(nodes) // 4))
    ]


def test_weights_fall_by_distance_or_are_flat() -> None:
    assert tiles.compute_window_weights(4, True).tolist() == [0, 1, 0.75, 0.5, 0.25]
    assert tiles.compute_window_weights(3, False).tolist() == [0, 1, 1, 1]
    assert tiles.compute_window_weights(1, True).dtype == np.float32


def by_row(batch: given.Made, negatives: float, vector: Tensor, context: Tensor) -> tuple[torch_step.Gradients, Tensor, Tensor]:
    """What the kernel found, and its ascent directions summed by row of the tables."""
    at = given.places(batch)
    found = torch_step.compute_gradients(
        vector[at.centre], context[at.context], context[at.negative], at.weights.to(vector.dtype), negatives
    )
    centre = torch.zeros_like(vector).index_add_(0, at.centre.flatten(), found.centre.flatten(0, 1))
    outward = torch.zeros_like(context).index_add_(0, at.context.flatten(), found.context.flatten(0, 1))
    return found, centre, outward.index_add_(0, at.negative.flatten(), found.negative.flatten(0, 1))


def compare(batch: given.Made, negatives: float) -> None:
    """Loss, weight and both gradients against autograd, in float64."""
    vector, context = (table.requires_grad_() for table in given.tables(6, 5))
    loss = given.objective(batch, negatives, vector, context)
    wanted = torch.autograd.grad(loss, (vector, context))
    with torch.no_grad():
        found, centre, outward = by_row(batch, negatives, vector, context)
    for got, expected in zip([found.loss, centre, outward], [loss.detach(), -wanted[0], -wanted[1]], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    assert float(found.weight) == pytest.approx(sum(weight for *_, weight in given.pairs(batch)))


@pytest.mark.parametrize("window", [1, 2, 10])
@pytest.mark.parametrize(("negatives", "shared", "tile"), [(5, 3, 4), (1, 1, 16), (0, 0, 3), (2.5, 17, 1)])
def test_gradients_are_those_of_the_loops(negatives: float, shared: int, tile: int, window: int) -> None:
    compare(given.made(RAGGED, window, shared, tile), negatives)


@pytest.mark.parametrize("walks", [[[4]], [[1, 1]], [[0, 1]], [[4], [1, 2, 1]]], ids=str)
def test_gradients_of_the_shortest_walks(walks: list[list[int]]) -> None:
    compare(given.made(walks, 3, 2, 4), 5)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_random_walks_with_a_flat_window(seed: int) -> None:
    walks = given.random_walks(seed, 6, 5, 14)
    compare(given.made(walks, 1 + seed, 1 + seed % 3, 2 + seed, dynamic=False, seed=seed), 5)


def test_the_loss_of_empty_tables_is_the_weight_times_the_pairs_and_negatives() -> None:
    found = by_row(given.made(RAGGED, 2, 3, 4), 5, torch.zeros(6, 2), torch.zeros(6, 2))[0]
    assert float(found.loss) == pytest.approx(float(found.weight) * math.log(2) * 6)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_of_a_billion_give_finite_gradients(sign: int) -> None:
    """A centre at logit +-1e9 with its context and its negative: the wrong one of the two has the whole gradient."""
    centre = torch.full((1, 2, 1), 1e5)
    context, negative = torch.full((1, 2, 1), sign * 1e4), torch.full((1, 1, 1), sign * 1e4)
    found = torch_step.compute_gradients(centre, context, negative, 1 - torch.eye(2)[None], 1)
    assert all(torch.isfinite(part).all() for part in found)
    assert float(found.loss) == pytest.approx(2e9)
    pulled, pushed = (0, 1) if sign == 1 else (1, 0)
    assert found.context.flatten().tolist() == [pulled * 1e5] * 2
    assert found.negative.item() == -pushed * 2e5


@pytest.mark.parametrize("rate", [0.001, 1.0])
def test_a_step_is_the_gradient_at_the_rate_that_each_rows_curvature_allows(rate: float) -> None:
    batch, (vector, context) = given.made(RAGGED, 3, 2, 4), given.tables(6, 5)
    _, *directions = by_row(batch, 5, vector, context)
    allowed = [rate / torch.clamp(k * rate / 2, min=1) for k in given.curvatures(batch, 5, vector, context)]
    wanted = [t + a[:, None] * d for t, a, d in zip((vector, context), allowed, directions, strict=True)]
    assert (min(a.min() for a in allowed) < rate) == (rate == 1.0)  # the bound bites at the one rate only
    scratch, pace = torch.zeros(6, dtype=torch.float64), torch.ones(2, 6)
    paces = [1 + a * k for a, k in zip(allowed, given.curvatures(batch, 5, vector, context), strict=True)]
    torch_step.step_batch(vector, context, given.places(batch), 5, rate, scratch, pace)
    torch.testing.assert_close((vector, context), tuple(wanted), rtol=1e-9, atol=1e-9)
    assert not scratch.any()
    torch.testing.assert_close(pace, torch.stack(paces).float())


def test_steps_along_the_gradient_raise_the_likelihood() -> None:
    batch, (vector, context) = given.made(RAGGED, 2, 3, 4), given.tables(6, 5, 0.1)
    found, centre, outward = by_row(batch, 5, vector, context)
    after = by_row(batch, 5, vector + 1e-4 * centre, context + 1e-4 * outward)[0].loss
    assert float(found.loss - after) == pytest.approx(1e-4 * float((centre**2).sum() + (outward**2).sum()), rel=0.05)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("walks", [HUB, PING_PONG], ids=["hub", "ping-pong"])
def test_a_bounded_step_stays_finite_and_the_loss_falls(walks: list[list[int]], rate: float) -> None:
    """The first steps may overshoot: the tables are small, so are their curvatures, and both grow within a step."""
    batch, (vector, context) = given.made(walks, 5, 5, 16, n=24), given.tables(24, 8, 0.1, torch.float32)
    at, scratch = given.places(batch), torch.zeros(24)
    lost = [float(torch_step.step_batch(vector, context, at, 5, rate, scratch)[0]) for _ in range(100)]
    assert all(map(math.isfinite, lost))
    assert lost[-1] < 0.7 * lost[0]
    assert max(lost[5:]) < lost[0]
    assert float(max(vector.abs().max(), context.abs().max())) < 20


def test_without_the_bound_the_same_steps_grow_without_end() -> None:
    batch, (vector, context) = given.made(PING_PONG, 5, 5, 16, n=24), given.tables(24, 8, 0.1, torch.float32)
    first = float(by_row(batch, 5, vector, context)[0].loss)
    for _ in range(50):
        found, centre, outward = by_row(batch, 5, vector, context)
        vector, context = vector + centre, context + outward
    assert not float(found.loss) < 100 * first
