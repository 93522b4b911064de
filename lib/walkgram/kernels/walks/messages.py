"""What walkers between blocks of a graph are made of: the block, the rule, the letters and the steps (`advance.py`)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.walks.transition import Biases, compute_biases

__all__ = ["GraphPartition", "WalkParams", "WalkSteps", "WalkerMessages", "initial_walkers", "make_walk_params"]


class GraphPartition(NamedTuple):
    """Rows `number`, number + among, ... of a graph: the arrays of `walk.Graph` that a block has."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.integer[Any]]
    slots: NDArray[np.uint32]
    back: NDArray[np.float32]
    number: int
    among: int


class WalkParams(NamedTuple):
    """How to walk. `plain`: by weight alone."""

    bias: Biases
    plain: bool
    walk_length: int
    restart: float
    stop: float
    seed: np.uint64


class WalkerMessages(NamedTuple):
    """Walkers on their way, m of them.

    walk (m,) int64 ids; step (m,) int32, the node to be chosen; attempt (m,) int32, the tries made for it; at, before (m,):
    the last nodes, before < 0 where the step is by weight alone; share (m,) float32 of the edge at -> before. A letter with
    candidates goes to the block of `before`:
    candidates[ends[i]:ends[i + 1]] are asked for in turn, the first one that the answer accepts is taken; the last is `sure`
    if the others fail, or, where parts[part_ends[i]:part_ends[i + 1]] is not empty, the last ones are the whole row of `at`,
    to choose from by the exact rule; else the walker goes back for further tries. shares: of the edges candidate -> at. Other
    letters go to the block of `at`.
    """

    walk: NDArray[np.int64]
    step: NDArray[np.int32]
    attempt: NDArray[np.int32]
    at: NDArray[np.integer[Any]]
    before: NDArray[np.integer[Any]]
    share: NDArray[np.float32]
    sure: NDArray[np.bool_]
    ends: NDArray[np.int64]
    candidates: NDArray[np.integer[Any]]
    shares: NDArray[np.float32]
    part_ends: NDArray[np.int64]
    parts: NDArray[np.float64]


class WalkSteps(NamedTuple):
    """Nodes that walks have come to: walk (m,) int64 ids, step (m,) int32, node (m,)."""

    walk: NDArray[np.int64]
    step: NDArray[np.int32]
    node: NDArray[np.integer[Any]]


def make_walk_params(p: float, q: float, walk_length: int, restart: float, stop: float, seed: int) -> WalkParams:
    """The rule of these parameters."""
    return WalkParams(compute_biases(p, q), p == q == 1.0, walk_length, restart, stop, np.uint64(seed))


def initial_walkers(walk_ids: NDArray[np.int64], starts: NDArray[np.integer[Any]]) -> tuple[WalkerMessages, WalkSteps]:
    """Walkers that stand at their starts, and those starts as their steps 0."""
    m, dtype = len(walk_ids), starts.dtype
    none, zeros = np.empty(0, dtype), np.zeros(m + 1, np.int64)
    steps = WalkSteps(walk_ids, np.zeros(m, np.int32), starts)
    return WalkerMessages(
        walk_ids, np.ones(m, np.int32), np.zeros(m, np.int32),
        starts, np.full(m, -1, dtype), np.zeros(m, np.float32), np.zeros(m, np.bool_),
        zeros, none, np.empty(0, np.float32), zeros, np.empty(0, np.float64),
    ), steps  # fmt: skip
