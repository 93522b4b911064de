"""Walks as a flat list of nodes: cut to their lengths, and counted."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["add", "flat", "place"]


def flat(nodes: NDArray[np.integer[Any]], lengths: NDArray[np.int64]) -> NDArray[np.integer[Any]]:
    """(lengths.sum(),): the rows of nodes (m, longest), each cut at its length, one behind the other."""
    if (lengths == nodes.shape[1]).all():
        return nodes.reshape(-1)
    return nodes[np.arange(nodes.shape[1]) < lengths[:, None]]


@numba.njit(cache=True)
def add(values: Any, visits: Any) -> None:
    """visits[x] += 1 for every x of values."""
    for value in values:
        visits[value] += 1


@numba.njit(cache=True)
def place(rows: Any, steps: Any, values: Any, nodes: Any, lengths: Any, last: Any) -> None:
    """nodes[row, step] = value for each step that a walk has made, in any order.

    lengths[row] counts them, last[row] is the furthest: one less, when all are there.
    """
    for i in range(len(rows)):
        nodes[rows[i], steps[i]] = values[i]
        lengths[rows[i]] += 1
        last[rows[i]] = max(last[rows[i]], steps[i])
