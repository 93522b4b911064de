"""Weights of pairs from counts: pmi and its variants. Natural logarithm throughout.

Church & Hanks 1990 (pmi); Bouma 2009 (npmi); Levy, Goldberg & Dagan 2015, section 3 (shifted, context smoothing).
The order of the sums makes a weight the same, to the last bit, for either order of an undirected pair.
"""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolArray, Float64Array, Int64Array
from walkgram.kernels.jit import njit
from walkgram.kernels.pairs.accumulator import PairRows

__all__ = [
    "FORMULAS",
    "EdgeBuffer",
    "EdgeCuts",
    "ItemStats",
    "PmiParams",
    "make_item_stats",
    "make_pmi_params",
    "output_buffer",
    "weigh_and_filter",
    "weigh_pairs",
]

FORMULAS = ("pmi_frequency", "pmi", "ppmi", "npmi", "shifted", "frequency", "cosine")
PMI_FREQUENCY, PMI, PPMI, NPMI, SHIFTED, FREQUENCY, COSINE = range(7)
LOG_TABLE = np.log(np.maximum(np.arange(1 << 12), 1.0))  # most counts are small integers


class PmiParams(NamedTuple):
    """The parameters of a weight: the number of its formula, N, ln N, ln k, a, ln sum f^a; is_directed: y is the context."""

    formula: int
    normalizer: float
    log_normalizer: float
    log_shift: float
    smoothing: float
    log_smoothed: float
    is_directed: bool


class JointCounts(NamedTuple):
    """f(x,y) of each pair: values (m,) int64, uint32 or float64, in units of `scale`."""

    values: Int64Array
    scale: float


class ItemStats(NamedTuple):
    """Statistics of the items, each (n,): f(x) and ln f(x), float64; is_frequent, bool: the item may have edges."""

    f: Float64Array
    log_f: Float64Array
    is_frequent: BoolArray


class EdgeCuts(NamedTuple):
    """The least frequency and the least weight of an edge, whose weight must also be above 0."""

    min_frequency: int
    min_weight: float


class EdgeBuffer(NamedTuple):
    """Edges, each (m,): src, dst, frequency int64; pmi, weight float64."""

    src: Int64Array
    dst: Int64Array
    frequency: Int64Array
    pmi: Float64Array
    weight: Float64Array


def make_pmi_params(
    formula: str,
    normalizer: float,
    shift: float = 1.0,
    smoothing: float = 1.0,
    smoothed_total: float = 0.0,
    is_directed: bool = False,
) -> PmiParams:
    """Return the parameters of a formula; normalizer: N; smoothed_total: sum f^a. Raises `KeyError` for an unknown formula."""
    if formula not in FORMULAS:
        raise KeyError(formula)
    return PmiParams(
        formula=FORMULAS.index(formula),
        normalizer=float(normalizer),
        log_normalizer=float(np.log(normalizer)),
        log_shift=float(np.log(shift)),
        smoothing=smoothing,
        log_smoothed=float(np.log(smoothed_total)) if smoothing != 1.0 else 0.0,
        is_directed=is_directed,
    )


def make_item_stats(f: Float64Array, is_frequent: BoolArray) -> ItemStats:
    """Return the statistics of items with the counts f(x)."""
    return ItemStats(f, np.log(np.maximum(f, np.finfo(np.float64).tiny)), is_frequent)


def output_buffer(size: int) -> EdgeBuffer:
    """Allocate a buffer of `size` edges."""
    return EdgeBuffer(*np.empty((3, size), np.int64), *np.empty((2, size)))


@njit
def apply_formula(params: PmiParams, pmi: float, joint: float) -> float:
    """Return the weight of one direction's pmi; NaN, which makes no edge, for a formula without a branch."""
    if params.formula == PMI:
        return pmi
    if params.formula == PMI_FREQUENCY:
        return pmi * joint
    if params.formula == PPMI:
        return max(pmi, 0.0)
    if params.formula == SHIFTED:
        return max(pmi - params.log_shift, 0.0)
    if params.formula == NPMI:  # 1 where f(x,y) = N
        return 1.0 if joint >= params.normalizer else pmi / -np.log(joint / params.normalizer)
    return np.nan


