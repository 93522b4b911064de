"""Exact co-occurrence counts: against brute force, for any split of users, items and columns."""

from itertools import pairwise

import numpy as np
import pytest

from support import pair_oracles as brute
from support.blocks import UserLists, count_to_dict, make_block, random_lists
from walkgram.kernels.pairs import cooccurrence

PairCounts = dict[tuple[int, int], tuple[int, int]]
N = 25
CASES = {
    "basket": (None, "none"),
    "basket, weighted": (None, "inverse_log_degree"),
    "sequence": ((0, 0), "none"),
    "sequence within bounds, weighted": ((2, 3), "inverse_degree"),
}


def expected(
    lists: UserLists, order: tuple[int, int] | None = None, weighting: str = "none", min_frequency: int = 1
) -> PairCounts:
    """Return the counts by (item, partner): (larger, smaller) of a basket, (earlier, later) of a sequence."""
    pairs = brute.PairCounter(lists, order is not None, *(order or (0, 0)), weighting).count_pairs()
    return {
        ((y, x) if order is None else (x, y)): (users, 0 if weighting == "none" else int(support * brute.SUPPORT_SCALE))
        for (x, y), (users, support) in pairs.items()
        if users >= min_frequency
    }


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[tuple[int, int] | None, str]:
    """Return ((window, max_gap) of sequences or None, the weights of users)."""
    return request.param  # type: ignore[no-any-return]


def test_counts_of_six_baskets() -> None:
    baskets = [[2, 0, 1], [1, 0], [3], [], [3, 1, 0], [4, 2]]
    block = make_block({u: dict.fromkeys(items, 0) for u, items in enumerate(baskets)}, 5)
    counted = {(y, x): f for (x, y), (f, _) in count_to_dict([block], 0, 5, 5, True).items()}
    assert counted == {(0, 1): 3, (0, 2): 1, (1, 2): 1, (0, 3): 1, (1, 3): 1, (2, 4): 1}


def test_counts_of_a_sequence() -> None:
    block = make_block({0: {0: 1, 1: 1, 2: 2}, 1: {2: 5, 0: 6}, 2: {0: 3, 2: 4}}, 3, (0, 0))
    assert count_to_dict([block], 0, 3, 3, False) == {(0, 2): (2, 0), (1, 2): (1, 0), (2, 0): (1, 0)}


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_brute_force(case: tuple[tuple[int, int] | None, str], seed: int) -> None:
    lists = random_lists(70, N, 15, seed)
    counted = count_to_dict([make_block(lists, N, *case)], 0, N, N, case[0] is None)
    assert counted == expected(lists, *case)
    assert len(counted) > 100


@pytest.mark.parametrize("cuts", [[0], [30], [1, 2, 59], [10, 10, 40], [60]])
def test_counts_do_not_depend_on_the_split_of_users(case: tuple[tuple[int, int] | None, str], cuts: list[int]) -> None:
    lists = random_lists(60, N, 12, seed=4)
    parts = [{u: lists[u] for u in range(start, stop)} for start, stop in zip([0, *cuts], [*cuts, 60], strict=True)]
    assert count_to_dict([make_block(part, N, *case) for part in parts], 0, N, N, case[0] is None) == expected(lists, *case)


@pytest.mark.parametrize("columns", [1, 3, 7, N, 1 << 24])
def test_counts_do_not_depend_on_the_split_of_items_and_columns(case: tuple[tuple[int, int] | None, str], columns: int) -> None:
    lists, bounds = random_lists(60, N, 12, seed=5), [0, 0, 1, 9, 10, N]
    blocks = [make_block({u: lists[u] for u in lists if u % 3 == k}, N, *case) for k in range(3)]
    counted: PairCounts = {}
    for start, stop in pairwise(bounds):
        part = count_to_dict(blocks, start, stop, N, case[0] is None, columns=columns)
        assert all(start <= item < stop for item, _ in part)
        assert not counted.keys() & part.keys()
        counted |= part
    assert counted == expected(lists, *case)


@pytest.mark.parametrize("columns", [2, 1 << 24])
@pytest.mark.parametrize("min_frequency", [0, 1, 2, 5, 1000])
def test_pairs_below_the_minimum_frequency_are_dropped(
    case: tuple[tuple[int, int] | None, str], min_frequency: int, columns: int
) -> None:
    lists = random_lists(80, N, 12, seed=6)
    reference = expected(lists, *case, min_frequency=min_frequency)
    assert count_to_dict([make_block(lists, N, *case)], 0, N, N, case[0] is None, min_frequency, columns) == reference
    assert (len(reference) > 0) == (min_frequency < 1000)
    assert (len(reference) < len(expected(lists, *case))) == (min_frequency > 1)


