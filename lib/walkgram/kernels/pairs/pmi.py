"""Weights of pairs from counts: pmi and its kin. Natural logarithm throughout.

Church & Hanks 1990 (pmi); Bouma 2009 (npmi); Levy, Goldberg & Dagan 2015, section 3 (shifted, context smoothing).
Sums are so ordered that a weight is the same, to the last bit, whichever end of an undirected pair comes first.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = [
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

Floats = NDArray[np.float64]
FORMULAS = ("pmi_frequency", "pmi", "ppmi", "npmi", "shifted", "frequency", "cosine")
PMI_FREQUENCY, PMI, PPMI, NPMI, SHIFTED, FREQUENCY, COSINE = range(7)
LOGS = np.log(np.maximum(np.arange(1 << 12), 1.0))  # of the counts that are common


class PmiParams(NamedTuple):
    """How a pair is weighed: the formula's number, N, ln N, ln k, a, ln sum f^a, and whether pairs lead from x to y alone."""

    formula: int
    total: float
    log_total: float
    log_shift: float
    smoothing: float
    log_smoothed: float
    directed: bool


class EdgeBuffer(NamedTuple):
    """Pairs that passed the cuts, each (m,): src, dst, frequency int64; pmi, weight float64."""

    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    frequency: NDArray[np.int64]
    pmi: Floats
    weight: Floats


def make_pmi_params(
    formula: str, total: float, shift: float = 1.0, smoothing: float = 1.0, smoothed_total: float = 0.0, directed: bool = False
) -> PmiParams:
    """The law of a formula. total: N; smoothed_total: sum f^a. Raises `KeyError` for an unknown formula."""
    if formula not in FORMULAS:
        raise KeyError(formula)
    smoothed = np.log(smoothed_total) if smoothing != 1.0 else 0.0
    return PmiParams(
        FORMULAS.index(formula), float(total), float(np.log(total)), float(np.log(shift)), smoothing, float(smoothed), directed
    )


@njit
def apply_formula(law: PmiParams, value: float, joint: float) -> float:
    """The weight of one direction's pmi."""
    if law.formula == PMI_FREQUENCY:
        return value * joint
    if law.formula == PPMI:
        return max(value, 0.0)
    if law.formula == SHIFTED:
        return max(value - law.log_shift, 0.0)
    if law.formula == NPMI:  # 1 where f(x,y) = N
        return 1.0 if joint >= law.total else value / -np.log(joint / law.total)
    return value


@njit
def weigh_pair(law: PmiParams, joint: float, log_joint: float, fx: float, fy: float, log_x: float, log_y: float) -> Any:
    """(pmi, weight) of the pair (x, y). With smoothing y is the context, f(y)/N becoming f(y)^a / sum f^a; the two of an
    undirected pair are the means of both directions.
    """
    value = (log_joint + law.log_total) - (log_x + log_y)
    if law.formula == FREQUENCY:
        return value, joint
    if law.formula == COSINE:
        return value, joint / np.sqrt(fx * fy)
    if law.smoothing == 1.0:
        return value, apply_formula(law, value, joint)
    forth = (log_joint + law.log_smoothed) - (log_x + law.smoothing * log_y)
    if law.directed:
        return forth, apply_formula(law, forth, joint)
    back = (log_joint + law.log_smoothed) - (log_y + law.smoothing * log_x)
    return (forth + back) / 2, (apply_formula(law, forth, joint) + apply_formula(law, back, joint)) / 2


def weigh_pairs(joint: Floats, fx: Floats, fy: Floats, how: PmiParams) -> tuple[Floats, Floats]:
    """(pmi, weight) of pairs, each (m,) float64: ln f(x,y) - ln f(x) - ln f(y) + ln N, and what the formula makes of it.

    joint, fx, fy: (m,) float64 counts, all above 0. `frequency` and `cosine` know no smoothing: their pmi is the plain one.
    """
    return weigh_arrays(how, joint, fx, fy)  # type: ignore[no-any-return]


@njit
def weigh_arrays(law: PmiParams, joint: Floats, fx: Floats, fy: Floats) -> Any:
    """`weigh`, compiled."""
    values, weights = np.empty(len(joint)), np.empty(len(joint))
    for k in range(len(joint)):
        x, y = fx[k], fy[k]
        values[k], weights[k] = weigh_pair(law, joint[k], np.log(joint[k]), x, y, np.log(x), np.log(y))
    return values, weights


class ItemStats(NamedTuple):
    """What weighing needs of the items, each (n,): f(x) and its log, float64, and whether an item may have edges, bool."""

    f: Floats
    log_f: Floats
    often: NDArray[np.bool_]


def make_item_stats(f: Floats, often: NDArray[np.bool_]) -> ItemStats:
    """`Items` of f(x)."""
    return ItemStats(f, np.log(np.maximum(f, np.finfo(np.float64).tiny)), often)


class EdgeCuts(NamedTuple):
    """The least frequency and the least weight of an edge; its weight must in any case be above 0."""

    frequency: int
    weight: float


def output_buffer(count: int) -> EdgeBuffer:
    """Room for `count` pairs."""
    return EdgeBuffer(*np.empty((3, count), np.int64), *np.empty((2, count)))


def weigh_and_filter(
    counts: Any, joint: Any, scale: float, of: ItemStats, how: PmiParams, cuts: EdgeCuts, row_first: bool, into: EdgeBuffer
) -> EdgeBuffer:
    """Weigh counted rows and keep the pairs that pass the cuts: views of `into`, which has room for all.

    counts: `gram.Rows`; joint (m,): what f(x,y) is in the formulas, in units of `scale` (the frequency itself, or the
    support). row_first: src is the row's item, else its partner. Linear in m.
    """
    found = fill_edges(
        into, counts.row, counts.ptr, counts.partner, counts.frequency, joint, scale, of, how, cuts, row_first, LOGS
    )
    return EdgeBuffer(into.src[:found], into.dst[:found], into.frequency[:found], into.pmi[:found], into.weight[:found])


@njit
def fill_edges(
    made: EdgeBuffer, row: Any, ptr: Any, partner: Any, frequency: Any, joint: Any, scale: float, of: ItemStats,
    law: PmiParams, cuts: EdgeCuts, row_first: bool, logs: Floats,
) -> int:  # fmt: skip
    """`kept`, compiled; returns how many."""
    found = 0
    for k in range(len(row)):
        item = row[k]
        if not of.often[item]:
            continue
        for at in range(ptr[k], ptr[k + 1]):
            other = np.int64(partner[at])
            if frequency[at] < cuts.frequency or not of.often[other]:
                continue
            count = joint[at] * scale
            whole = np.int64(count)
            log_count = logs[whole] if whole == count and whole < len(logs) else np.log(count)
            x, y = (item, other) if row_first else (other, item)
            value, weight = weigh_pair(law, count, log_count, of.f[x], of.f[y], of.log_f[x], of.log_f[y])
            if weight > 0 and weight >= cuts.weight:
                made.src[found], made.dst[found], made.frequency[found] = x, y, frequency[at]
                made.pmi[found], made.weight[found] = value, weight
                found += 1
    return found
