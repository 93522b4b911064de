"""The plan of counting, the estimate of the number of pairs, and the rows of the pairs table."""

import numpy as np
import pyarrow as pa
import pytest

from support import pair_oracles as brute
from support.blocks import count_to_dict, make_block, random_lists
from walkgram.config.pairs import Pairs
from walkgram.kernels.pairs import inverted_lists
from walkgram.stages.pairs import baskets, counting, pair_rows

Block = dict[str, np.ndarray]


def make_plan(blocks: list[Block], n: int, config: Pairs) -> counting.CountPlan:
    """Plan the counting of these blocks."""
    bounds = baskets.item_bounds(n)
    work = [inverted_lists.estimate_work(b["indptr"], b["starts"], b["stops"], bounds) for b in blocks]
    return counting.CountPlan(config, n, np.sum(work, axis=0))


@pytest.mark.parametrize("tasks", [1, 2, 7, 1000])
def test_spans_cover_every_item_once_and_are_as_many_as_pairs_tasks(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baskets, "SINGLE_ITEMS", 30)
    monkeypatch.setattr(baskets, "ITEM_RANGES", 20)
    blocks = [make_block(random_lists(200, 90, 20, seed=1), 90)]
    spans = make_plan(blocks, 90, Pairs(tasks=tasks)).split_items()
    assert [low for low, _ in spans] == [0, *(high for _, high in spans[:-1])]
    assert spans[-1][1] == 90
    assert all(low < high for low, high in spans)
    assert len(spans) == tasks if tasks < 8 else len(spans) == 50
    assert make_plan(blocks, 90, Pairs()).split_items() == make_plan(blocks, 90, Pairs(tasks=2)).split_items()


def test_spans_share_the_work_of_a_heavy_tail() -> None:
    plan = make_plan([make_block(random_lists(600, 400, 60, seed=2), 400)], 400, Pairs(tasks=4))
    item_work = plan.work[0] + counting.VISIT * plan.work[1]
    work = [item_work[low:high].sum() for low, high in plan.split_items()]
    assert len(work) == 4
    assert max(work) - min(work) <= 2 * item_work.max()


def estimate(plan: counting.CountPlan, blocks: list[Block]) -> float:
    """Estimate the number of pairs from the sample, as `estimate_pairs` does."""
    lower = plan.config.mode == "basket"
    return sum(factor * len(count_to_dict(blocks, low, high, plan.n, lower)) for low, high, factor in plan.sample_items())


@pytest.mark.parametrize("mode", ["basket", "sequence"])
def test_the_estimate_is_exact_if_the_sample_covers_all_items(mode: str) -> None:
    order = None if mode == "basket" else (0, 0)
    lists = random_lists(100, 60, 20, seed=3)
    blocks = [make_block(lists, 60, order)]
    plan = make_plan(blocks, 60, Pairs(mode=mode))  # type: ignore[arg-type]
    assert plan.sample_items() == [(0, 60, 1.0)]
    assert estimate(plan, blocks) == len(brute.PairCounter(lists, order is not None).count_pairs())


@pytest.mark.parametrize("mode", ["basket", "sequence"])
def test_the_estimate_from_a_sample_is_within_20_percent(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 items of a heavy tail, by frequency as in a vocabulary; a thirtieth of the increments is counted."""
    rng, n = np.random.default_rng(4), 2000
    popularity = 1 / np.arange(1, n + 1) ** 0.9
    entries = np.unique(rng.integers(0, 3000, 90_000) * n + rng.choice(n, 90_000, p=popularity / popularity.sum()))
    order = None if mode == "basket" else inverted_lists.SequenceOrder(rng.integers(0, 1000, len(entries)), 10, 0)
    blocks = [inverted_lists.build_block(entries // n, entries % n, n, order)]
    plan = make_plan(blocks, n, Pairs(mode=mode))  # type: ignore[arg-type]
    exact = len(count_to_dict(blocks, 0, n, n, mode == "basket"))
    monkeypatch.setattr(counting, "SAMPLE", plan.increments // 30)
    sample = plan.sample_items()
    assert sum(high - low for low, high, _ in sample) < n / 2
    assert len({low for low, _, _ in sample}) > counting.STRATA / 2
    assert estimate(plan, blocks) == pytest.approx(exact, rel=0.2)


def test_rows_of_the_pairs_table_are_read_back_as_the_counts() -> None:
    """In batches where an item has several rows, as few counter columns cause."""
    for mode, order in (("basket", None), ("sequence", (0, 0))):
        config = Pairs(mode=mode, counter_columns=4, user_weight="inverse_degree")  # type: ignore[arg-type]
        blocks = [make_block(random_lists(50, 20, 9, seed=5), 20, order, "inverse_degree")]
        for expected in counting.count_span(blocks, (0, 20), 20, config, 1):
            batch = pa.RecordBatch.from_pydict(pair_rows.make_pair_rows(config)(expected))
            rows, support = pair_rows.read_pair_rows(batch, config)
            assert np.repeat(rows.row, np.diff(rows.ptr)).tolist() == np.repeat(expected.row, np.diff(expected.ptr)).tolist()
            assert rows.partner.tolist() == expected.partner.tolist()
            assert rows.frequency.tolist() == expected.frequency.tolist()
            assert (support * inverted_lists.SUPPORT_SCALE).tolist() == expected.support.tolist()
            is_rising = np.asarray(batch["src"]) < np.asarray(batch["dst"])
            assert is_rising.all() if mode == "basket" else is_rising.any() and not is_rising.all()


def test_a_summary_has_the_sums_and_maxima_of_all_batches() -> None:
    summary = counting.ShardSummary()
    summary.add({"frequency": np.array([3, 9]), "weight": np.array([0.5, 2.5])})
    summary.add({"frequency": np.array([4]), "weight": np.array([1.0])})
    summary.add({"frequency": np.empty(0, np.int64), "weight": np.empty(0)})
    assert summary == counting.ShardSummary(rows=3, frequency=16, weight=4.0, max_frequency=9, max_weight=2.5)
    counts_only = counting.ShardSummary()
    counts_only.add({"frequency": np.array([3, 9])})
    assert counts_only == counting.ShardSummary(rows=2, frequency=12, max_frequency=9)
