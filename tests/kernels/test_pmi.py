"""Weights of pairs: against plain math.log, on independent items, at the ends of the scale; and the cuts."""

import math
from typing import Any

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.pairs import cooccurrence, pmi

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


def weight_of(counts: tuple[Any, Any, Any], total: float, *law: Any) -> float:
    """The weight of one pair (joint, fx, fy)."""
    return float(pmi.weigh_pairs(*(ONE * c for c in counts), pmi.make_pmi_params(law[0], total, *law[1:]))[1][0])


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75, 0.5])
@pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS.keys())
@pytest.mark.parametrize("directed", [False, True])
def test_every_weight_is_that_of_the_formula(formula: str, smoothing: float, total: float, directed: bool) -> None:
    law = pmi.make_pmi_params(formula, total, 1.1, smoothing, sum(f**smoothing for f in EVERY), directed)
    value, weight = pmi.weigh_pairs(JOINT, FX, FY, law)
    counts = list(zip(JOINT, FX, FY, strict=True))
    expected = [oracles.weight(formula, *of_pair, total, 1.1, smoothing, EVERY, directed) for of_pair in counts]
    np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-12)
    assert len({round(w, 9) for w in expected}) > 2
    own = 1.0 if formula in ("frequency", "cosine") else smoothing
    values = [oracles.weight("pmi", *of_pair, total, 1.1, own, EVERY, directed) for of_pair in counts]
    np.testing.assert_allclose(value, values, rtol=1e-12, atol=1e-12)


def test_directed_smoothing_is_of_the_item_that_comes_second() -> None:
    every = [2.0, 50.0, 7.0]
    whole = sum(f**0.5 for f in every)
    there, back = (weight_of((2, *of), 60.0, "pmi", 1.0, 0.5, whole, True) for of in ((2, 50), (50, 2)))
    assert there == pytest.approx(math.log(2 / 60) - math.log(2 / 60) - math.log(50**0.5 / whole), rel=1e-12)
    assert back == pytest.approx(math.log(2 / 60) - math.log(50 / 60) - math.log(2**0.5 / whole), rel=1e-12)
    both = weight_of((2, 2, 50), 60.0, "pmi", 1.0, 0.5, whole)
    assert both == pytest.approx((there + back) / 2, rel=1e-12)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("smoothing", [1.0, 0.75])
def test_a_weight_is_the_same_to_the_last_bit_whichever_end_comes_first(formula: str, smoothing: float) -> None:
    rng = np.random.default_rng(2)
    joint = rng.integers(1, 50, 5000).astype(float)
    fx, fy = (joint + rng.integers(0, 1000, 5000) for _ in range(2))
    law = pmi.make_pmi_params(formula, 123_457.0, 2.0, smoothing, 4567.8)
    there, back = pmi.weigh_pairs(joint, fx, fy, law), pmi.weigh_pairs(joint, fy, fx, law)
    assert [a.tolist() for a in there] == [a.tolist() for a in back]


def test_a_direction_below_zero_is_cut_before_the_mean_is_taken() -> None:
    every = [1.0, 50.0, 100.0, 4.0]
    ways = [oracles.pmi(1, *fs, 200.0, 0.5, every) for fs in ((1, 50), (50, 1))]
    assert min(ways) < 0 < sum(ways)
    for formula in ("ppmi", "shifted"):
        weight = weight_of((1, 1, 50), 200.0, formula, 1.0, 0.5, sum(f**0.5 for f in every))
        assert weight == pytest.approx(max(ways) / 2, rel=1e-12)


def test_independent_items_have_pmi_zero_among_users() -> None:
    value, weight = pmi.weigh_pairs(10 * ONE, 20 * ONE, 50 * ONE, pmi.make_pmi_params("pmi_frequency", 100.0))
    assert abs(value[0]) < 1e-14
    assert abs(weight[0]) < 1e-12


def test_items_twice_as_often_together_as_by_chance_have_pmi_ln_two() -> None:
    assert weight_of((20, 20, 50), 100.0, "pmi") == pytest.approx(math.log(2), abs=1e-14)


def test_planted_partners_outweigh_chance_by_every_formula_of_pmi() -> None:
    rng = np.random.default_rng(3)
    baskets = [[item for g in (0, 1) if rng.random() < 0.5 for item in (2 * g, 2 * g + 1)] for _ in range(400)]
    f, both, n = oracles.item_counts(baskets), oracles.pair_counts(baskets), float(len(baskets))
    for formula in ("pmi", "ppmi", "npmi", "pmi_frequency", "cosine", "frequency"):
        weight = {(x, y): weight_of((count, f[x], f[y]), n, formula) for (x, y), count in both.items()}
        assert min(weight[0, 1], weight[2, 3]) > max(w for p, w in weight.items() if p not in {(0, 1), (2, 3)})


