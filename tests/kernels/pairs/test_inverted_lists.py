"""Blocks of users' lists: the partners of each entry, the weights of users, the sample per user."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from support import pair_oracles as brute
from support.blocks import Block, UserLists, make_block, random_lists
from walkgram.kernels.pairs import inverted_lists

BOUNDS = [(0, 0), (1, 0), (2, 0), (0, 1), (0, 3), (3, 2)]
N = 14


def list_partners(block: Block) -> Counter[tuple[int, frozenset[int], int]]:
    """Return (item, partners, the user's weight) of all entries."""
    entries: Counter[tuple[int, frozenset[int], int]] = Counter()
    for item in range(len(block["indptr"]) - 1):
        for entry in range(block["indptr"][item], block["indptr"][item + 1]):
            partners = block["items"][block["starts"][entry] : block["stops"][entry]].tolist()
            assert len(partners) == len(set(partners))
            entries[item, frozenset(partners), int(block["weights"][entry]) if len(block["weights"]) else 0] += 1
    return entries


def expected(
    lists: UserLists, order: tuple[int, int] | None, weighting: str = "none"
) -> Counter[tuple[int, frozenset[int], int]]:
    entries: Counter[tuple[int, frozenset[int], int]] = Counter()
    for items in lists.values():
        weight = 0 if weighting == "none" or not items else int(brute.user_weight(weighting, len(items)) * brute.SUPPORT_SCALE)
        for x in items:
            partners = {y for y in items if (y < x if order is None else brute.follows(items, x, y, *order))}
            entries[x, frozenset(partners), weight] += 1
    return entries


@pytest.mark.parametrize("weighting", ["none", "inverse_log_degree", "inverse_degree"])
@pytest.mark.parametrize("order", [None, *BOUNDS])
def test_every_entry_has_its_partners_and_its_users_weight(order: tuple[int, int] | None, weighting: str) -> None:
    lists = random_lists(60, N, 9, seed=1)
    block = make_block(lists, N, order, weighting)
    assert list_partners(block) == expected(lists, order, weighting)
    assert [block[name].dtype for name in ("items", "starts", "stops", "weights")] == [np.uint32] * 4
    unit = 1 if weighting == "none" else brute.SUPPORT_SCALE
    assert block["users"].tolist() == [60, brute.PairCounter(lists, weighting=weighting).normalizer("users") * unit]


def test_entries_of_equal_time_share_a_position_and_are_no_pair() -> None:
    """Items 0 and 1 are at time 1, 2 at time 2, 3 at time 5."""
    lists = {0: {0: 1, 1: 1, 2: 2, 3: 5}}

    def partners_within(window: int, max_gap: int) -> dict[int, set[int]]:
        return {item: set(partners) for item, partners, _ in list_partners(make_block(lists, 4, (window, max_gap)))}

    assert partners_within(1, 0) == {0: {2}, 1: {2}, 2: {3}, 3: set()}
    assert partners_within(2, 0) == partners_within(0, 0) == partners_within(0, 4) == {0: {2, 3}, 1: {2, 3}, 2: {3}, 3: set()}
    assert partners_within(0, 3) == {0: {2}, 1: {2}, 2: {3}, 3: set()}
    assert partners_within(0, 2) == {0: {2}, 1: {2}, 2: set(), 3: set()}


def test_one_time_gives_no_sequence_and_large_times_are_exact() -> None:
    together = make_block({0: {0: 7, 1: 7, 2: 7}}, 3, (0, 0))
    assert inverted_lists.estimate_work(
        together["indptr"], together["starts"], together["stops"], np.array([0, 3])
    ).tolist() == [[0], [3]]
    far = make_block({0: {0: -(2**55), 1: 2**60, 2: 2**60 + 1}}, 3, (0, 1))
    assert {item: set(partners) for item, partners, _ in list_partners(far)} == {0: set(), 1: {2}, 2: set()}


@pytest.mark.parametrize("lists", [{}, {0: {3: 0}}, {0: {0: 0}, 1: {1: 0}}, {0: {4: 1, 0: 0}}])
@pytest.mark.parametrize("order", [None, (1, 1)])
def test_small_blocks(lists: UserLists, order: tuple[int, int] | None) -> None:
    assert list_partners(make_block(lists, 5, order)) == expected(lists, order)


def test_the_order_and_the_type_of_the_entries_do_not_matter() -> None:
    lists = random_lists(40, N, 10, seed=2)
    block = make_block(lists, N, (2, 0), "inverse_degree", seed=1)
    other = make_block(lists, N, (2, 0), "inverse_degree", seed=2)
    assert list_partners(block) == list_partners(other)
    assert block["indptr"].tolist() == other["indptr"].tolist()
    users, items = (np.array(c) for c in zip(*[(u, i) for u, user_items in lists.items() for i in user_items], strict=True))
    for dtype in (np.int32, np.uint16, np.int64):
        assert list_partners(inverted_lists.build_block(users.astype(dtype), items.astype(dtype), N)) == expected(lists, None)


def test_the_callers_arrays_are_not_changed() -> None:
    users, items, times = np.array([0, 0, 0]), np.array([2, 0, 1]), np.array([3, 2, 1])
    inverted_lists.build_block(users, items, 3, inverted_lists.SequenceOrder(times, 0, 0))
    assert (users.tolist(), items.tolist(), times.tolist()) == ([0, 0, 0], [2, 0, 1], [3, 2, 1])


@pytest.mark.parametrize("item", [-1, 5, 2**31])
def test_an_item_outside_the_vocabulary_is_an_error(item: int) -> None:
    with pytest.raises(ValueError, match=r"0\.\.4"):
        make_block({0: {0: 0, item: 1}}, 5)


def test_more_items_than_a_block_can_index_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"2\^31"):
        inverted_lists.build_block(np.empty(0, np.int64), np.empty(0, np.int64), 2**31)


