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

__all__ = ["Gradients", "climb", "gradients", "pair_weights"]


class Gradients(NamedTuple):
    """Ascent directions of the objective by position (not yet summed by row), and the loss: a sum, and its weight.

    centre, context: (walks, length, dim); negative: (shared, dim). The curvatures, without the last axis, bound the
    objective's second derivative along that row: sigmoid' is at most 1/4.
    """

    centre: Tensor
    context: Tensor
    negative: Tensor
    centre_curvature: Tensor
    context_curvature: Tensor
    negative_curvature: Tensor
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
    own, theirs, shared = (x.square().sum(-1) / 4 for x in (centre, context, negative))
    loss = -(weights * logsigmoid(scores)).sum() - (each * logsigmoid(-against)).sum()
    return Gradients(
        centre=pull @ context - push @ negative,
        context=pull.transpose(1, 2) @ centre,
        negative=-(push.flatten(0, 1).T @ centre.flatten(0, 1)),
        centre_curvature=(weights @ theirs[:, :, None])[:, :, 0] + each[:, :, 0] * shared.sum(),
        context_curvature=(weights.transpose(1, 2) @ own[:, :, None])[:, :, 0],
        negative_curvature=(each[:, :, 0] * own).sum().expand(negative.shape[0]),
        loss=loss,
        weight=weights.sum(),
    )


def climb(table: Tensor, rows: Tensor, directions: Tensor, curvatures: Tensor, rate: float, scratch: Tensor) -> None:
    """table[rows] += rate * directions, summed by row, no row further than is stable.

    A row that stands in a batch many times (a hub, a small graph) receives the sum of its gradients, all taken at the
    same point; where rate times its curvature exceeds 2, gradient steps overshoot and grow without end. Such a row's
    rate is lowered to that limit. rows (m,) int64, directions (m, dim), curvatures (m,); scratch (n,) of zeros, before
    and after.
    """
    scratch.index_add_(0, rows, curvatures)
    rates = rate / torch.clamp(scratch[rows] * (rate / 2), min=1.0)
    scratch[rows] = 0.0
    table.index_add_(0, rows, directions * rates[:, None])
