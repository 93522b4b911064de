"""Blockwise search: against sorting, for any split of the rows into blocks."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from support import oracles
from walkgram.kernels.knn import topk
from walkgram.kernels.knn.blocks import Exclusions, RowBlock
from walkgram.kernels.knn.cosine import COSINE, normalize_rows
from walkgram.kernels.knn.metric import Metric

Matrix = NDArray[np.float32]
Hits = list[list[tuple[int, float]]]  # of each left row: (right row, score), best first
PLANE = np.array([[1, 0], [0, 1], [2, 1], [-1, 0], [1, 1], [2, 1]], np.float32)
NO_ROWS = np.empty(0, np.int64)
OTHER_ROWS = Exclusions(True, NO_ROWS, NO_ROWS)
ALL_ROWS = Exclusions(False, NO_ROWS, NO_ROWS)


def squared_distance(products: Matrix, left: Matrix, right: Matrix) -> Matrix:
    return np.asarray((left**2).sum(1)[:, None] - 2 * products + (right**2).sum(1))


DISTANCE = Metric(lambda rows: rows, lambda rows: rows, squared_distance, larger_is_better=False)


def search(
    left: RowBlock,
    right: Matrix,
    limits: topk.Limits,
    exclusions: Exclusions,
    cuts: tuple[int, ...] = (),
    metric: Metric = COSINE,
) -> Hits:
    """Return the matches; assert their order and ranks."""
    blocks = [RowBlock(start, right[start:stop]) for start, stop in pairwise([0, *cuts, len(right)])]
    matches = topk.find_matches(left, blocks, metric, limits, exclusions)
    assert [column.dtype for column in matches] == [np.int64, np.int64, np.int32, np.float32]
    hits: Hits = [[] for _ in left.vectors]
    last = left.first_row
    for row, other, rank, score in zip(*(column.tolist() for column in matches), strict=True):
        assert row >= last
        last = row
        hits[row - left.first_row].append((other, score))
        assert rank == len(hits[row - left.first_row])
    return hits


def nearest(vectors: Matrix, k: int, cuts: tuple[int, ...] = (), first: int = 0, last: int | None = None) -> Hits:
    return search(RowBlock(first, vectors[first:last]), vectors, topk.Limits(k, None), OTHER_ROWS, cuts)


def expected(vectors: Matrix, k: int, first: int = 0, last: int | None = None) -> Hits:
    return [oracles.top_k(vectors.tolist(), row, k) for row in range(len(vectors))][first:last]


def integer_vectors(n: int, seed: int) -> Matrix:
    """Draw small integers: dot products are exact and many of them equal."""
    return np.random.default_rng(seed).integers(-3, 4, (n, 4)).astype(np.float32)


def brute_force(scores: Matrix, k: int | None, threshold: float | None, larger: bool, excluded: set[tuple[int, int]]) -> Hits:
    """Return the hits of each row of a score matrix by sorting."""
    sign = -1 if larger else 1
    hits: Hits = []
    for row, row_scores in enumerate(scores.tolist()):
        pairs = [
            (other, score)
            for other, score in enumerate(row_scores)
            if (row, other) not in excluded and (threshold is None or sign * score <= sign * threshold)
        ]
        hits.append(sorted(pairs, key=lambda hit: (sign * hit[1], hit[0]))[:k])
    return hits


def test_neighbours_of_six_vectors() -> None:
    assert nearest(PLANE, 2)[0] == [(2, 2.0), (5, 2.0)]
    assert nearest(PLANE, 3)[2] == [(5, 5.0), (4, 3.0), (0, 2.0)]
    assert nearest(PLANE, 3) == expected(PLANE, 3)


@pytest.mark.parametrize("cuts", [(), (1,), (20,), (39,), (5, 6, 30), tuple(range(1, 40))], ids=str)
@pytest.mark.parametrize("k", [1, 3, 38, 39, 100])
def test_the_best_equal_sorting_for_any_blocks(cuts: tuple[int, ...], k: int) -> None:
    vectors = integer_vectors(40, 1)
    assert nearest(vectors, k, cuts) == expected(vectors, k)


@pytest.mark.parametrize(("first", "last"), [(0, 10), (13, 14), (35, 40), (20, 20)])
def test_a_row_is_not_its_own_neighbour(first: int, last: int) -> None:
    vectors = integer_vectors(40, 2)
    assert nearest(vectors, 5, (7, 21), first, last) == expected(vectors, 5, first, last)


def test_equal_vectors_are_ranked_by_row() -> None:
    same = np.ones((50, 3), np.float32)
    assert [row for row, _ in nearest(same, 4, (9, 30))[2]] == [0, 1, 3, 4]
    assert nearest(same, 4, (9, 30)) == expected(same, 4)


@pytest.mark.parametrize("k", [1, 5])
def test_one_vector_has_no_neighbours(k: int) -> None:
    assert nearest(PLANE[:1], k) == [[]]


@pytest.mark.parametrize("metric", [COSINE, DISTANCE], ids=["product", "distance"])
@pytest.mark.parametrize("cuts", [(), (1, 9, 10), tuple(range(1, 23))], ids=str)
@pytest.mark.parametrize(
    ("k", "threshold"), [(3, None), (None, 4.0), (3, 4.0), (2, -5.0), (100, 9.0), (None, 1000.0), (None, -1000.0)]
)
def test_limits_and_exclusions_equal_brute_force(
    metric: Metric, cuts: tuple[int, ...], k: int | None, threshold: float | None
) -> None:
    """Left rows 20..31 against 23 right rows, of which some pairs are excluded; many scores are equal."""
    left, right = integer_vectors(12, 3), integer_vectors(23, 4)
    pairs = sorted({(int(a), int(b)) for a, b in np.random.default_rng(5).integers(0, (12, 23), (90, 2))}, key=lambda p: p[1])
    pairs += [(4, other) for other in range(23)]  # a row without any match
    rows = np.array(sorted(pairs, key=lambda pair: pair[1]), np.int64)
    exclusions = Exclusions(False, rows[:, 0] + 20, rows[:, 1])
    products = left @ right.T
    scores = products if metric is COSINE else squared_distance(products, left, right)
    hits = search(RowBlock(20, left), right, topk.Limits(k, threshold), exclusions, cuts, metric)
    assert hits == brute_force(scores, k, threshold, metric.larger_is_better, set(pairs))
    assert hits[4] == []


def test_a_score_equal_to_the_threshold_is_a_match() -> None:
    vectors = np.array([[0.1], [1.0]], np.float32)
    for limits in (topk.Limits(None, 0.1), topk.Limits(1, 0.1)):
        hits = search(RowBlock(0, vectors), vectors, limits, OTHER_ROWS)
        assert [[other for other, _ in row] for row in hits] == [[1], [0]]
        assert [score for row in hits for _, score in row] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("limits", [topk.Limits(2, None), topk.Limits(None, 0.0), topk.Limits(2, 0.0)])
def test_no_right_rows_give_no_matches(limits: topk.Limits) -> None:
    matches = topk.find_matches(RowBlock(0, PLANE), [], COSINE, limits, ALL_ROWS)
    assert [len(column) for column in matches] == [0, 0, 0, 0]
    assert search(RowBlock(6, PLANE[:0]), PLANE, limits, ALL_ROWS, (2,)) == []


def test_a_search_without_a_limit_is_an_error() -> None:
    with pytest.raises(ValueError, match="k or a threshold"):
        topk.find_matches(RowBlock(0, PLANE), [], COSINE, topk.Limits(None, None), ALL_ROWS)


def test_planted_groups_are_nearest_to_each_other() -> None:
    rng = np.random.default_rng(4)
    centres = np.repeat(rng.normal(size=(8, 16)), 6, axis=0)
    vectors = normalize_rows((centres + 0.05 * rng.normal(size=centres.shape)).astype(np.float32))
    for row, hits in enumerate(nearest(vectors, 5, (13, 31))):
        assert {other // 6 for other, _ in hits} == {row // 6}
        assert len(hits) == 5


def test_scores_of_unit_vectors_are_cosines() -> None:
    vectors = np.random.default_rng(5).normal(size=(30, 7)).astype(np.float32)
    for row, hits in enumerate(nearest(normalize_rows(vectors), 29)):
        assert len(hits) == 29
        for other, score in hits:
            assert score == pytest.approx(oracles.cosine(vectors[row].tolist(), vectors[other].tolist()), abs=1e-6)


def test_unit_lengths_of_huge_tiny_and_zero_vectors() -> None:
    rows = np.array([[3e30, 4e30], [3e-30, 4e-30], [1e-45, 0], [0, 0], [-3, 4]], np.float32)
    unit = normalize_rows(rows)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, np.array([[0.6, 0.8], [0.6, 0.8], [1, 0], [0, 0], [-0.6, 0.8]]), rtol=1e-6)


def test_a_zero_vector_has_the_score_zero_with_every_row() -> None:
    assert {score for _, score in nearest(normalize_rows(np.zeros((4, 3), np.float32)), 3)[1]} == {0.0}
