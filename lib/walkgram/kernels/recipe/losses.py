"""Losses from logits: finite for every logit, with gradients that rounding does not set to zero."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["weighted_bce"]


def weighted_bce(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the batch (not over the weights) of weight * binary cross-entropy; all (batch,) float32."""
    return torch.mean(weights * binary_cross_entropy_with_logits(logits, labels, reduction="none"))
