"""Weights of pairs: against plain math.log, on independent items, at extreme counts; and the cuts."""

import math
from typing import Any, get_args

import numpy as np
import pytest

from support import oracles
from walkgram.config.pairs import Pmi
from walkgram.kernels.pairs import pmi
from walkgram.kernels.pairs.accumulator import PairRows

BASKETS = [[0, 1, 2], [0, 1], [0, 2, 3], [1, 2], [0, 1, 2, 3], [0], [4, 0], [4, 0]]
FREQUENCY = oracles.item_counts(BASKETS)
PAIRS = oracles.pair_counts(BASKETS)
EVERY = [float(f) for f in FREQUENCY.values()]
JOINT = np.array(list(PAIRS.values()), np.float64)
FX = np.array([FREQUENCY[x] for x, _ in PAIRS], np.float64)
FY = np.array([FREQUENCY[y] for _, y in PAIRS], np.float64)
NORMALIZERS = {"users": float(len(BASKETS)), "interactions": float(sum(EVERY))}
ONE = np.ones(1)


def weigh_one(counts: tuple[Any, Any, Any], normalizer: float, formula: str, *params: Any) -> float:
    """Return the weight of one pair (joint, fx, fy)."""
    joint, fx, fy = (ONE * count for count in counts)
    return float(pmi.weigh_pairs(joint, fx, fy, pmi.make_pmi_params(formula, normalizer, *params))[1][0])


@pytest.mark.parametrize("formula", pmi.FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75, 0.5])
@pytest.mark.parametrize("normalizer", NORMALIZERS.values(), ids=NORMALIZERS.keys())
@pytest.mark.parametrize("directed", [False, True])
def test_weights_follow_the_formula(formula: str, smoothing: float, normalizer: float, directed: bool) -> None:
    params = pmi.make_pmi_params(formula, normalizer, 1.1, smoothing, sum(f**smoothing for f in EVERY), directed)
    values, weights = pmi.weigh_pairs(JOINT, FX, FY, params)
    counts = list(zip(JOINT, FX, FY, strict=True))
    weighting = oracles.Weighting(formula, 1.1, smoothing, EVERY, directed)
    expected = [oracles.weight(weighting, *pair, normalizer) for pair in counts]
    np.testing.assert_allclose(weights, expected, rtol=1e-12, atol=1e-12)
    assert len({round(w, 9) for w in expected}) > 2
    expected = [oracles.pair_pmi(weighting, *pair, normalizer) for pair in counts]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


def test_directed_smoothing_applies_to_the_second_item() -> None:
    every = [2.0, 50.0, 7.0]
    smoothed_total = sum(f**0.5 for f in every)
    forward, backward = (weigh_one((2, *fs), 60.0, "pmi", 1.0, 0.5, smoothed_total, True) for fs in ((2, 50), (50, 2)))
    assert forward == pytest.approx(math.log(2 / 60) - math.log(2 / 60) - math.log(50**0.5 / smoothed_total), rel=1e-12)
    assert backward == pytest.approx(math.log(2 / 60) - math.log(50 / 60) - math.log(2**0.5 / smoothed_total), rel=1e-12)
    both = weigh_one((2, 2, 50), 60.0, "pmi", 1.0, 0.5, smoothed_total)
    assert both == pytest.approx((forward + backward) / 2, rel=1e-12)


@pytest.mark.parametrize("formula", pmi.FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75])
def test_weights_are_bitwise_symmetric(formula: str, smoothing: float) -> None:
    rng = np.random.default_rng(2)
    joint = rng.integers(1, 50, 5000).astype(float)
    fx, fy = (joint + rng.integers(0, 1000, 5000).astype(float) for _ in range(2))
    params = pmi.make_pmi_params(formula, 123_457.0, 2.0, smoothing, 4567.8)
    forward, backward = pmi.weigh_pairs(joint, fx, fy, params), pmi.weigh_pairs(joint, fy, fx, params)
    assert [a.tolist() for a in forward] == [a.tolist() for a in backward]


