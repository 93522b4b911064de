"""Closed-form gradients against autograd of the same objective as loops over pairs; losses at the ends of the scale."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from walkgram.kernels import losses, sgns, windows

Pair = tuple[Tensor, Tensor]
RAGGED = [[0, 1, 2, 1, 3], [4], [2, 2, 0], [3, 4, 3, 4]]
SHARED = [1, 5, 5, 0]


def tables(scale: float = 1.0) -> Pair:
    generator = torch.Generator().manual_seed(3)
    return tuple(scale * torch.randn(6, 5, dtype=torch.float64, generator=generator) for _ in range(2))  # type: ignore


def batch(walks: list[list[int]]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, walks))
    return torch.tensor([w + [0] * (longest - len(w)) for w in walks]), torch.tensor([len(w) for w in walks])


def objective(walks: list[list[int]], shared: list[int], window: int, k: float, tables: Pair) -> Tensor:
    """Minus the log-likelihood, pair by pair: each context by its weight, and k / len(shared) of it each negative."""
    inward, outward = tables
    total = torch.zeros((), dtype=torch.float64)
    for walk in walks:
        for i, centre in enumerate(walk):
            for j, context in enumerate(walk):
                if not 0 < abs(i - j) <= window:
                    continue
                weight = (window - abs(i - j) + 1) / window
                total = total - weight * logsigmoid(inward[centre] @ outward[context])
                for negative in shared:
                    total = total - weight * k / len(shared) * logsigmoid(-inward[centre] @ outward[negative])
    return total


def by_row(walks: list[list[int]], shared: list[int], window: int, k: float, tables: Pair) -> list[Tensor]:
    """The loss, and the kernel's ascent directions summed by row of the tables."""
    (rows, lengths), (inward, outward) = batch(walks), tables
    weights = sgns.pair_weights(torch.from_numpy(windows.band(rows.shape[1], window)).double(), lengths)
    drawn = torch.tensor(shared, dtype=torch.long)
    found = sgns.gradients(inward[rows], outward[rows], outward[drawn], weights, k)
    centre = torch.zeros_like(inward).index_add_(0, rows.flatten(), found.centre.flatten(0, 1))
    context = torch.zeros_like(outward).index_add_(0, rows.flatten(), found.context.flatten(0, 1))
    return [found.loss, centre, context.index_add_(0, drawn, found.negative)]


@pytest.mark.parametrize("window", [1, 2, 10])
@pytest.mark.parametrize("negatives", [5, 1, 0])
@pytest.mark.parametrize("walks", [RAGGED, [[4]], [[1, 1]], [[0, 1]]], ids=str)
def test_gradients_are_those_of_the_loops(walks: list[list[int]], negatives: int, window: int) -> None:
    inward, outward = (t.requires_grad_() for t in tables())
    loss = objective(walks, SHARED, window, negatives, (inward, outward))
    wanted = torch.autograd.grad(loss + 0 * (inward.sum() + outward.sum()), (inward, outward))
    with torch.no_grad():
        found = by_row(walks, SHARED, window, negatives, (inward, outward))
    for got, expected in zip(found, [loss.detach(), -wanted[0], -wanted[1]], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


def test_the_weight_is_the_sum_of_the_band_inside_the_walks() -> None:
    lengths = batch(RAGGED)[1]
    weights = sgns.pair_weights(torch.from_numpy(windows.band(5, 2)), lengths)
    found = sgns.gradients(torch.zeros(4, 5, 2), torch.zeros(4, 5, 2), torch.zeros(3, 2), weights, 5)
    places = [(i, j) for walk in RAGGED for i in range(len(walk)) for j in range(len(walk))]
    expected = sum((3 - abs(i - j)) / 2 for i, j in places if 0 < abs(i - j) < 3)
    assert float(found.weight) == pytest.approx(expected)
    assert float(found.loss) == pytest.approx(expected * math.log(2) * 6)


def test_a_batch_without_negatives_only_pulls() -> None:
    inward, outward = tables()
    loss, centre, _ = by_row(RAGGED, [], 2, 0, (inward, outward))
    expected = objective(RAGGED, [], 2, 0, (inward, outward))
    torch.testing.assert_close(loss, expected)
    assert centre.abs().sum() > 0


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_of_a_billion_give_finite_gradients(sign: int) -> None:
    """A centre at logit +-1e9 with its context and its negative: the wrong one of the two has the whole gradient."""
    centre = torch.full((1, 2, 1), 1e5)
    context, negative = torch.full((1, 2, 1), sign * 1e4), torch.full((1, 1), sign * 1e4)
    found = sgns.gradients(centre, context, negative, torch.from_numpy(windows.band(2, 1))[None], 1)
    assert all(torch.isfinite(part).all() for part in found)
    assert float(found.loss) == pytest.approx(2e9)
    pulled, pushed = (0, 1) if sign == 1 else (1, 0)
    assert found.context.flatten().tolist() == [pulled * 1e5] * 2
    assert found.negative.item() == -pushed * 2e5


def test_steps_along_the_gradient_raise_the_likelihood() -> None:
    inward, outward = tables(0.1)
    before, centre, context = by_row(RAGGED, SHARED, 2, 5, (inward, outward))
    after = by_row(RAGGED, SHARED, 2, 5, (inward + 1e-3 * centre, outward + 1e-3 * context))[0]
    fall = 1e-3 * float((centre**2).sum() + (context**2).sum())
    assert float(before - after) == pytest.approx(fall, rel=0.05)


def test_weighted_bce_is_the_formula_over_the_batch_not_over_the_weights() -> None:
    logits, labels, weights = [0.3, -2.0, 1.5], [1.0, 0.0, 0.0], [2.0, 1.0, 7.0]
    terms = [w * math.log1p(math.exp(-x if y else x)) for x, y, w in zip(logits, labels, weights, strict=True)]
    found = losses.weighted_bce(*(torch.tensor(a, dtype=torch.float64) for a in (logits, labels, weights)))
    assert float(found) == pytest.approx(sum(terms) / 3, abs=1e-12)


@pytest.mark.parametrize(("logit", "label", "loss", "slope"), [
    (1e9, 1.0, 0.0, 0.0), (-1e9, 1.0, 1e9, -1.0), (1e9, 0.0, 1e9, 1.0), (-1e9, 0.0, 0.0, 0.0),
    (0.0, 1.0, math.log(2), -0.5),
])  # fmt: skip
def test_bce_and_its_slope_at_the_ends(logit: float, label: float, loss: float, slope: float) -> None:
    logits = torch.tensor([logit], requires_grad=True)
    found = losses.weighted_bce(logits, torch.tensor([label]), torch.ones(1))
    found.backward()
    assert found.item() == pytest.approx(loss)
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(slope)


def test_examples_of_weight_zero_pull_nothing() -> None:
    logits = torch.tensor([3.0, -3.0], requires_grad=True)
    losses.weighted_bce(logits, torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])).backward()
    assert logits.grad is not None
    assert logits.grad[0] == 0
    assert logits.grad[1] < 0
