"""Losses: against the formula, and at extreme logits."""

import math

import pytest
import torch

from walkgram.kernels.recipe import losses


def test_weighted_bce_is_the_mean_over_the_batch() -> None:
    logits, labels, weights = [0.3, -2.0, 1.5], [1.0, 0.0, 0.0], [2.0, 1.0, 7.0]
    terms = [w * math.log1p(math.exp(-x if y else x)) for x, y, w in zip(logits, labels, weights, strict=True)]
    loss = losses.weighted_bce(*(torch.tensor(a, dtype=torch.float64) for a in (logits, labels, weights)))
    assert float(loss) == pytest.approx(sum(terms) / 3, abs=1e-12)


@pytest.mark.parametrize(("logit", "label", "expected", "gradient"), [
    (1e9, 1.0, 0.0, 0.0), (-1e9, 1.0, 1e9, -1.0), (1e9, 0.0, 1e9, 1.0), (-1e9, 0.0, 0.0, 0.0),
    (0.0, 1.0, math.log(2), -0.5),
])  # fmt: skip
def test_bce_and_its_gradient_at_extreme_logits(logit: float, label: float, expected: float, gradient: float) -> None:
    logits = torch.tensor([logit], requires_grad=True)
    loss = losses.weighted_bce(logits, torch.tensor([label]), torch.ones(1))
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(expected)
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(gradient)


def test_examples_of_weight_zero_have_no_gradient() -> None:
    logits = torch.tensor([3.0, -3.0], requires_grad=True)
    loss = losses.weighted_bce(logits, torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad[0] == 0
    assert logits.grad[1] < 0
