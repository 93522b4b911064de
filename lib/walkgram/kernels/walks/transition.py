"""node2vec's transition rule: the exact probabilities of a step, and the acceptance rule that the walk kernel uses.

Grover & Leskovec 2016, section 3.2: having gone from t to v, the next node x has probability proportional to
w(v, x) * a(t, x), where a is 1/p for x = t, 1 for an edge t -> x, else 1/q. Rejection with the return edge folded
(KnightKing, Yang et al., SOSP 2019, section 4.2): with M = max(1, 1/q) and e = max(0, 1/p - M), each try returns to t
with probability e s / (M + e s), s = w(v, t) / W(v), else draws x by weight and accepts with probability min(a, M) / M.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Biases", "compute_biases", "compute_transition_probabilities"]


class Biases(NamedTuple):
    """The rule's constants. `envelope` is M, `excess` is e; the acceptances are min(a, M) / M, to compare a coin with."""

    envelope: float
    excess: float
    back: float
    near: float
    far: float


def compute_biases(p: float, q: float) -> Biases:
    """The constants of (p, q), both above 0."""
    envelope = max(1.0, 1.0 / q)
    return Biases(envelope, max(0.0, 1.0 / p - envelope), min(1.0 / p, envelope) / envelope, 1.0 / envelope, 1.0 / q / envelope)


def compute_transition_probabilities(
    adjacency: NDArray[np.float64], before: int, at: int, p: float, q: float
) -> NDArray[np.float64]:
    """(n,) float64: the probability of each next node after before -> at.

    adjacency: (n, n) float64, row v holds w(v, .), 0 where there is no edge. `before` < 0 gives the first-order step.
    All zeros where `at` is a dead end. For judging, not for walking: O(n).
    """
    weight = adjacency[at].astype(np.float64)
    if before >= 0:
        bias = np.where(adjacency[before] > 0, 1.0, 1.0 / q)
        bias[before] = 1.0 / p
        weight = weight * bias
    total = weight.sum()
    return np.asarray(weight / total if total > 0 else weight)
