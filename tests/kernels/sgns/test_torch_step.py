"""Gradients of the plain step against autograd of loops over the pairs; updates that stay bounded."""

import math

import pytest
import torch
from torch import Tensor

from support import sgns_batches
from support.sgns_batches import RAGGED, PaddedWalks, make_batch, random_tables
from walkgram.kernels.sgns import torch_step

HUB = [[0, leaf, 0, leaf + 1, 0, leaf + 2] for leaf in range(1, 20)]
PING_PONG = [[0, 1] * 20] * 10


def gradients_by_row(
    batch: PaddedWalks, negatives: float, vector: Tensor, context: Tensor
) -> tuple[torch_step.Gradients, Tensor, Tensor]:
    """Return the kernel's gradients, and its ascent directions summed by row of the vector and the context table."""
    tiles = sgns_batches.tile_indices(batch)
    gradients = torch_step.compute_gradients(
        vector[tiles.centre_rows],
        context[tiles.context_rows],
        context[tiles.negative_rows],
        tiles.pair_weights.to(vector.dtype),
        negatives,
    )
    by_vector = torch.zeros_like(vector).index_add_(0, tiles.centre_rows.flatten(), gradients.centre.flatten(0, 1))
    by_context = torch.zeros_like(context).index_add_(0, tiles.context_rows.flatten(), gradients.context.flatten(0, 1))
    by_context.index_add_(0, tiles.negative_rows.flatten(), gradients.negative.flatten(0, 1))
    return gradients, by_vector, by_context


def assert_equals_autograd(batch: PaddedWalks, negatives: float) -> None:
    """Compare loss, weight and both gradients with autograd, in float64."""
    vector, context = (table.requires_grad_() for table in random_tables(6, 5))
    loss = sgns_batches.compute_loss(batch, negatives, vector, context)
    expected = torch.autograd.grad(loss, (vector, context))
    with torch.no_grad():
        gradients, *by_row = gradients_by_row(batch, negatives, vector, context)
    torch.testing.assert_close(gradients.loss, loss.detach(), rtol=1e-9, atol=1e-9)
    for ascent, descent in zip(by_row, expected, strict=True):
        torch.testing.assert_close(ascent, -descent, rtol=1e-9, atol=1e-9)
    assert float(gradients.weight) == pytest.approx(sum(weight for *_, weight in sgns_batches.list_pairs(batch)))


@pytest.mark.parametrize("window", [1, 2, 10])
@pytest.mark.parametrize(("negatives", "shared", "tile"), [(5, 3, 4), (1, 1, 16), (0, 0, 3), (2.5, 17, 1)])
def test_gradients_equal_autograd_of_the_loops(negatives: float, shared: int, tile: int, window: int) -> None:
    assert_equals_autograd(make_batch(RAGGED, window, shared, tile), negatives)


@pytest.mark.parametrize("walks", [[[4]], [[1, 1]], [[0, 1]], [[4], [1, 2, 1]]], ids=str)
def test_gradients_of_the_shortest_walks(walks: list[list[int]]) -> None:
    assert_equals_autograd(make_batch(walks, 3, 2, 4), 5)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_random_walks_with_a_flat_window(seed: int) -> None:
    walks = sgns_batches.random_walks(seed, 6, 5, 14)
    assert_equals_autograd(make_batch(walks, 1 + seed, 1 + seed % 3, 2 + seed, dynamic=False, seed=seed), 5)


