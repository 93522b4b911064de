"""What the jobs pairs and edges are made of: the vocabulary, the plan of the work, the guess, N, the strongest edges."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from support import pair_oracles as brute
from support.blocks import count_to_dict, make_block, random_lists
from walkgram.config.pairs import Pairs, Pmi
from walkgram.errors import ConfigError
from walkgram.kernels.pairs import inverted_lists
from walkgram.stages.pairs import baskets, counting, edges
from walkgram.stages.source import vocabulary

Block = dict[str, np.ndarray]


class MemoryBlocks:
    """Blocks that were never on a disk."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        return self.blocks[number]


def planned(made: list[Block], n: int, config: Pairs) -> counting.CountPlan:
    """The plan that the totals of some blocks give."""
    bounds = baskets.item_bounds(n)
    return counting.CountPlan(
        config, n, np.sum([inverted_lists.estimate_work(b["indptr"], b["starts"], b["stops"], bounds) for b in made], axis=0)
    )


def test_vocabulary_orders_by_falling_frequency_then_rising_id(spark: Any) -> None:
    rows = [("a", "x"), ("b", "x"), ("a", "z"), ("a", "y"), ("b", "y"), ("a", "B"), ("b", "é")]
    table = spark.createDataFrame(
        [(u, i, 1.0, None) for u, i in rows], "user_id string, item_id string, rating float, timestamp timestamp"
    )
    found = vocabulary.build_vocabulary(table).orderBy("index").collect()
    assert [tuple(r) for r in found] == [(0, "x", 2), (1, "y", 2), (2, "B", 1), (3, "z", 1), (4, "é", 1)]


@pytest.mark.parametrize("n", [1, 2, 99, 100, 101, 137, 5000])
def test_work_is_known_of_single_items_then_of_ranges(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baskets, "SINGLE", 100)
    monkeypatch.setattr(baskets, "RANGES", 9)
    bounds = baskets.item_bounds(n)
    assert bounds[0] == 0
    assert bounds[-1] == n
    assert (np.diff(bounds) > 0).all()
    assert bounds[: min(n, 100)].tolist() == list(range(min(n, 100)))
    assert len(bounds) <= min(n, 100) + 9 + 1


@pytest.mark.parametrize("tasks", [1, 2, 7, 1000])
def test_spans_cover_every_item_once_and_are_as_many_as_was_asked_for(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baskets, "SINGLE", 30)
    monkeypatch.setattr(baskets, "RANGES", 20)
    made = [make_block(random_lists(200, 90, 20, seed=1), 90)]
    spans = planned(made, 90, Pairs(tasks=tasks)).spans()
    assert [low for low, _ in spans] == [0, *(high for _, high in spans[:-1])]
    assert spans[-1][1] == 90
    assert all(low < high for low, high in spans)
    assert len(spans) == tasks if tasks < 8 else len(spans) == 50
    assert planned(made, 90, Pairs()).spans() == planned(made, 90, Pairs(tasks=2)).spans()


def test_spans_share_the_work_of_a_heavy_tail() -> None:
    made = [make_block(random_lists(600, 400, 60, seed=2), 400)]
    own = planned(made, 400, Pairs(tasks=4))
    each = [own.work[0][low:high].sum() + counting.VISIT * own.work[1][low:high].sum() for low, high in own.spans()]
    heaviest = (own.work[0] + counting.VISIT * own.work[1]).max()
    assert len(each) == 4
    assert max(each) - min(each) <= 2 * heaviest


def guessed(own: counting.CountPlan, made: list[Block]) -> float:
    """How many pairs there are, as `estimate` adds the sample up."""
    each = (
        (factor, len(count_to_dict(made, low, high, own.n, own.config.mode == "basket"))) for low, high, factor in own.sample()
    )
    return sum(factor * found for factor, found in each)


@pytest.mark.parametrize("mode", ["basket", "sequence"])
def test_the_guess_is_exact_where_the_sample_is_the_whole(mode: str) -> None:
    order = None if mode == "basket" else (0, 0)
    own = random_lists(100, 60, 20, seed=3)
    made = [make_block(own, 60, order)]
    plan = planned(made, 60, Pairs(mode=mode))  # type: ignore[arg-type]
    assert plan.sample() == [(0, 60, 1.0)]
    assert guessed(plan, made) == len(brute.PairCounter(own, order is not None).count_pairs())