def test_each_direction_is_clipped_at_zero_before_the_mean() -> None:
    every = [1.0, 50.0, 100.0, 4.0]
    directions = [oracles.pmi(1, *fs, 200.0, 0.5, every) for fs in ((1, 50), (50, 1))]
    assert min(directions) < 0 < sum(directions)
    for formula in ("ppmi", "shifted"):
        weight = weigh_one((1, 1, 50), 200.0, formula, 1.0, 0.5, sum(f**0.5 for f in every))
        assert weight == pytest.approx(max(directions) / 2, rel=1e-12)


def test_independent_items_have_pmi_zero_among_users() -> None:
    values, weights = pmi.weigh_pairs(10 * ONE, 20 * ONE, 50 * ONE, pmi.make_pmi_params("pmi_frequency", 100.0))
    assert abs(values[0]) < 1e-14
    assert abs(weights[0]) < 1e-12


def test_items_twice_as_often_together_as_by_chance_have_pmi_ln_two() -> None:
    assert weigh_one((20, 20, 50), 100.0, "pmi") == pytest.approx(math.log(2), abs=1e-14)


def test_planted_partners_outweigh_chance_under_every_formula() -> None:
    rng = np.random.default_rng(3)
    baskets = [[item for g in (0, 1) if rng.random() < 0.5 for item in (2 * g, 2 * g + 1)] for _ in range(400)]
    f, both, n = oracles.item_counts(baskets), oracles.pair_counts(baskets), float(len(baskets))
    for formula in pmi.FORMULAS:
        weight = {(x, y): weigh_one((count, f[x], f[y]), n, formula) for (x, y), count in both.items()}
        assert min(weight[0, 1], weight[2, 3]) > max(w for p, w in weight.items() if p not in {(0, 1), (2, 3)})


def test_ppmi_and_shifted_clip_negative_pmi() -> None:
    rare_pair = (1, 50, 50)
    assert weigh_one(rare_pair, 100.0, "pmi") == pytest.approx(math.log(1 * 100 / 2500))
    assert weigh_one(rare_pair, 100.0, "ppmi") == 0.0
    assert weigh_one(rare_pair, 100.0, "shifted", 5.0) == 0.0
    assert weigh_one(rare_pair, 100.0, "npmi") < 0


def test_npmi_is_one_for_items_that_only_occur_together() -> None:
    joint = np.array([7.0, 100.0])
    assert pmi.weigh_pairs(joint, joint, joint, pmi.make_pmi_params("npmi", 100.0))[1] == pytest.approx([1.0, 1.0], abs=1e-14)


def test_counts_near_two_to_the_53_stay_finite() -> None:
    large = np.array([1.0, 2.0**53])
    for formula in pmi.FORMULAS:
        for array in pmi.weigh_pairs(
            large, large, np.full(2, 2.0**53), pmi.make_pmi_params(formula, 2.0**53, 5.0, 0.75, 2.0**53)
        ):
            assert np.isfinite(array).all()


def test_no_pairs_give_no_weights() -> None:
    empty = np.empty(0)
    params = pmi.make_pmi_params("pmi_frequency", 10.0, 1.0, 0.75, 3.0)
    assert [len(a) for a in pmi.weigh_pairs(empty, empty, empty, params)] == [0, 0]


def test_an_unknown_formula_is_an_error() -> None:
    with pytest.raises(KeyError, match="pmi2"):
        pmi.make_pmi_params("pmi2", 1.0)


def test_the_configuration_allows_the_formulas_of_the_kernel() -> None:
    assert set(get_args(Pmi.model_fields["weight"].annotation)) == set(pmi.FORMULAS)


def test_a_formula_without_a_branch_has_no_weight() -> None:
    params = pmi.make_pmi_params("pmi", 100.0)
    for smoothing in (1.0, 0.75):
        unknown = params._replace(formula=len(pmi.FORMULAS), smoothing=smoothing)
        assert math.isnan(pmi.weigh_pairs(20 * ONE, 20 * ONE, 50 * ONE, unknown)[1][0])


F = np.array([4000.0, 6.0, 9.0, 5.0, 1.0])
NO_SUPPORT = np.empty(0, np.int64)


