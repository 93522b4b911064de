"""The parameters of a walk, in the form that the kernels read."""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.walks.transition import Biases, compute_biases

__all__ = ["WalkParams", "make_walk_params"]


class WalkParams(NamedTuple):
    """How to walk.

    is_first_order: p = q = 1, all steps are drawn by weight alone. walk_length: nodes of a walk. Before each step a walk ends
    with stop_probability, else returns to its start, as its next node, with restart_probability.
    """

    biases: Biases
    is_first_order: bool
    walk_length: int
    restart_probability: float
    stop_probability: float
    seed: np.uint64


def make_walk_params(
    p: float, q: float, walk_length: int, seed: int, restart_probability: float = 0.0, stop_probability: float = 0.0
) -> WalkParams:
    """Return the parameters for p and q above 0, a seed in 0..2^64-1, and probabilities in [0, 1]."""
    return WalkParams(
        biases=compute_biases(p, q),
        is_first_order=p == q == 1.0,
        walk_length=walk_length,
        restart_probability=restart_probability,
        stop_probability=stop_probability,
        seed=np.uint64(seed),
    )