def test_the_loss_of_zero_tables_is_log_2_times_the_weight_of_pairs_and_negatives() -> None:
    gradients = gradients_by_row(make_batch(RAGGED, 2, 3, 4), 5, torch.zeros(6, 2), torch.zeros(6, 2))[0]
    assert float(gradients.loss) == pytest.approx(float(gradients.weight) * math.log(2) * 6)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_of_a_billion_give_finite_gradients(sign: int) -> None:
    """A centre at logit +-1e9 with its context and its negative: the wrong one of the two has the full gradient."""
    centre = torch.full((1, 2, 1), 1e5)
    context, negative = torch.full((1, 2, 1), sign * 1e4), torch.full((1, 1, 1), sign * 1e4)
    gradients = torch_step.compute_gradients(centre, context, negative, 1 - torch.eye(2)[None], 1)
    assert all(torch.isfinite(part).all() for part in gradients)
    assert float(gradients.loss) == pytest.approx(2e9)
    attraction, repulsion = (0, 1) if sign == 1 else (1, 0)
    assert gradients.context.flatten().tolist() == [attraction * 1e5] * 2
    assert gradients.negative.item() == -repulsion * 2e5


@pytest.mark.parametrize("rate", [0.001, 1.0])
def test_a_step_is_the_gradient_at_the_rate_that_each_rows_curvature_allows(rate: float) -> None:
    batch, (vector, context) = make_batch(RAGGED, 3, 2, 4), random_tables(6, 5)
    _, *directions = gradients_by_row(batch, 5, vector, context)
    curvatures = sgns_batches.compute_curvatures(batch, 5, vector, context)
    step_sizes = [rate / torch.clamp(curvature * rate / 2, min=1) for curvature in curvatures]
    expected = [t + size[:, None] * d for t, size, d in zip((vector, context), step_sizes, directions, strict=True)]
    assert (min(size.min() for size in step_sizes) < rate) == (rate == 1.0)  # the bound applies at the higher rate alone
    scratch, step_curvature = torch.zeros(6, dtype=torch.float64), torch.ones(2, 6)
    expected_curvature = [1 + size * curvature for size, curvature in zip(step_sizes, curvatures, strict=True)]
    torch_step.step_batch(vector, context, sgns_batches.tile_indices(batch), 5, rate, scratch, step_curvature)
    torch.testing.assert_close((vector, context), tuple(expected), rtol=1e-9, atol=1e-9)
    assert not scratch.any()
    torch.testing.assert_close(step_curvature, torch.stack(expected_curvature).float())


def test_steps_along_the_gradient_raise_the_likelihood() -> None:
    batch, (vector, context) = make_batch(RAGGED, 2, 3, 4), random_tables(6, 5, 0.1)
    gradients, by_vector, by_context = gradients_by_row(batch, 5, vector, context)
    loss_after = gradients_by_row(batch, 5, vector + 1e-4 * by_vector, context + 1e-4 * by_context)[0].loss
    expected = 1e-4 * float((by_vector**2).sum() + (by_context**2).sum())
    assert float(gradients.loss - loss_after) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("walks", [HUB, PING_PONG], ids=["hub", "ping-pong"])
def test_bounded_steps_stay_finite_and_the_loss_falls(walks: list[list[int]], rate: float) -> None:
    """The first steps may overshoot: the tables are small, so are their curvatures, and both grow within a step."""
    batch, (vector, context) = make_batch(walks, 5, 5, 16, n=24), random_tables(24, 8, 0.1, torch.float32)
    tiles, scratch = sgns_batches.tile_indices(batch), torch.zeros(24)
    losses = [float(torch_step.step_batch(vector, context, tiles, 5, rate, scratch)[0]) for _ in range(100)]
    assert all(map(math.isfinite, losses))
    assert losses[-1] < 0.7 * losses[0]
    assert max(losses[5:]) < losses[0]
    assert float(max(vector.abs().max(), context.abs().max())) < 20


def test_without_the_bound_the_same_steps_diverge() -> None:
    batch, (vector, context) = make_batch(PING_PONG, 5, 5, 16, n=24), random_tables(24, 8, 0.1, torch.float32)
    first_loss = float(gradients_by_row(batch, 5, vector, context)[0].loss)
    for _ in range(50):
        gradients, by_vector, by_context = gradients_by_row(batch, 5, vector, context)
        vector, context = vector + by_vector, context + by_context
    assert not float(gradients.loss) < 100 * first_loss
