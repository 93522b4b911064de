"""Walks as a flat list of nodes: cut to their lengths, and counted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["count_visits", "flatten_walks", "place_steps"]


def flatten_walks(nodes: NDArray[np.integer[Any]], lengths: NDArray[np.int64]) -> NDArray[np.integer[Any]]:
    """(lengths.sum(),): the rows of nodes (m, longest), each cut at its length, one behind the other."""
    if (lengths == nodes.shape[1]).all():
        return nodes.reshape(-1)
    return nodes[np.arange(nodes.shape[1]) < lengths[:, None]]


@njit
def count_visits(values: Any, visits: Any) -> None:
    """visits[x] += 1 for every x of values."""
    for value in values:
        visits[value] += 1


@njit
def place_steps(rows: Any, steps: Any, values: Any, nodes: Any, lengths: Any, last: Any) -> None:
    """nodes[row, step] = value for each step that a walk has made, in any order.

    lengths[row] counts them, last[row] is the furthest: one less, when all are there.
    """
    for i in range(len(rows)):
        nodes[rows[i], steps[i]] = values[i]
        lengths[rows[i]] += 1
        last[rows[i]] = max(last[rows[i]], steps[i])