def test_negative_pmi_is_cut_by_ppmi_and_shifted_and_kept_by_the_others() -> None:
    rare = (1, 50, 50)
    assert weight_of(rare, 100.0, "pmi") == pytest.approx(math.log(1 * 100 / 2500))
    assert weight_of(rare, 100.0, "ppmi") == 0.0
    assert weight_of(rare, 100.0, "shifted", 5.0) == 0.0
    assert weight_of(rare, 100.0, "npmi") < 0


def test_npmi_is_one_for_items_that_only_come_together_and_where_all_have_both() -> None:
    joint = np.array([7.0, 100.0])
    assert pmi.weigh_pairs(joint, joint, joint, pmi.make_pmi_params("npmi", 100.0))[1] == pytest.approx([1.0, 1.0], abs=1e-14)


def test_counts_near_two_to_the_53_stay_finite() -> None:
    large = np.array([1.0, 2.0**53])
    for formula in FORMULAS:
        for array in pmi.weigh_pairs(
            large, large, np.full(2, 2.0**53), pmi.make_pmi_params(formula, 2.0**53, 5.0, 0.75, 2.0**53)
        ):
            assert np.isfinite(array).all()


def test_no_pairs_give_no_weights() -> None:
    none = np.empty(0)
    assert [len(a) for a in pmi.weigh_pairs(none, none, none, pmi.make_pmi_params("pmi_frequency", 10.0, 1.0, 0.75, 3.0))] == [
        0,
        0,
    ]


def test_an_unknown_formula_is_an_error() -> None:
    with pytest.raises(KeyError, match="pmi2"):
        pmi.make_pmi_params("pmi2", 1.0)


F = np.array([4000.0, 6.0, 9.0, 5.0, 1.0])
NONE = np.empty(0, np.int64)


def counted(frequency: Any = (5000, 3, 2, 5, 1)) -> cooccurrence.PairRows:
    """Pairs of the items 2 and 4: with 0 and 1, and with 0, 1 and 3."""
    partner = np.array([0, 1, 0, 1, 3], np.uint32)
    return cooccurrence.PairRows(np.array([2, 4]), np.array([0, 2, 5]), partner, np.array(frequency, np.uint32), NONE)


@pytest.mark.parametrize("row_first", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("formula", FORMULAS)
def test_rows_are_weighed_as_pairs_are(formula: str, scale: float, row_first: bool) -> None:
    law = pmi.make_pmi_params(formula, 50_000.0, 1.5, 0.75, float((F**0.75).sum()), directed=row_first)
    rows, item = counted(), np.array([2, 2, 4, 4, 4])
    x, y = (item, rows.partner) if row_first else (rows.partner, item)
    made = pmi.weigh_and_filter(
        rows, rows.frequency, scale, pmi.make_item_stats(F, F > 0), law, pmi.EdgeCuts(1, -1e9), row_first, pmi.output_buffer(9)
    )
    value, weight = pmi.weigh_pairs(rows.frequency * scale, F[x], F[y], law)
    left = weight > 0
    assert left.any()
    assert (made.src.tolist(), made.dst.tolist()) == (x[left].tolist(), y[left].tolist())
    assert made.frequency.tolist() == rows.frequency[left].tolist()
    np.testing.assert_allclose(made.pmi, value[left], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(made.weight, weight[left], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("cuts", "often", "left"),
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
def test_a_pair_passes_every_cut_or_goes(cuts: tuple[int, float], often: int, left: list[int]) -> None:
    of = pmi.make_item_stats(F, np.array([4000, 6, 9, 5, 4]) >= often)
    law = pmi.make_pmi_params("frequency", 50.0)
    made = pmi.weigh_and_filter(counted(), counted().frequency, 1.0, of, law, pmi.EdgeCuts(*cuts), False, pmi.output_buffer(5))
    assert made.frequency.tolist() == left
    assert made.weight.tolist() == left


def test_a_weight_of_zero_is_no_edge_whatever_the_least_weight() -> None:
    of = pmi.make_item_stats(np.array([50.0, 50.0]), np.ones(2, np.bool_))
    rows = cooccurrence.PairRows(np.array([1]), np.array([0, 1]), np.array([0], np.uint32), np.array([1], np.uint32), NONE)
    for formula in ("ppmi", "pmi"):
        made = pmi.weigh_and_filter(
            rows,
            rows.frequency,
            1.0,
            of,
            pmi.make_pmi_params(formula, 100.0),
            pmi.EdgeCuts(1, -5.0),
            False,
            pmi.output_buffer(1),
        )
        assert made.weight.tolist() == []


def test_the_cut_of_frequency_is_of_users_and_not_of_their_weights() -> None:
    of = pmi.make_item_stats(F / 10, np.ones(5, np.bool_))
    rows = counted()._replace(support=counted().frequency.astype(np.int64))
    made = pmi.weigh_and_filter(
        rows, rows.support, 0.1, of, pmi.make_pmi_params("frequency", 50.0), pmi.EdgeCuts(3, 0.0), False, pmi.output_buffer(5)
    )
    assert made.frequency.tolist() == [5000, 3, 5]
    assert made.weight.tolist() == pytest.approx([500.0, 0.3, 0.5])
