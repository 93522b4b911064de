"""The records that the skip-gram kernels share: tables, walks, hyperparameters, and a worker's scratch arrays.

Each is a NamedTuple, which numba passes by value.
"""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Float32Array, Float32Matrix, Int32Array, Int64Array, UInt32Matrix
from walkgram.kernels.sgns import simd

__all__ = ["RaggedWalks", "SgnsParams", "SgnsTables", "Workspace", "make_sgns_params", "make_workspace"]


class SgnsTables(NamedTuple):
    """The two tables that training and a warm start change in place: vector (centres) and context, each (n, dim) float32."""

    vector: Float32Matrix
    context: Float32Matrix


class RaggedWalks(NamedTuple):
    """Walks of any lengths: walk w is values[starts[w] : starts[w] + lengths[w]].

    values (t,) int32: rows of the tables; starts, lengths, walk_ids (m,) int64.
    """

    values: Int32Array
    starts: Int64Array
    lengths: Int64Array
    walk_ids: Int64Array


class SgnsParams(NamedTuple):
    """The hyperparameters of skip-gram with negative sampling, in the form that the kernel reads.

    window_weights (2 window + 1,) float32: the weight of a context at offset -window..window from its centre, 0 at 0.
    weight_sums (2 window + 2,) float32: the sum of the window weights before each.
    tile_size: centres of a tile. shared_negatives: negatives that the centres of a tile share.
    negative_scale: the weight of each of them, where the contexts of a centre weigh 1.
    alias_table (n, 2) uint32: thresholds and aliases of the negatives' distribution over the rows.
    keep_probability (n,) float32: the probability that subsampling keeps a token of the row.
    """

    window_weights: Float32Array
    weight_sums: Float32Array
    tile_size: int
    shared_negatives: int
    negative_scale: np.float32
    alias_table: UInt32Matrix
    keep_probability: Float32Array


class Workspace(NamedTuple):
    """The scratch arrays of one worker. A tile has m = 2 tile_size + 2 window + shared_negatives rows.

    rows (2 m, padded dim) float32: copies of the tile's centre, context and negative rows, then their ascent directions.
    coefficients (tile_size * width,) float32: the factors of each centre's contexts and negatives, width = len(scores).
    scores (2 window + 1 + shared_negatives,) float32: the products of one centre with its contexts and negatives.
    squared_norms, curvatures (m,) float32: of the tile's rows. row_indices (m,) int64: their rows in the tables.
    curvature_by_row (n,) float32: the curvatures summed by row of a table; zeros between tiles.
    step_curvature (2, n) float32, or (2, 0) where nobody needs it: the sum of step size times curvature by row of both tables.
    """

    rows: Float32Matrix
    coefficients: Float32Array
    scores: Float32Array
    squared_norms: Float32Array
    curvatures: Float32Array
    curvature_by_row: Float32Array
    row_indices: Int64Array
    step_curvature: Float32Matrix


def make_sgns_params(
    distance_weights: Float32Array,
    tile_size: int,
    shared_negatives: int,
    negatives: float,
    alias_table: UInt32Matrix,
    keep_probability: Float32Array,
) -> SgnsParams:
    """Return the parameters for window weights by distance, (window + 1,) float32 with 0 at distance 0.

    negatives: what the negatives of a centre weigh together, where its contexts weigh 1; 0 for none.
    """
    window_weights = np.concatenate([distance_weights[:0:-1], distance_weights])
    return SgnsParams(
        window_weights=window_weights,
        weight_sums=np.append(0, np.cumsum(window_weights, dtype=np.float64)).astype(np.float32),
        tile_size=tile_size,
        shared_negatives=shared_negatives if negatives else 0,
        negative_scale=np.float32(negatives / max(1, shared_negatives)),
        alias_table=alias_table,
        keep_probability=keep_probability,
    )


def make_workspace(params: SgnsParams, n: int, dim: int, with_step_curvature: bool = False) -> Workspace:
    """Return a worker's scratch for tables (n, dim): 4 n bytes, 12 n with the step curvature, and the arrays of a tile."""
    num_offsets = len(params.window_weights)
    num_rows = 2 * params.tile_size + num_offsets - 1 + params.shared_negatives
    width = num_offsets + params.shared_negatives
    return Workspace(
        rows=simd.allocate_aligned(2 * num_rows, simd.pad_dim(dim)),
        coefficients=np.zeros(params.tile_size * width, np.float32),
        scores=np.zeros(width, np.float32),
        squared_norms=np.zeros(num_rows, np.float32),
        curvatures=np.zeros(num_rows, np.float32),
        curvature_by_row=np.zeros(n, np.float32),
        row_indices=np.zeros(num_rows, np.int64),
        step_curvature=np.zeros((2, n if with_step_curvature else 0), np.float32),
    )
