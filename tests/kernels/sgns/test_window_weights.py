"""Weights of the distances within a window: against the mean over all widths."""

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.sgns import tiles


@pytest.mark.parametrize(("length", "window"), [(1, 3), (2, 1), (6, 1), (6, 3), (6, 50)])
def test_window_weights_are_the_mean_over_all_widths(length: int, window: int) -> None:
    expected = np.zeros((length, length))
    for width in range(1, window + 1):
        for i, j in oracles.skip_grams(range(length), width):
            expected[i, j] += 1 / window
    distance = np.abs(np.arange(length)[:, None] - np.arange(length))
    weights = np.append(tiles.compute_window_weights(window, True), np.zeros(length, np.float32))
    np.testing.assert_allclose(weights[np.where(distance > window, window + 1, distance)], expected, atol=1e-6)
