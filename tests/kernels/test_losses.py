"""Losses by their formulas, and at the ends of the scale."""

import math

import pytest
import torch

from walkgram.kernels.recipe import losses


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