def test_weights_are_integer_multiples_of_the_scale() -> None:
    lists = {0: {0: 0}, 1: {0: 0, 1: 0}, 2: dict.fromkeys(range(5), 0)}
    by_name = {name: make_block(lists, 5, None, name)["weights"] for name in inverted_lists.USER_WEIGHTS}
    assert set(by_name["inverse_degree"].tolist()) == {2**30, 2**29, round(2**30 / 5)}
    assert max(by_name["inverse_log_degree"]) == round(2**30 / np.log(2))


@pytest.mark.parametrize("max_items", [1, 2, 5, 100])
def test_the_sample_has_the_least_draws_of_each_user(max_items: int) -> None:
    lists = random_lists(50, N, 12, seed=3)
    rows = np.random.default_rng(4).permutation([(u, i) for u, items in lists.items() for i in items])
    draws = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, len(rows))
    is_sampled = inverted_lists.sample_per_user(rows[:, 0], draws, max_items)
    draw_of = {(int(u), int(i)): int(draw) for (u, i), draw in zip(rows, draws, strict=True)}
    sampled = brute.sample_lists(lists, max_items, draw_of)
    assert Counter(map(tuple, rows[is_sampled].tolist())) == Counter((u, i) for u, items in sampled.items() for i in items)
    assert inverted_lists.sample_per_user(rows[:0, 0], draws[:0], max_items).tolist() == []


@pytest.mark.parametrize("order", [None, (2, 0)])
def test_work_and_frequencies_equal_brute_force(order: tuple[int, int] | None) -> None:
    lists = random_lists(40, N, 8, seed=6)
    halves = [{u: i for u, i in lists.items() if u % 2 == k} for k in (0, 1)]
    blocks = [make_block(half, N, order, "inverse_log_degree") for half in halves]
    bounds = np.array([0, 1, 5, 6, N])
    work = np.sum([inverted_lists.estimate_work(b["indptr"], b["starts"], b["stops"], bounds) for b in blocks], axis=0)
    counter = brute.PairCounter(lists, order is not None, *(order or (0, 0)), weighting="inverse_log_degree")
    increments, f = np.zeros(N, np.int64), np.zeros(N, np.int64)
    for (x, y), (users, _) in counter.count_pairs().items():
        increments[y if order is None else x] += users
    for item, (users, _) in counter.count_items().items():
        f[item] = users
    assert work[0].tolist() == np.add.reduceat(increments, bounds[:-1]).tolist()
    assert work[1].tolist() == np.add.reduceat(f, bounds[:-1]).tolist()
    sums: Any = np.zeros((2, N), np.int64)
    for b in blocks:
        inverted_lists.add_frequencies(b["indptr"], b["weights"], sums[0], sums[1])
    assert sums[0].tolist() == f.tolist()
    assert sums[1].tolist() == [int(counter.count_items().get(item, (0, 0))[1] * brute.SUPPORT_SCALE) for item in range(N)]
