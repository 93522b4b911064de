"""Skip-gram with negative sampling over a batch of whole walks, as dense products with closed-form gradients.

Mikolov et al. 2013b, equation 4, summed over the batch: for a centre x and context c weight * log sigmoid(x.c), for a
negative n weight * log sigmoid(-x.n). The contexts of a walk are the walk itself, masked to the window's band; the
negatives are shared by the batch, each weighted so that a centre's negatives weigh `negatives` times its contexts.
No autograd and no list of pairs: the gradients are four more products.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["Gradients", "gradients", "pair_weights"]


class Gradients(NamedTuple):
    """Ascent directions of the objective by position (not yet summed by row), and the loss: a sum, and its weight.

    centre, context: (walks, length, dim); negative: (shared, dim).
    """

    centre: Tensor
    context: Tensor
    negative: Tensor
    loss: Tensor
    weight: Tensor


def pair_weights(band: Tensor, lengths: Tensor) -> Tensor:
    """(walks, length, length): the band of each walk, 0 where either position lies behind the walk's end."""
    valid = torch.arange(band.shape[0])[None, :] < lengths[:, None]
    return band[None] * (valid[:, :, None] & valid[:, None, :])


def gradients(centre: Tensor, context: Tensor, negative: Tensor, weights: Tensor, negatives: float) -> Gradients:
    """The gradients of a batch.

    centre, context: (walks, length, dim) rows of the in and out tables at the walks' nodes; negative: (shared, dim) rows
    of the out table; weights: (walks, length, length) of each (centre, context); negatives: their weight a context.
    """
    scores = centre @ context.transpose(1, 2)  # (walks, length, length)
    against = centre @ negative.T  # (walks, length, shared)
    each = weights.sum(2, keepdim=True) * (negatives / max(1, negative.shape[0]))  # (walks, length, 1)
    pull = weights * torch.sigmoid(-scores)
    push = each * torch.sigmoid(against)
    loss = -(weights * logsigmoid(scores)).sum() - (each * logsigmoid(-against)).sum()
    return Gradients(
        centre=pull @ context - push @ negative,
        context=pull.transpose(1, 2) @ centre,
        negative=-(push.flatten(0, 1).T @ centre.flatten(0, 1)),
        loss=loss,
        weight=weights.sum(),
    )
