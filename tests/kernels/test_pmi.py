"""Weights of pairs: against plain math.log, on independent items, and at the ends of the scale."""

import math

import numpy as np
import pytest

import oracles
from walkgram.kernels import pmi

BASKETS = [[0, 1, 2], [0, 1], [0, 2, 3], [1, 2], [0, 1, 2, 3], [0], [4, 0], [4, 0]]
FREQUENCY = oracles.item_counts(BASKETS)
PAIRS = oracles.pair_counts(BASKETS)
EVERY = [float(f) for f in FREQUENCY.values()]
JOINT = np.array(list(PAIRS.values()), np.float64)
FX = np.array([FREQUENCY[x] for x, _ in PAIRS], np.float64)
FY = np.array([FREQUENCY[y] for _, y in PAIRS], np.float64)
TOTALS = {"users": float(len(BASKETS)), "interactions": float(sum(EVERY))}
FORMULAS = ["pmi_frequency", "pmi", "ppmi", "npmi", "shifted", "frequency", "cosine"]
ONE = np.ones(1)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75, 0.5])
@pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS.keys())
def test_every_weight_is_that_of_the_formula(formula: str, smoothing: float, total: float) -> None:
    smoothed = sum(f**smoothing for f in EVERY)
    _, weight = pmi.weigh(JOINT, FX, FY, total, formula, 1.1, smoothing, smoothed)
    counts = zip(JOINT, FX, FY, strict=True)
    expected = [oracles.weight(formula, *of_pair, total, 1.1, smoothing, EVERY) for of_pair in counts]
    np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-12)
    assert len({round(w, 9) for w in expected}) > 2


@pytest.mark.parametrize("smoothing", [1.0, 0.75])
def test_pmi_comes_with_the_weight_as_the_mean_of_both_directions(smoothing: float) -> None:
    smoothed = sum(f**smoothing for f in EVERY)
    value, _ = pmi.weigh(JOINT, FX, FY, 18.0, "ppmi", 1.0, smoothing, smoothed)
    ways = [
        oracles.pmi(j, x, y, 18.0, smoothing, EVERY) + oracles.pmi(j, y, x, 18.0, smoothing, EVERY)
        for j, x, y in zip(JOINT, FX, FY, strict=True)
    ]
    np.testing.assert_allclose(value, np.array(ways) / 2, rtol=1e-12, atol=1e-12)


def test_smoothing_is_of_the_second_item_alone() -> None:
    found = pmi.pmi(JOINT, FX, FY, 18.0, 0.75, sum(f**0.75 for f in EVERY))
    expected = [oracles.pmi(j, x, y, 18.0, 0.75, EVERY) for j, x, y in zip(JOINT, FX, FY, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75])
def test_a_weight_does_not_depend_on_the_order_of_the_pair(formula: str, smoothing: float) -> None:
    there = pmi.weigh(JOINT, FX, FY, 8.0, formula, 2.0, smoothing, 9.0)
    back = pmi.weigh(JOINT, FY, FX, 8.0, formula, 2.0, smoothing, 9.0)
    np.testing.assert_allclose(there, back, rtol=1e-14, atol=1e-14)


def test_a_direction_below_zero_is_cut_before_the_mean_is_taken() -> None:
    every = [1.0, 50.0, 100.0, 4.0]
    ways = [oracles.pmi(1, *fs, 200.0, 0.5, every) for fs in ((1, 50), (50, 1))]
    assert min(ways) < 0 < sum(ways)
    for formula in ("ppmi", "shifted"):
        _, weight = pmi.weigh(ONE, ONE, 50 * ONE, 200.0, formula, 1.0, 0.5, sum(f**0.5 for f in every))
        assert weight[0] == pytest.approx(max(ways) / 2, rel=1e-12)


def test_independent_items_have_pmi_zero_among_users() -> None:
    value, weight = pmi.weigh(10 * ONE, 20 * ONE, 50 * ONE, 100.0, "pmi_frequency")
    assert abs(value[0]) < 1e-14
    assert abs(weight[0]) < 1e-12


def test_items_twice_as_often_together_as_by_chance_have_pmi_ln_two() -> None:
    value, _ = pmi.weigh(20 * ONE, 20 * ONE, 50 * ONE, 100.0, "pmi")
    assert value[0] == pytest.approx(math.log(2), abs=1e-14)


def test_planted_partners_outweigh_chance_by_every_formula_of_pmi() -> None:
    rng = np.random.default_rng(3)
    baskets = [[item for g in (0, 1) if rng.random() < 0.5 for item in (2 * g, 2 * g + 1)] for _ in range(400)]
    f, both, n = oracles.item_counts(baskets), oracles.pair_counts(baskets), float(len(baskets))
    pairs = sorted(both)
    counts = (np.array([both[p] for p in pairs], float), *(np.array([f[p[e]] for p in pairs], float) for e in (0, 1)))
    for formula in ("pmi", "ppmi", "npmi", "pmi_frequency", "cosine", "frequency"):
        weight = dict(zip(pairs, pmi.weigh(*counts, n, formula)[1], strict=True))
        assert min(weight[0, 1], weight[2, 3]) > max(w for p, w in weight.items() if p not in {(0, 1), (2, 3)})


def test_negative_pmi_is_cut_by_ppmi_and_shifted_and_kept_by_the_others() -> None:
    rare = (ONE, 50 * ONE, 50 * ONE, 100.0)
    assert pmi.weigh(*rare, "pmi")[1][0] == pytest.approx(math.log(1 * 100 / 2500))
    assert pmi.weigh(*rare, "ppmi")[1][0] == 0.0
    assert pmi.weigh(*rare, "shifted", 5.0)[1][0] == 0.0
    assert pmi.weigh(*rare, "npmi")[1][0] < 0


def test_npmi_is_one_for_items_that_only_come_together_and_where_all_have_both() -> None:
    joint = np.array([7.0, 100.0])
    assert pmi.weigh(joint, joint, joint, 100.0, "npmi")[1] == pytest.approx([1.0, 1.0], abs=1e-14)


def test_counts_near_two_to_the_53_stay_finite() -> None:
    large = np.array([1.0, 2.0**53])
    for formula in FORMULAS:
        for array in pmi.weigh(large, large, np.full(2, 2.0**53), 2.0**53, formula, 5.0, 0.75, 2.0**53):
            assert np.isfinite(array).all()


def test_no_pairs_give_no_weights() -> None:
    none = np.empty(0)
    assert [len(a) for a in pmi.weigh(none, none, none, 10.0, "pmi_frequency", 1.0, 0.75, 3.0)] == [0, 0]


def test_an_unknown_formula_is_an_error() -> None:
    with pytest.raises(KeyError, match="pmi2"):
        pmi.weigh(ONE, ONE, ONE, 1.0, "pmi2")
