"""The records that partitions of a graph exchange: the partition itself, walkers as messages, and the steps of walks."""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import (
    BoolArray,
    Float32Array,
    Float64Array,
    Int32Array,
    Int64Array,
    IntArray,
    UInt32Matrix,
)

__all__ = ["GraphPartition", "WalkSteps", "WalkerMessages", "initial_walkers"]


class GraphPartition(NamedTuple):
    """The rows number, number + num_partitions, ... of a graph; the arrays as in `walk_graph.WalkGraph`."""

    indptr: Int64Array
    indices: IntArray
    alias_table: UInt32Matrix
    reverse_probabilities: Float32Array
    number: int
    num_partitions: int


class WalkerMessages(NamedTuple):
    """Walkers on their way to another partition, m of them.

    walk_id (m,) int64. step (m,) int32: of the node to choose. attempt (m,) int32: tries made for it. current, previous (m,):
    the last nodes; previous < 0 where the step is by weight alone. reverse_probability (m,) float32: of current -> previous.

    A message with candidates is a query to the partition of `previous`, any other goes to that of `current`. Candidates of
    message i: candidates[candidate_ends[i]:candidate_ends[i + 1]], with the probability of candidate -> current, float32. The
    first one whose adjacency to `previous` accepts it is taken. If there is none: the last one, if accepts_last (m,) bool is
    set; else, if weights[weight_ends[i]:weight_ends[i + 1]] float64 is not empty, one drawn exactly from the last candidates,
    which are then the complete row of `current` with these weights; else the walker returns to `current` for more tries.
    """

    walk_id: Int64Array
    step: Int32Array
    attempt: Int32Array
    current: IntArray
    previous: IntArray
    reverse_probability: Float32Array
    accepts_last: BoolArray
    candidate_ends: Int64Array
    candidates: IntArray
    candidate_probabilities: Float32Array
    weight_ends: Int64Array
    weights: Float64Array


class WalkSteps(NamedTuple):
    """Steps of walks: walk_id (m,) int64, step (m,) int32, and the node (m,) at this step."""

    walk_id: Int64Array
    step: Int32Array
    node: IntArray


def initial_walkers(walk_ids: Int64Array, starts: IntArray) -> tuple[WalkerMessages, WalkSteps]:
    """Return walkers at their starts (m,), and the starts as their steps 0."""
    m, index_dtype = len(walk_ids), starts.dtype
    walkers = WalkerMessages(
        walk_id=walk_ids,
        step=np.ones(m, np.int32),
        attempt=np.zeros(m, np.int32),
        current=starts,
        previous=np.full(m, -1, index_dtype),
        reverse_probability=np.zeros(m, np.float32),
        accepts_last=np.zeros(m, np.bool_),
        candidate_ends=np.zeros(m + 1, np.int64),
        candidates=np.empty(0, index_dtype),
        candidate_probabilities=np.empty(0, np.float32),
        weight_ends=np.zeros(m + 1, np.int64),
        weights=np.empty(0, np.float64),
    )
    return walkers, WalkSteps(walk_ids, np.zeros(m, np.int32), starts)
