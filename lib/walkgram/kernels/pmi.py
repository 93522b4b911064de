"""Weights of pairs from counts: pmi and its kin. Natural logarithm throughout; every function is elementwise.

Church & Hanks 1990 (pmi); Bouma 2009 (npmi); Levy, Goldberg & Dagan 2015, section 3 (shifted, context smoothing).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["pmi", "weigh"]

Floats = NDArray[np.float64]


def pmi(joint: Floats, fx: Floats, fy: Floats, total: float, smoothing: float = 1.0, smoothed_total: float = 0.0) -> Floats:
    """ln f(x,y) - ln f(x) - ln f(y) + ln N, of y given x where `smoothing` a < 1.

    With smoothing f(y)/N becomes f(y)^a / sum f^a: ln f(x,y) - ln f(x) - a ln f(y) + ln `smoothed_total` (sum f^a).

    joint, fx, fy: (m,) float64 counts, all above 0. Returns (m,) float64.
    """
    if smoothing == 1.0:
        return np.asarray(np.log(joint) - np.log(fx) - np.log(fy) + np.log(total))
    return np.asarray(np.log(joint) - np.log(fx) - smoothing * np.log(fy) + np.log(smoothed_total))


def weigh(
    joint: Floats,
    fx: Floats,
    fy: Floats,
    total: float,
    formula: str,
    shift: float = 1.0,
    smoothing: float = 1.0,
    smoothed_total: float = 0.0,
) -> tuple[Floats, Floats]:
    """(pmi, weight) of undirected pairs, each (m,) float64; with smoothing both are the mean of the two directions.

    `frequency` and `cosine` know no smoothing: their pmi is the plain one.

    joint, fx, fy: (m,) float64 counts; total: N; shift: k of `shifted`. Raises `KeyError` for an unknown formula.
    """
    if formula in ("frequency", "cosine"):
        value = pmi(joint, fx, fy, total)
        return value, joint if formula == "frequency" else joint / np.sqrt(fx * fy)
    if smoothing == 1.0:
        value = pmi(joint, fx, fy, total)
        return value, FORMULAS[formula](value, joint, total, shift)
    forth = pmi(joint, fx, fy, total, smoothing, smoothed_total)
    back = pmi(joint, fy, fx, total, smoothing, smoothed_total)
    weights = FORMULAS[formula](forth, joint, total, shift) + FORMULAS[formula](back, joint, total, shift)
    return (forth + back) / 2, weights / 2


def npmi(value: Floats, joint: Floats, total: float, _: float) -> Floats:
    """pmi / -ln(f(x,y)/N), 1 where f(x,y) = N."""
    certain = joint >= total
    scale = np.where(certain, 1.0, -np.log(joint / total))
    return np.where(certain, 1.0, value / scale)


FORMULAS: dict[str, Callable[[Floats, Floats, float, float], Floats]] = {
    "pmi_frequency": lambda value, joint, total, shift: value * joint,
    "pmi": lambda value, joint, total, shift: value,
    "ppmi": lambda value, joint, total, shift: np.maximum(value, 0.0),
    "npmi": npmi,
    "shifted": lambda value, joint, total, shift: np.maximum(value - np.log(shift), 0.0),
}
