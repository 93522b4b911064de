"""Walks as one array of nodes, the visits of each node, and walks assembled from single steps."""

import numpy as np

from walkgram.kernels.arrays import Int32Array, Int64Array, IntArray, IntMatrix
from walkgram.kernels.jit import njit

__all__ = ["count_visits", "flatten_walks", "place_steps"]


def flatten_walks(nodes: IntMatrix, lengths: Int64Array) -> IntArray:
    """Return (lengths.sum(),): the rows of nodes (m, walk_length), each cut to its length, one after another."""
    if (lengths == nodes.shape[1]).all():
        return nodes.reshape(-1)
    return nodes[np.arange(nodes.shape[1]) < lengths[:, None]]


@njit
def count_visits(nodes: IntArray, visits: Int64Array) -> None:
    """Add 1 to visits[x] for every x of nodes."""
    for node in nodes:
        visits[node] += 1


@njit
def place_steps(
    rows: Int64Array, steps: Int32Array, step_nodes: IntArray, nodes: IntMatrix, lengths: Int64Array, last_steps: Int64Array
) -> None:
    """Set nodes[row, step] for each step of the walks, in any order, and count the steps.

    lengths[row]: the number of its steps so far; last_steps[row]: the largest of them, lengths[row] - 1 once none is missing.
    """
    for i in range(len(rows)):
        nodes[rows[i], steps[i]] = step_nodes[i]
        lengths[rows[i]] += 1
        last_steps[rows[i]] = max(last_steps[rows[i]], steps[i])
