"""The CPU kernel against plain loops in float64: every tile's step, its bound, its loss, and rows that are not finite."""

import numpy as np
import pytest

from support.sgns_loops import RAGGED, N, as_doubles, make_params, random_tables, train_by_kernel, train_by_loops
from walkgram.kernels.sgns import negatives


@pytest.mark.parametrize("dim", [1, 7, 16, 50, 100, 128, 200])
@pytest.mark.parametrize(("window", "tile", "shared"), [(1, 1, 1), (2, 4, 3), (10, 8, 32), (3, 100, 13), (40, 2, 9)])
def test_the_kernel_moves_the_tables_as_the_loops_do(dim: int, window: int, tile: int, shared: int) -> None:
    walks, params = list(enumerate(RAGGED)), make_params(window, tile, shared)
    tables = random_tables(dim, 1.5)
    expected = as_doubles(tables)
    train_by_loops(expected, walks, params, 0.05)
    totals = train_by_kernel(tables, walks, params, 0.05)
    assert (totals.tokens, totals.bad_walk) == (sum(map(len, RAGGED)), -1)
    for table, other in zip(tables, expected, strict=True):
        np.testing.assert_allclose(table, other, rtol=0, atol=2e-5)


@pytest.mark.parametrize("rate", [0.5, 5.0])
def test_the_bound_and_the_step_curvature_equal_those_of_the_loops(rate: float) -> None:
    walks, params = [(4, [3, 4] * 8), (9, [0, *range(1, 9), 0, 1, 0, 2])], make_params(5, 8, 4)
    tables = random_tables(20, 3.0)
    expected = as_doubles(tables)
    step_curvature, expected_curvature = np.zeros((2, N)), np.zeros((2, N))
    train_by_loops(expected, walks, params, rate, expected_curvature)
    train_by_kernel(tables, walks, params, rate, step_curvature=step_curvature)
    np.testing.assert_allclose(step_curvature, expected_curvature, rtol=1e-3)
    for table, other in zip(tables, expected, strict=True):
        np.testing.assert_allclose(table, other, rtol=1e-3, atol=1e-3)


def test_the_loss_of_walks_of_one_tile_equals_that_of_the_loops() -> None:
    walks, params = [(i, walk) for i, walk in enumerate(RAGGED) if len(walk) > 1], make_params(3, 16, 6)
    tables = random_tables(12)
    expected_loss = train_by_loops(as_doubles(tables), walks, params, 0.0)
    totals = train_by_kernel(tables, walks, params, 0.0)
    assert totals.loss == pytest.approx(expected_loss, rel=1e-5)
    expected_weight = sum(
        float(params.window_weights[3 + j - i])
        for _, w in walks
        for i in range(len(w))
        for j in range(len(w))
        if abs(i - j) < 4
    )
    assert totals.weight == pytest.approx(expected_weight, rel=1e-6)


@pytest.mark.parametrize("walk", [[], [4]])
def test_a_walk_without_a_pair_moves_nothing(walk: list[int]) -> None:
    tables, before = random_tables(16), random_tables(16)
    assert train_by_kernel(tables, [(0, walk)], make_params(3, 8, 4), 0.1) == (0.0, 0.0, len(walk), -1)
    assert all((a == b).all() for a, b in zip(tables, before, strict=True))


def test_without_negatives_contexts_alone_move_the_tables() -> None:
    params, tables = make_params(3, 8, 4, negative_weight=0.0), random_tables(16)
    expected = as_doubles(tables)
    train_by_loops(expected, [(0, RAGGED[0])], params, 0.1)
    train_by_kernel(tables, [(0, RAGGED[0])], params, 0.1)
    np.testing.assert_allclose(tables[0], expected[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("table", [0, 1])
def test_training_stops_at_the_first_walk_whose_row_is_not_finite(bad: float, table: int) -> None:
    tables = random_tables(16)
    tables[table][6, 3] = bad
    before = [t.copy() for t in tables]
    unigram = negatives.build_unigram_table(np.array([1, 1, 1, 1, 1, 1, 0, 1, 1]), 0.75)
    params = make_params(3, 8, 4)._replace(alias_table=unigram.alias_table)
    assert train_by_kernel(tables, [(7, [5, 6, 6, 1]), (8, [0, 1])], params, 0.1).bad_walk == 0
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(tables, before, strict=True))


def test_subsampling_keeps_tokens_by_their_probability_and_leaves_a_shorter_walk() -> None:
    keep_probability = np.ones(N, np.float32)
    keep_probability[0], keep_probability[1] = 0.0, 0.5
    tables, expected = random_tables(16), random_tables(16)
    params = make_params(2, 8, 4)
    subsampled = params._replace(keep_probability=keep_probability)
    train_by_kernel(tables, [(3, [0, 2, 0, 3, 0, 4, 5, 0, 0])], subsampled, 0.1)
    train_by_kernel(expected, [(3, [2, 3, 4, 5])], params, 0.1)
    assert all((a == b).all() for a, b in zip(tables, expected, strict=True))
    one_tile, distances = subsampled._replace(shared_negatives=0, tile_size=64), []
    for walk_id in range(300):
        tables = random_tables(16)
        train_by_kernel(tables, [(walk_id, [1] * 20 + [2] * 2)], one_tile, 0.1)
        distances.append(float(np.abs(tables[0] - random_tables(16)[0])[1].sum()))
    assert len(set(distances)) > 6
