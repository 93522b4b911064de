"""Skip-grams of walks: against loops."""

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.recipe import windows

RAGGED = [[3, 1, 4, 1, 5], [9], [2, 6, 5], [7, 7]]


def pad_walks(walks: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return (nodes, lengths), with -1 after the end of a walk so that a read there shows."""
    nodes = np.full((len(walks), max(map(len, walks), default=1)), -1, np.int64)
    for row, walk in zip(nodes, walks, strict=True):
        row[: len(walk)] = walk
    return nodes, np.array([len(walk) for walk in walks], np.int64)


def test_pairs_of_a_walk_of_three() -> None:
    target, context = windows.list_window_pairs(*pad_walks([[5, 6, 7]]), 1)
    assert list(zip(target, context, strict=True)) == [(5, 6), (6, 5), (6, 7), (7, 6)]


@pytest.mark.parametrize("window", [1, 2, 4, 5, 100])
def test_pairs_are_the_skip_grams_of_each_walk_in_order(window: int) -> None:
    target, context = windows.list_window_pairs(*pad_walks(RAGGED), window)
    expected = [pair for walk in RAGGED for pair in oracles.skip_grams(walk, window)]
    assert list(zip(target.tolist(), context.tolist(), strict=True)) == expected


@pytest.mark.parametrize("walks", [[], [[1]], [[1], [2]]])
def test_walks_of_one_node_have_no_pairs(walks: list[list[int]]) -> None:
    target, context = windows.list_window_pairs(*pad_walks(walks), 3)
    assert (len(target), len(context)) == (0, 0)
