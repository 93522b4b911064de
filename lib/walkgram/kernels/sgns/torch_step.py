"""Skip-gram with negative sampling over tiles of walks (`tiles`), as dense products with closed-form gradients.

The objective is Mikolov et al. 2013b, equation 4, summed over the batch: weight * log sigmoid(x.c) for a centre x and a
context c, weight * log sigmoid(-x.n) for a negative n. The centres of a tile share its contexts, masked to their windows,
and its negatives, which are weighted so that a centre's negatives weigh `negatives` times its contexts. The gradients are four
more products, without autograd and without a list of pairs. This is the plain path for any device, and the oracle of the
tests of `cpu` and `triton_step`.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["NO_CURVATURE", "Gradients", "TileIndices", "apply_bounded_update", "compute_gradients", "step_batch"]


class Gradients(NamedTuple):
    """Ascent directions of the objective at each place of the tiles, not yet summed by row; the loss and its weight, as sums.

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
    """A batch of tiles on the tables' device, as rows of the tables and weights of the pairs.

    centre_rows (tiles, G), context_rows (tiles, T), negative_rows (tiles, K), all int64; pair_weights (tiles, G, T) of each
    (centre, context), 0 where either is outside the walk: its row is read but not moved.
    """

    centre_rows: Tensor
    context_rows: Tensor
    negative_rows: Tensor
    pair_weights: Tensor


def compute_gradients(centre: Tensor, context: Tensor, negative: Tensor, pair_weights: Tensor, negatives: float) -> Gradients:
    """Return the gradients of a batch of tiles; O(tiles * G * (T + K) * dim).

    centre: (tiles, G, dim) rows of the vector table; context: (tiles, T, dim) and negative: (tiles, K, dim) rows of the
    context table; pair_weights: (tiles, G, T); negatives: the weight of a centre's negatives, where its contexts weigh 1.
    All are of one floating type.
    """
    context_scores = torch.bmm(centre, context.transpose(1, 2))  # (tiles, G, T)
    negative_scores = torch.bmm(centre, negative.transpose(1, 2))  # (tiles, G, K)
    negative_weights = pair_weights.sum(2, keepdim=True) * (negatives / max(1, negative.shape[1]))  # (tiles, G, 1)
    attraction = pair_weights * torch.sigmoid(-context_scores)
    repulsion = negative_weights * torch.sigmoid(negative_scores)
    centre_norms, context_norms, negative_norms = (x.square().sum(-1, keepdim=True) / 4 for x in (centre, context, negative))
    loss = -(pair_weights * logsigmoid(context_scores)).sum() - (negative_weights * logsigmoid(-negative_scores)).sum()
    return Gradients(
        centre=torch.bmm(attraction, context) - torch.bmm(repulsion, negative),
        context=torch.bmm(attraction.transpose(1, 2), centre),
        negative=-torch.bmm(repulsion.transpose(1, 2), centre),
        centre_curvature=(
            torch.bmm(pair_weights, context_norms) + negative_weights * negative_norms.sum(1, keepdim=True)
        ).squeeze(2),
        context_curvature=torch.bmm(pair_weights.transpose(1, 2), centre_norms).squeeze(2),
        negative_curvature=(negative_weights * centre_norms).sum(1).expand(-1, negative.shape[1]),
        loss=loss,
        weight=pair_weights.sum(),
    )


NO_CURVATURE = torch.empty(2, 0)


def apply_bounded_update(
    table: Tensor,
    rows: Tensor,
    directions: Tensor,
    curvatures: Tensor,
    learning_rate: float,
    scratch: Tensor,
    step_curvature: Tensor,
) -> None:
    """Add learning_rate * directions, summed by row, to table[rows], each row no further than is stable.

    A row that occurs many times in a batch (a hub, a small graph) receives the sum of its gradients, all taken at the same
    point. Where the rate times its curvature exceeds 2, gradient steps overshoot and grow without end: the row's rate is
    lowered to that limit. rows (m,) int64, directions (m, dim), curvatures (m,); scratch (n,) of zeros, before and after;
    step_curvature (n,), or (0,): gains each row's step times its curvature.
    """
    scratch.index_add_(0, rows, curvatures)
    step_sizes = learning_rate / torch.clamp(scratch[rows] * (learning_rate / 2), min=1.0)
    if len(step_curvature):  # indexing does not accumulate: all places of a row write the same sum
        step_curvature[rows] += (scratch[rows] * step_sizes).to(step_curvature.dtype)
    scratch[rows] = 0.0
    table.index_add_(0, rows, directions * step_sizes[:, None])


@torch.no_grad()
def step_batch(
    vector: Tensor,
    context: Tensor,
    tiles: TileIndices,
    negatives: float,
    learning_rate: float,
    scratch: Tensor,
    step_curvature: Tensor = NO_CURVATURE,
) -> tuple[Tensor, Tensor]:
    """Make one bounded step of both tables (n, dim), float32 or float64, all gradients at one point; return (loss, weight).

    Both are sums over the batch. scratch (n,) of zeros, of the tables' type, before and after; step_curvature (2, n)
    float32, or (2, 0), of both tables' rows. O(tiles * (G + T + K) * dim) memory.
    """
    pair_weights = tiles.pair_weights.to(vector.dtype)
    gradients = compute_gradients(
        vector[tiles.centre_rows], context[tiles.context_rows], context[tiles.negative_rows], pair_weights, negatives
    )
    apply_bounded_update(  # the vector table may move first: the gradients of both tables are already taken
        vector,
        tiles.centre_rows.flatten(),
        gradients.centre.flatten(0, 1),
        gradients.centre_curvature.flatten(),
        learning_rate,
        scratch,
        step_curvature[0],
    )
    rows = torch.cat([tiles.context_rows.flatten(), tiles.negative_rows.flatten()])
    directions = torch.cat([gradients.context.flatten(0, 1), gradients.negative.flatten(0, 1)])
    curvatures = torch.cat([gradients.context_curvature.flatten(), gradients.negative_curvature.flatten()])
    apply_bounded_update(context, rows, directions, curvatures, learning_rate, scratch, step_curvature[1])
    return gradients.loss, gradients.weight