@pytest.mark.parametrize("min_frequency", [1, 2])
@pytest.mark.parametrize("columns", [700, 1 << 24])
def test_sparse_and_dense_rows(case: tuple[tuple[int, int] | None, str], min_frequency: int, columns: int) -> None:
    """Count lists of 6 among 3,000 items by the touched columns, and lists of the first 12 items by a scan of all counters."""
    n, rng = 3000, np.random.default_rng(7)
    lists = {u: {int(i): int(rng.integers(0, 5)) for i in rng.choice(n, 6, replace=False)} for u in range(150)}
    lists |= {u: {int(i): int(rng.integers(0, 5)) for i in rng.choice(12, 9, replace=False)} for u in range(150, 400)}
    lists |= {u: {0: 0, n - 1: 1, n - 2: 2, u: 3} for u in range(400, 460)}
    lists |= {u: {699: 0, 700: 1, 701: 2, 1399: 3, 1400: 4, 2500: 5} for u in range(460, 463)}  # at the ends of columns
    counted = count_to_dict([make_block(lists, n, *case)], 0, n, n, case[0] is None, min_frequency, columns)
    assert counted == expected(lists, *case, min_frequency=min_frequency)


@pytest.mark.parametrize("columns", [5, 1 << 24])
def test_small_batches_contain_each_pair_once(
    case: tuple[tuple[int, int] | None, str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = random_lists(60, N, 12, seed=8)
    blocks = [make_block(lists, N, *case)]
    one_batch = count_to_dict(blocks, 0, N, N, case[0] is None)
    monkeypatch.setattr(cooccurrence, "BATCH_PAIRS", 4)
    batches = [len(rows.partner) for rows in cooccurrence.count_pairs(blocks, 0, N, N, case[0] is None, 1, columns)]
    assert len(batches) > N / 5
    assert max(batches) <= min(N, columns) + 4
    assert count_to_dict(blocks, 0, N, N, case[0] is None, columns=columns) == one_batch == expected(lists, *case)


def test_planted_pairs_with_a_hub_are_counted_exactly() -> None:
    lists = {u: dict.fromkeys([0, 1 + 2 * (u % 10), 2 + 2 * (u % 10)], 0) for u in range(1000)}
    counted = count_to_dict([make_block(lists, 21)], 0, 21, 21, True)
    assert counted == {(item, 0): (100, 0) for item in range(1, 21)} | {(i + 1, i): (100, 0) for i in range(1, 21, 2)}


def test_counts_above_2_to_the_16_and_supports_above_2_to_the_46() -> None:
    lists = {user: {0: 0, 1: 1} for user in range(70_000)}
    weight = int(brute.user_weight("inverse_log_degree", 2) * brute.SUPPORT_SCALE)
    assert count_to_dict([make_block(lists, 2, None, "inverse_log_degree")], 0, 2, 2, True) == {
        (1, 0): (70_000, 70_000 * weight)
    }


def test_a_user_with_every_item_counts_every_pair() -> None:
    lists = {0: {item: item for item in range(120)}}
    for order, lower_triangle in ((None, True), ((0, 0), False)):
        assert count_to_dict([make_block(lists, 120, order)], 0, 120, 120, lower_triangle) == expected(lists, order)


@pytest.mark.parametrize("lists", [{}, {0: {}}, {0: {3: 0}}, {0: {0: 0}, 1: {1: 0}, 2: {2: 0}}])
def test_lists_without_a_pair_give_no_counts(lists: UserLists) -> None:
    assert count_to_dict([make_block(lists, 4)], 0, 4, 4, True) == {}
    assert count_to_dict([make_block(lists, 4, (0, 0))], 0, 4, 4, False) == {}


def test_no_blocks_give_no_counts() -> None:
    assert count_to_dict([], 0, 3, 3, True) == {}


def test_an_array_that_is_not_contiguous_is_an_error() -> None:
    block = make_block(random_lists(20, N, 9, seed=9), N)
    with pytest.raises(ValueError, match="contiguous"):
        count_to_dict([block | {"items": block["items"][::2]}], 0, N, N, True)


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
@pytest.mark.parametrize("work", [[5], [0, 0, 0, 0], [1000, 1, 1, 1], [1, 1, 1, 1000], list(range(50))], ids=str)
def test_ranges_cover_every_item_once_without_empty_ranges(work: list[int], parts: int) -> None:
    bounds = cooccurrence.split_by_work(np.array(work, np.int64), parts)
    assert bounds[0] == 0
    assert bounds[-1] == len(work)
    assert (np.diff(bounds) > 0).all()
    assert len(bounds) <= parts + 1


@pytest.mark.parametrize(("size", "parts"), [(1, 8), (2**45, 8), (2**45, 1000)])
def test_the_work_of_ranges_differs_by_at_most_the_largest_item(size: int, parts: int) -> None:
    work = np.random.default_rng(1).integers(0, 100, 2000) * size
    bounds = cooccurrence.split_by_work(work, parts)
    shares = np.add.reduceat(work + 1, bounds[:-1])
    assert len(shares) > 0.9 * parts
    assert np.abs(shares - (work + 1).sum() / parts).max() <= 2 * (99 * size + 1)


def test_no_items_give_no_range() -> None:
    assert cooccurrence.split_by_work(np.empty(0, np.int64), 4).tolist() == [0]
