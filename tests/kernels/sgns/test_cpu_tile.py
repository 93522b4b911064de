"""Parts of a tile's step on the CPU: the draw of its negatives, the sigmoid, and products of rows."""

from typing import Any

import numpy as np
import pytest

from support.sgns_loops import N, make_params, tile_negatives
from walkgram.kernels.sgns import cpu_tile, simd


def test_negatives_follow_the_counts_to_the_power_and_differ_by_tile_and_walk() -> None:
    params = make_params(3, 8, 32)
    rows = [tile_negatives(params, walk, tile) for walk in range(400) for tile in range(5)]
    assert len({tuple(row) for row in rows}) == len(rows)
    counts = np.bincount(np.concatenate(rows), minlength=N)
    expected = np.arange(1, N + 1) ** 0.75
    expected *= counts.sum() / expected.sum()
    assert float(((counts - expected) ** 2 / expected).sum()) < 26.1  # chi-square, 8 degrees of freedom, 0.1%


def test_the_sigmoid_is_exact_to_its_tolerance_and_finite_at_any_size() -> None:
    x = np.concatenate([np.linspace(-25, 25, 20_001), [-1e30, 1e30]]).astype(np.float32)
    sigmoid: Any = cpu_tile.sigmoid
    values = np.array([sigmoid.py_func(value) for value in x], np.float64)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    near = np.abs(x) < 10
    np.testing.assert_allclose(values[near], exact[near], rtol=1e-5)
    np.testing.assert_allclose(values[:-2], exact[:-2], rtol=1e-4)
    assert values[-2] < 1e-12
    assert values[-1] == 1.0


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 13, 40])
@pytest.mark.parametrize("dim", [1, 16, 17, 64, 80, 128, 300])
def test_products_of_rows_equal_numpy(rows: int, dim: int) -> None:
    generator = np.random.default_rng(rows * dim)
    a, b = simd.allocate_aligned(2, simd.pad_dim(dim)), simd.allocate_aligned(rows + 2, simd.pad_dim(dim))
    assert a.ctypes.data % 64 == b.ctypes.data % 64 == 0
    a[:], b[:] = generator.normal(size=a.shape), generator.normal(size=b.shape)
    out, factors = np.full(rows + 4, 7.0, np.float32), generator.normal(size=3 * rows + 2).astype(np.float32)
    simd.dot_rows(a, 1, b, 1, rows + 1, out, 2)
    np.testing.assert_allclose(out[2:-2], b[1:-1] @ a[1], rtol=0, atol=1e-4)
    assert out[[0, 1, -2, -1]].tolist() == [7.0] * 4
    expected = a[0] + factors[1 : 1 + 3 * rows : 3] @ b[1:-1]
    simd.add_rows(a, 0, b, 1, rows + 1, factors, 1, 3)
    np.testing.assert_allclose(a[0], expected, rtol=0, atol=1e-4)
