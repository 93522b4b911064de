"""node2vec's transition rule: the constants of its rejection sampling, and the exact probabilities of a step.

Grover & Leskovec 2016, section 3.2: having gone from t to v, the next node x has probability proportional to
w(v, x) * a(t, x), where a is 1/p for x = t, 1 for an edge t -> x, else 1/q. Rejection with the return edge folded
(KnightKing, Yang et al., SOSP 2019, section 4.2): with M = max(1, 1/q) and e = max(0, 1/p - M), each try returns to t
with probability e s / (M + e s), s = w(v, t) / W(v), else draws x by weight and accepts with probability min(a, M) / M.
"""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Float64Array, Float64Matrix

__all__ = ["Biases", "compute_biases", "compute_transition_probabilities"]


class Biases(NamedTuple):
    """The constants of the rule for one (p, q).

    envelope: M; excess: e. The acceptance probabilities min(a, M) / M of a candidate: of the previous node, of a neighbour of
    the previous node, and of any other node.
    """

    envelope: float
    excess: float
    return_acceptance: float
    neighbour_acceptance: float
    distant_acceptance: float


def compute_biases(p: float, q: float) -> Biases:
    """Return the constants for p and q, both above 0."""
    envelope = max(1.0, 1.0 / q)
    return Biases(
        envelope=envelope,
        excess=max(0.0, 1.0 / p - envelope),
        return_acceptance=min(1.0 / p, envelope) / envelope,
        neighbour_acceptance=1.0 / envelope,
        distant_acceptance=1.0 / q / envelope,
    )


def compute_transition_probabilities(adjacency: Float64Matrix, previous: int, current: int, p: float, q: float) -> Float64Array:
    """Return (n,) float64: the exact probability of each next node after previous -> current.

    adjacency: (n, n) float64, row v holds w(v, .), 0 where there is no edge. A negative `previous` gives the first-order step.
    All zeros at a dead end. O(n): an oracle for tests and benchmarks.
    """
    weight = adjacency[current].astype(np.float64)
    if previous >= 0:
        bias = np.where(adjacency[previous] > 0, 1.0, 1.0 / q)
        bias[previous] = 1.0 / p
        weight = weight * bias
    total = weight.sum()
    return np.asarray(weight / total if total > 0 else weight)