def make_rows(frequency: Any = (5000, 3, 2, 5, 1)) -> PairRows:
    """Return pairs of the item 2 with 0 and 1, and of 4 with 0, 1 and 3."""
    partner = np.array([0, 1, 0, 1, 3], np.uint32)
    return PairRows(np.array([2, 4]), np.array([0, 2, 5]), partner, np.array(frequency, np.uint32), NO_SUPPORT)


@pytest.mark.parametrize("row_first", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("formula", pmi.FORMULAS)
def test_rows_and_pairs_get_equal_weights(formula: str, scale: float, row_first: bool) -> None:
    params = pmi.make_pmi_params(formula, 50_000.0, 1.5, 0.75, float((F**0.75).sum()), is_directed=row_first)
    rows, item = make_rows(), np.array([2, 2, 4, 4, 4])
    x, y = (item, rows.partner) if row_first else (rows.partner, item)
    edges = pmi.weigh_and_filter(
        rows,
        rows.frequency,
        scale,
        pmi.make_item_stats(F, F > 0),
        params,
        pmi.EdgeCuts(1, -1e9),
        row_first,
        pmi.output_buffer(9),
    )
    values, weights = pmi.weigh_pairs(rows.frequency.astype(np.float64) * scale, F[x], F[y], params)
    is_edge = weights > 0
    assert is_edge.any()
    assert (edges.src.tolist(), edges.dst.tolist()) == (x[is_edge].tolist(), y[is_edge].tolist())
    assert edges.frequency.tolist() == rows.frequency[is_edge].tolist()
    np.testing.assert_allclose(edges.pmi, values[is_edge], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(edges.weight, weights[is_edge], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("cuts", "min_item_frequency", "remaining"),
    [
        ((1, 0.0), 1, [5000, 3, 2, 5, 1]),
        ((3, 0.0), 1, [5000, 3, 5]),
        ((1, 3.0), 1, [5000, 3, 5]),
        ((1, 3.0000001), 1, [5000, 5]),
        ((2, -7.0), 5, [5000, 3]),
        ((1, 0.0), 6, [5000, 3]),
        ((1, 0.0), 9, [5000]),
        ((5001, 0.0), 1, []),
        ((1, 0.0), 4001, []),
    ],
)
def test_an_edge_passes_every_cut(cuts: tuple[int, float], min_item_frequency: int, remaining: list[int]) -> None:
    items = pmi.make_item_stats(F, np.array([4000, 6, 9, 5, 4]) >= min_item_frequency)
    params = pmi.make_pmi_params("frequency", 50.0)
    edges = pmi.weigh_and_filter(
        make_rows(), make_rows().frequency, 1.0, items, params, pmi.EdgeCuts(*cuts), False, pmi.output_buffer(5)
    )
    assert edges.frequency.tolist() == remaining
    assert edges.weight.tolist() == remaining


def test_a_weight_of_zero_is_no_edge_for_any_minimum_weight() -> None:
    items = pmi.make_item_stats(np.array([50.0, 50.0]), np.ones(2, np.bool_))
    rows = PairRows(np.array([1]), np.array([0, 1]), np.array([0], np.uint32), np.array([1], np.uint32), NO_SUPPORT)
    for formula in ("ppmi", "pmi"):
        edges = pmi.weigh_and_filter(
            rows,
            rows.frequency,
            1.0,
            items,
            pmi.make_pmi_params(formula, 100.0),
            pmi.EdgeCuts(1, -5.0),
            False,
            pmi.output_buffer(1),
        )
        assert edges.weight.tolist() == []


def test_the_minimum_frequency_counts_users_not_their_weights() -> None:
    items = pmi.make_item_stats(F / 10, np.ones(5, np.bool_))
    rows = make_rows()._replace(support=make_rows().frequency.astype(np.int64))
    edges = pmi.weigh_and_filter(
        rows,
        rows.support,
        0.1,
        items,
        pmi.make_pmi_params("frequency", 50.0),
        pmi.EdgeCuts(3, 0.0),
        False,
        pmi.output_buffer(5),
    )
    assert edges.frequency.tolist() == [5000, 3, 5]
    assert edges.weight.tolist() == pytest.approx([500.0, 0.3, 0.5])
