"""Blockwise top-k: against sorting, however the rows are cut into blocks."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from support import oracles
from walkgram.kernels.knn import topk

Matrix = NDArray[np.float32]
PLANE = np.array([[1, 0], [0, 1], [2, 1], [-1, 0], [1, 1], [2, 1]], np.float32)


def found(vectors: Matrix, k: int, cuts: tuple[int, ...] = (), first: int = 0, last: int | None = None) -> list[list]:  # type: ignore[type-arg]
    bounds = [0, *cuts, len(vectors)]
    blocks = [(low, vectors[low:high]) for low, high in pairwise(bounds)]
    rows, scores = topk.find_top_k(vectors[first:last], first, blocks, k)
    return [list(zip(r, s, strict=True)) for r, s in zip(rows.tolist(), scores.tolist(), strict=True)]


def expected(vectors: Matrix, k: int, first: int = 0, last: int | None = None) -> list[list[tuple[int, float]]]:
    return [oracles.top_k(vectors.tolist(), row, k) for row in range(len(vectors))][first:last]


def whole_numbers(n: int, seed: int) -> Matrix:
    """Small whole numbers: dot products are exact and many of them equal."""
    return np.random.default_rng(seed).integers(-3, 4, (n, 4)).astype(np.float32)


def test_neighbours_of_six_vectors() -> None:
    assert found(PLANE, 2)[0] == [(2, 2.0), (5, 2.0)]
    assert found(PLANE, 3)[2] == [(5, 5.0), (4, 3.0), (0, 2.0)]
    assert found(PLANE, 3) == expected(PLANE, 3)


@pytest.mark.parametrize("cuts", [(), (1,), (20,), (39,), (5, 6, 30), tuple(range(1, 40))], ids=str)
@pytest.mark.parametrize("k", [1, 3, 38, 39, 100])
def test_the_best_are_those_of_sorting_however_the_rows_are_cut(cuts: tuple[int, ...], k: int) -> None:
    vectors = whole_numbers(40, 1)
    assert found(vectors, k, cuts) == expected(vectors, k)


@pytest.mark.parametrize(("first", "last"), [(0, 10), (13, 14), (35, 40), (20, 20)])
def test_a_block_of_queries_is_never_its_own_neighbour(first: int, last: int) -> None:
    vectors = whole_numbers(40, 2)
    assert found(vectors, 5, (7, 21), first, last) == expected(vectors, 5, first, last)


def test_equal_vectors_are_ranked_by_row() -> None:
    same = np.ones((50, 3), np.float32)
    assert [row for row, _ in found(same, 4, (9, 30))[2]] == [0, 1, 3, 4]
    assert found(same, 4, (9, 30)) == expected(same, 4)


@pytest.mark.parametrize("k", [1, 5])
def test_one_vector_has_no_neighbours(k: int) -> None:
    assert found(PLANE[:1], k) == [[]]


def test_planted_groups_are_each_others_nearest() -> None:
    rng = np.random.default_rng(4)
    centres = np.repeat(rng.normal(size=(8, 16)), 6, axis=0)
    vectors = topk.normalize_rows((centres + 0.05 * rng.normal(size=centres.shape)).astype(np.float32))
    for row, hits in enumerate(found(vectors, 5, (13, 31))):
        assert {other // 6 for other, _ in hits} == {row // 6}


def test_scores_of_unit_vectors_are_cosines() -> None:
    vectors = np.random.default_rng(5).normal(size=(30, 7)).astype(np.float32)
    for row, hits in enumerate(found(topk.normalize_rows(vectors), 29)):
        for other, score in hits:
            assert score == pytest.approx(oracles.cosine(vectors[row].tolist(), vectors[other].tolist()), abs=1e-6)


def test_unit_lengths_of_huge_tiny_and_zero_vectors() -> None:
    rows = np.array([[3e30, 4e30], [3e-30, 4e-30], [1e-45, 0], [0, 0], [-3, 4]], np.float32)
    unit = topk.normalize_rows(rows)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.6, 0.8], [1, 0], [0, 0], [-0.6, 0.8]], rtol=1e-6)


def test_a_vector_of_zeros_scores_zero_with_all() -> None:
    assert {score for _, score in found(topk.normalize_rows(np.zeros((4, 3), np.float32)), 3)[1]} == {0.0}