@njit
def weigh_pair(
    params: PmiParams, joint: float, log_joint: float, fx: float, fy: float, log_x: float, log_y: float
) -> tuple[float, float]:
    """Return (pmi, weight) of the pair (x, y).

    With smoothing y is the context: f(y)^a / sum f^a replaces f(y)/N. An undirected pair has the means of both directions.
    """
    pmi = (log_joint + params.log_normalizer) - (log_x + log_y)
    if params.formula == FREQUENCY:
        return pmi, joint
    if params.formula == COSINE:
        return pmi, joint / np.sqrt(fx * fy)
    if params.smoothing == 1.0:
        return pmi, apply_formula(params, pmi, joint)
    forward = (log_joint + params.log_smoothed) - (log_x + params.smoothing * log_y)
    if params.is_directed:
        return forward, apply_formula(params, forward, joint)
    backward = (log_joint + params.log_smoothed) - (log_y + params.smoothing * log_x)
    weight = (apply_formula(params, forward, joint) + apply_formula(params, backward, joint)) / 2
    return (forward + backward) / 2, weight


def weigh_pairs(
    joint: Float64Array, fx: Float64Array, fy: Float64Array, params: PmiParams
) -> tuple[Float64Array, Float64Array]:
    """Return (pmi, weight) of pairs, each (m,) float64; pmi = ln f(x,y) - ln f(x) - ln f(y) + ln N.

    joint, fx, fy: (m,) float64 counts, all above 0. `frequency` and `cosine` are not smoothed: their pmi is the plain one.
    """
    return weigh_arrays(params, joint, fx, fy)


@njit
def weigh_arrays(
    params: PmiParams, joint: Float64Array, fx: Float64Array, fy: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Compute the result of `weigh_pairs`."""
    pmi, weight = np.empty(len(joint)), np.empty(len(joint))
    for k in range(len(joint)):
        x, y = fx[k], fy[k]
        pmi[k], weight[k] = weigh_pair(params, joint[k], np.log(joint[k]), x, y, np.log(x), np.log(y))
    return pmi, weight


def weigh_and_filter(
    rows: PairRows,
    joint: np.ndarray,
    scale: float,
    items: ItemStats,
    params: PmiParams,
    cuts: EdgeCuts,
    row_first: bool,
    out: EdgeBuffer,
) -> EdgeBuffer:
    """Weigh counted rows and return the pairs that pass the cuts: views of `out`, which has a place for each pair.

    joint (m,): f(x,y) in units of `scale` (the frequency itself, or the support). row_first: src is the row's item, else
    its partner. Linear in m.
    """
    num_edges = fill_edges(out, rows, JointCounts(joint, scale), items, params, cuts, row_first, LOG_TABLE)
    return EdgeBuffer(
        out.src[:num_edges], out.dst[:num_edges], out.frequency[:num_edges], out.pmi[:num_edges], out.weight[:num_edges]
    )


@njit
def fill_edges(
    out: EdgeBuffer,
    rows: PairRows,
    joint: JointCounts,
    items: ItemStats,
    params: PmiParams,
    cuts: EdgeCuts,
    row_first: bool,
    log_table: Float64Array,
) -> int:
    """Fill `out` with the edges of `weigh_and_filter`; return their number."""
    num_edges = 0
    for k in range(len(rows.row)):
        item = rows.row[k]
        if not items.is_frequent[item]:
            continue
        for pair in range(rows.ptr[k], rows.ptr[k + 1]):
            partner = np.int64(rows.partner[pair])
            if rows.frequency[pair] < cuts.min_frequency or not items.is_frequent[partner]:
                continue
            count = joint.values[pair] * joint.scale
            integer = np.int64(count)
            log_count = log_table[integer] if integer == count and integer < len(log_table) else np.log(count)
            x, y = (item, partner) if row_first else (partner, item)
            pmi, weight = weigh_pair(params, count, log_count, items.f[x], items.f[y], items.log_f[x], items.log_f[y])
            if weight > 0 and weight >= cuts.min_weight:
                out.src[num_edges], out.dst[num_edges] = x, y
                out.frequency[num_edges] = rows.frequency[pair]
                out.pmi[num_edges], out.weight[num_edges] = pmi, weight
                num_edges += 1
    return num_edges