@pytest.mark.parametrize("mode", ["basket", "sequence"])
def test_the_guess_from_a_sample_is_near(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 items of a heavy tail, ranked by frequency as in a vocabulary; a thirtieth of the increments is counted."""
    rng, n = np.random.default_rng(4), 2000
    popular = 1 / np.arange(1, n + 1) ** 0.9
    entries = np.unique(rng.integers(0, 3000, 90_000) * n + rng.choice(n, 90_000, p=popular / popular.sum()))
    order = None if mode == "basket" else inverted_lists.SequenceOrder(rng.integers(0, 1000, len(entries)), 10, 0)
    made = [inverted_lists.build_block(entries // n, entries % n, n, order)]
    plan = planned(made, n, Pairs(mode=mode))  # type: ignore[arg-type]
    exact = len(count_to_dict(made, 0, n, n, mode == "basket"))
    monkeypatch.setattr(counting, "SAMPLE", plan.increments // 30)
    sample = plan.sample()
    assert sum(high - low for low, high, _ in sample) < n / 2
    assert len({low for low, _, _ in sample}) > counting.STRATA / 2
    assert guessed(plan, made) == pytest.approx(exact, rel=0.2)


def test_the_sum_that_decides_n_passes_two_to_the_63() -> None:
    own = np.array([2**62 + 1, 2**62 + 2, 2**62 + 3, 5], np.int64)
    users = np.array([7, 3 * 2**30], np.int64)
    counted: Any = MemoryBlocks(
        {"f": own, "s": own}, {"work": np.zeros((2, 4)), "users": users, "sum": baskets.split_int64(own)}
    )
    assert edges.compute_pmi_normalizer(Pmi(normalizer="interactions"), False, counted) == float(3 * 2**62 + 11)
    assert edges.compute_pmi_normalizer(Pmi(normalizer="interactions"), True, counted) == float(3 * 2**62 + 11) / 2**30
    assert edges.compute_pmi_normalizer(Pmi(normalizer="users"), True, counted) == 3.0


def test_ids_of_more_text_than_one_array_holds() -> None:
    """33 pieces of one long id, and one of another: 2.1 GiB where they are put together, 64 MiB as they are."""
    piece, other = (pa.array([letter * 2**26]) for letter in "xy")
    ids = pa.chunked_array([*[piece] * 33, other])
    table = pa.table({"user_id": ids, "index": pa.array(np.arange(34, dtype=np.int32)), "time": np.arange(34) * 10})
    users, items, times = baskets.select_entries(table, Pairs(mode="sequence"))
    assert users.tolist() == [0] * 33 + [1]
    assert items.tolist() == list(range(34))
    assert times is not None
    assert times.tolist() == [10 * k for k in range(34)]


def test_the_cap_cuts_users_items_and_times_alike() -> None:
    text = {"user_id": ["b", "a", "b", "b", "a"], "time": [50, 40, 30, 20, 10], "draw": [5, -5, 3, -(2**60), 8]}
    table = pa.table({**text, "index": pa.array([0, 1, 2, 3, 4], pa.int32())})
    users, items, times = baskets.select_entries(table, Pairs(mode="sequence", max_items_per_user=2))
    assert (users.tolist(), items.tolist()) == ([1, 0, 0, 1], [1, 2, 3, 4])
    assert times is not None
    assert times.tolist() == [40, 30, 20, 10]


def test_rows_of_the_pairs_table_are_the_counts_they_were_made_of() -> None:
    """Of a batch in which items come in several rows, as few columns at a time make them."""
    for mode, order in (("basket", None), ("sequence", (0, 0))):
        config = Pairs(mode=mode, counter_columns=4, user_weight="inverse_degree")  # type: ignore[arg-type]
        made = [make_block(random_lists(50, 20, 9, seed=5), 20, order, "inverse_degree")]
        for rows in counting.count_span(made, (0, 20), 20, config, 1):
            batch = pa.RecordBatch.from_pydict(counting.make_pair_rows(config)(rows))
            back, support = counting.read_pair_rows(batch, config)
            assert np.repeat(back.row, np.diff(back.ptr)).tolist() == np.repeat(rows.row, np.diff(rows.ptr)).tolist()
            assert back.partner.tolist() == rows.partner.tolist()
            assert back.frequency.tolist() == rows.frequency.tolist()
            assert (support * inverted_lists.SUPPORT_SCALE).tolist() == rows.support.tolist()
            low = np.asarray(batch["src"]) < np.asarray(batch["dst"])
            assert low.all() if mode == "basket" else low.any() and not low.all()


def test_the_strongest_of_either_end_stay_with_their_ties(spark: Any) -> None:
    rng = np.random.default_rng(6)
    weights = {(x, y): float(rng.integers(1, 5)) for x in range(9) for y in range(9) if x != y and rng.random() < 0.7}
    for directed in (True, False):
        own = {pair: brute.Edge(1, 0.0, w) for pair, w in weights.items() if directed or pair[0] < pair[1]}
        table = spark.createDataFrame([(*pair, e.weight) for pair, e in own.items()], "src long, dst long, weight double")
        left = brute.top_k_per_node(own, 2, directed)
        rows = edges.top_k_per_node(table.coalesce(1), 2, directed).collect()
        assert sorted((r["src"], r["dst"], r["weight"]) for r in rows) == sorted((*p, e.weight) for p, e in left.items())
        assert len(own) / 4 < len(left) < len(own)


def test_edges_are_not_weighed_by_another_configuration_than_the_counts() -> None:
    made = {"baskets": Pairs(max_items_per_user=3, tasks=4).model_dump(), "pairs": Pairs(min_frequency=2).model_dump()}
    edges.check_counting(Pairs(max_items_per_user=3, min_frequency=2, tasks=9, blocks=2, counter_columns=5), made)
    with pytest.raises(ConfigError, match=r"pairs\.cap = 0, but the baskets have 3: run jobs/pairs\.py again"):
        edges.check_counting(Pairs(min_frequency=2), made)
    with pytest.raises(ConfigError, match=r"pairs\.min_frequency = 1, but the pairs have 2"):
        edges.check_counting(Pairs(max_items_per_user=3), made)


def test_what_the_cuts_would_have_to_spare() -> None:
    assert "the heaviest pair weighs 2.5, the most frequent has 7 users" in edges.filter_diagnostics(
        {"heaviest": 2.5, "most": 7}
    )
    assert "no pair has a weight above 0" in edges.filter_diagnostics({"heaviest": 0.0, "most": 7})
