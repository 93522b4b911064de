"""Negatives: against exact shares."""

import numpy as np
import pytest
from scipy import stats

from support import oracles
from walkgram.kernels.sgns import negatives


@pytest.mark.parametrize("exponent", [1.0, 0.75, 0.0])
def test_draws_follow_the_power_of_the_counts(exponent: float) -> None:
    counts = [1, 50, 7, 900, 3, 3, 200]
    drawn = np.bincount(negatives.build_unigram_table(np.array(counts), exponent).draw(7, 0, 200_000), minlength=7)
    weights = np.array([c**exponent for c in counts])
    assert stats.chisquare(drawn, weights / weights.sum() * 200_000).pvalue > 1e-3
    wrong = np.array([c ** (exponent + 0.05) for c in counts])
    assert stats.chisquare(drawn, wrong / wrong.sum() * 200_000).pvalue < 1e-9


def test_draws_are_a_function_of_seed_and_step() -> None:
    table = negatives.build_unigram_table(np.arange(1, 1000), 0.75)
    assert table.draw(7, 3, 50).tolist() == table.draw(7, 3, 500)[:50].tolist()
    assert len({tuple(table.draw(seed, step, 50)) for seed in (1, 2) for step in (0, 1, 2)}) == 6
    assert table.draw(7, 3, 0).tolist() == []


def test_a_row_without_visits_is_never_drawn() -> None:
    drawn = negatives.build_unigram_table(np.array([0, 5, 0, 10**15, 0]), 0.75).draw(7, 0, 100_000)
    assert set(drawn.tolist()) <= {1, 3}


def test_a_table_of_one_row_draws_that_row() -> None:
    assert set(negatives.build_unigram_table(np.array([12]), 0.75).draw(7, 0, 100).tolist()) == {0}


@pytest.mark.parametrize("n", [1, 3, 1000, 2**32 - 1])
def test_slot_and_coin_are_the_two_halves_of_the_product(n: int) -> None:
    words = [0, 1, 2**32, 2**63 + 12345, 2**64 - 1, oracles.word(1, 2, 3, 4, 5)]
    slot, coin = negatives.split_words(np.array(words, np.uint64), n)
    assert slot.tolist() == [w * n >> 64 for w in words]
    assert coin.tolist() == [(w * n >> 32) % 2**32 for w in words]


def test_uniform_negatives_are_uniform() -> None:
    ids = np.arange(2000)
    drawn = negatives.draw_uniform_negatives(7, ids, np.full(2000, 9), 3, 11, 0)
    assert len(drawn) == 2000 * 9 * 3
    assert stats.chisquare(np.bincount(drawn, minlength=11)).pvalue > 1e-3
    one, two, three = drawn.reshape(-1, 3).T
    assert stats.chi2_contingency(np.histogram2d(one, two, 11)[0]).pvalue > 1e-3
    assert stats.chi2_contingency(np.histogram2d(two, three, 11)[0]).pvalue > 1e-3


def test_negatives_of_a_walk_do_not_depend_on_the_other_walks() -> None:
    ids, pairs = np.array([4, 10, 2]), np.array([3, 0, 5])
    together = negatives.draw_uniform_negatives(7, ids, pairs, 2, 10**6, 0)
    separate = [negatives.draw_uniform_negatives(7, ids[i : i + 1], pairs[i : i + 1], 2, 10**6, 0) for i in range(3)]
    assert together.tolist() == np.concatenate(separate).tolist()
    assert len(set(together.tolist())) == 16


def test_another_attempt_draws_other_negatives() -> None:
    draws = [negatives.draw_uniform_negatives(7, np.array([4]), np.array([50]), 4, 10**6, a) for a in range(3)]
    assert len(np.unique(np.concatenate(draws))) > 590


@pytest.mark.parametrize(("pairs", "num_negatives"), [([], 3), ([0], 3), ([5], 0)])
def test_no_pairs_or_no_negatives_give_no_draws(pairs: list[int], num_negatives: int) -> None:
    ids = np.arange(len(pairs))
    assert len(negatives.draw_uniform_negatives(7, ids, np.array(pairs, np.int64), num_negatives, 9, 0)) == 0
