"""Skip-gram with negative sampling over tiles of walks (`tiles`), as dense products with closed-form gradients.

Mikolov et al. 2013b, equation 4, summed over the batch: for a centre x and context c weight * log sigmoid(x.c), for a
negative n weight * log sigmoid(-x.n). A tile's centres share its contexts, masked to their windows, and its negatives, each
weighted so that a centre's negatives weigh `negatives` times its contexts. No autograd and no list of pairs: the gradients
are four more products. This is the plain path, for any device, and what `sgns_triton` is tested against.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["NO_CURVATURE", "Gradients", "TileIndices", "apply_bounded_update", "compute_gradients", "step_batch"]


class Gradients(NamedTuple):
    """Ascent directions of the objective by place (not yet summed by row), and the loss: a sum, and its weight.

    centre: (tiles, G, dim); context: (tiles, T, dim); negative: (tiles, K, dim). The curvatures, without the last axis,
    bound the objective's second derivative along that row: sigmoid' is at most 1/4.
    """

    centre: Tensor
    context: Tensor
    negative: Tensor
    centre_curvature: Tensor
    context_curvature: Tensor
    negative_curvature: Tensor
    loss: Tensor
    weight: Tensor


class TileIndices(NamedTuple):
    """A batch of tiles on the tables' device: rows centre (tiles, G), context (tiles, T), negative (tiles, K), all int64;
    weights (tiles, G, T) of each (centre, context), 0 where either is none: its row is read but not moved.
    """

    centre: Tensor
    context: Tensor
    negative: Tensor
    weights: Tensor


def compute_gradients(centre: Tensor, context: Tensor, negative: Tensor, weights: Tensor, negatives: float) -> Gradients:
    """The gradients of a batch of tiles; O(tiles * G * (T + K) * dim).

    centre: (tiles, G, dim) rows of the in table; context: (tiles, T, dim) and negative: (tiles, K, dim) rows of the out
    table; weights: (tiles, G, T); negatives: their weight a context. All of one floating type.
    """
    scores = torch.bmm(centre, context.transpose(1, 2))  # (tiles, G, T)
    against = torch.bmm(centre, negative.transpose(1, 2))  # (tiles, G, K)
    each = weights.sum(2, keepdim=True) * (negatives / max(1, negative.shape[1]))  # (tiles, G, 1)
    pull = weights * torch.sigmoid(-scores)
    push = each * torch.sigmoid(against)
    own, theirs, shared = (x.square().sum(-1, keepdim=True) / 4 for x in (centre, context, negative))
    loss = -(weights * logsigmoid(scores)).sum() - (each * logsigmoid(-against)).sum()
    return Gradients(
        centre=torch.bmm(pull, context) - torch.bmm(push, negative),
        context=torch.bmm(pull.transpose(1, 2), centre),
        negative=-torch.bmm(push.transpose(1, 2), centre),
        centre_curvature=(torch.bmm(weights, theirs) + each * shared.sum(1, keepdim=True)).squeeze(2),
        context_curvature=torch.bmm(weights.transpose(1, 2), own).squeeze(2),
        negative_curvature=(each * own).sum(1).expand(-1, negative.shape[1]),
        loss=loss,
        weight=weights.sum(),
    )


NO_CURVATURE = torch.empty(2, 0)


def apply_bounded_update(
    table: Tensor, rows: Tensor, directions: Tensor, curvatures: Tensor, rate: float, scratch: Tensor, pace: Tensor
) -> None:
    """table[rows] += rate * directions, summed by row, no row further than is stable.

    A row that stands in a batch many times (a hub, a small graph) receives the sum of its gradients, all taken at the
    same point; where rate times its curvature exceeds 2, gradient steps overshoot and grow without end. Such a row's
    rate is lowered to that limit. rows (m,) int64, directions (m, dim), curvatures (m,); scratch (n,) of zeros, before
    and after; pace (n,), or (0,): gains each row's step times its curvature.
    """
    scratch.index_add_(0, rows, curvatures)
    rates = rate / torch.clamp(scratch[rows] * (rate / 2), min=1.0)
    if len(pace):
        pace[rows] += (scratch[rows] * rates).to(pace.dtype)  # not accumulated: of a row's places each writes the same
    scratch[rows] = 0.0
    table.index_add_(0, rows, directions * rates[:, None])


@torch.no_grad()
def step_batch(
    vector: Tensor,
    context: Tensor,
    places: TileIndices,
    negatives: float,
    rate: float,
    scratch: Tensor,
    pace: Tensor = NO_CURVATURE,
) -> tuple[Tensor, Tensor]:
    """One bounded step of both tables (n, dim), float32 or float64, all gradients at one point: (loss, weight), each a sum.

    scratch (n,) of zeros, of the tables' type, before and after; pace (2, n) float32, or (2, 0), of both tables'
    rows. O(tiles * (G + T + K) * dim) memory.
    """
    weights = places.weights.to(vector.dtype)
    found = compute_gradients(vector[places.centre], context[places.context], context[places.negative], weights, negatives)
    apply_bounded_update(
        vector, places.centre.flatten(), found.centre.flatten(0, 1), found.centre_curvature.flatten(), rate, scratch, pace[0]
    )  # the in table moves first: its gradients, like the out table's, are already taken
    rows = torch.cat([places.context.flatten(), places.negative.flatten()])
    directions = torch.cat([found.context.flatten(0, 1), found.negative.flatten(0, 1)])
    curvatures = torch.cat([found.context_curvature.flatten(), found.negative_curvature.flatten()])
    apply_bounded_update(context, rows, directions, curvatures, rate, scratch, pace[1])
    return found.loss, found.weight
