"""The state of the walkers that the kernel advances together, one per lane."""

from typing import Any, NamedTuple

import numpy as np

from walkgram.kernels.arrays import BoolArray, Float64Array, Int64Array, IntArray, IntMatrix, UInt32Array, UInt64Array

__all__ = ["LANES", "WalkerLanes", "make_walker_lanes"]

LANES = 256  # enough that the cache misses of the walkers overlap, few enough that their state stays in the first-level cache


class WalkerLanes(NamedTuple):
    """The walkers of a batch, each array (LANES,) except paths.

    streams uint64: the random stream of each walk. current, candidates, of the graph's index type: the node of each walker, and
    the node that it may step to. paths (walk_length, LANES): the nodes so far. lengths int64: the nodes of each walk, once it
    has ended. row_starts, degrees uint64: the row of the current node. edges, coins uint64: the edge of the candidate, and the
    coin of its draw. is_first_order: the next step is drawn by weight alone. is_neighbour: the candidate is a neighbour of the
    previous node. return_probabilities float64: of the folded return edge, in each try.

    Lists of lanes, uint32, each valid up to a number that its functions return: active, the walkers that have not ended;
    pending, those without an accepted candidate; queries, those whose candidate depends on an adjacency; unresolved, those
    whose adjacency the filter does not decide. words uint64: scratch, by position in a list.
    """

    streams: UInt64Array
    current: IntArray
    candidates: IntArray
    paths: IntMatrix
    lengths: Int64Array
    row_starts: UInt64Array
    degrees: UInt64Array
    edges: UInt64Array
    coins: UInt64Array
    is_first_order: BoolArray
    is_neighbour: BoolArray
    return_probabilities: Float64Array
    active: UInt32Array
    pending: UInt32Array
    queries: UInt32Array
    unresolved: UInt32Array
    words: UInt64Array


def make_walker_lanes(walk_length: int, index_dtype: np.dtype[np.integer[Any]]) -> WalkerLanes:
    """Return the lanes of one thread: about 20 KiB, and the paths."""
    return WalkerLanes(
        streams=np.empty(LANES, np.uint64),
        current=np.empty(LANES, index_dtype),
        candidates=np.empty(LANES, index_dtype),
        paths=np.empty((walk_length, LANES), index_dtype),
        lengths=np.empty(LANES, np.int64),
        row_starts=np.empty(LANES, np.uint64),
        degrees=np.empty(LANES, np.uint64),
        edges=np.empty(LANES, np.uint64),
        coins=np.empty(LANES, np.uint64),
        is_first_order=np.empty(LANES, np.bool_),
        is_neighbour=np.empty(LANES, np.bool_),
        return_probabilities=np.empty(LANES, np.float64),
        active=np.empty(LANES, np.uint32),
        pending=np.empty(LANES, np.uint32),
        queries=np.empty(LANES, np.uint32),
        unresolved=np.empty(LANES, np.uint32),
        words=np.empty(LANES, np.uint64),
    )
