"""Users' lists as blocks: whom each entry counts with, what users weigh, the cap."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from support import pair_oracles as brute
from support.blocks import Block, Own, block, random_lists
from walkgram.kernels.pairs import inverted_lists

REACHES = [(0, 0), (1, 0), (2, 0), (0, 1), (0, 3), (3, 2)]
N = 14


def partners(made: Block) -> Counter[tuple[int, frozenset[int], int]]:
    """(item, the items that its entry counts with, the user's weight) of all entries."""
    found: Counter[tuple[int, frozenset[int], int]] = Counter()
    for item in range(len(made["indptr"]) - 1):
        for entry in range(made["indptr"][item], made["indptr"][item + 1]):
            span = made["items"][made["starts"][entry] : made["stops"][entry]].tolist()
            assert len(span) == len(set(span))
            found[item, frozenset(span), int(made["weights"][entry]) if len(made["weights"]) else 0] += 1
    return found


def expected(own: Own, order: tuple[int, int] | None, weighting: str = "none") -> Counter[tuple[int, frozenset[int], int]]:
    found: Counter[tuple[int, frozenset[int], int]] = Counter()
    for items in own.values():
        each = 0 if weighting == "none" or not items else int(brute.user_weight(weighting, len(items)) * brute.UNIT)
        for x in items:
            met = {y for y in items if (y < x if order is None else brute.follows(items, x, y, *order))}
            found[x, frozenset(met), each] += 1
    return found


@pytest.mark.parametrize("weighting", ["none", "inverse_log_degree", "inverse_degree"])
@pytest.mark.parametrize("order", [None, *REACHES])
def test_every_entry_counts_with_its_partners_and_its_users_weight(order: tuple[int, int] | None, weighting: str) -> None:
    own = random_lists(60, N, 9, seed=1)
    made = block(own, N, order, weighting)
    assert partners(made) == expected(own, order, weighting)
    assert [made[name].dtype for name in ("items", "starts", "stops", "weights")] == [np.uint32] * 4
    unit = 1 if weighting == "none" else brute.UNIT
    assert made["users"].tolist() == [60, brute.Counted(own, weighting=weighting).total("users") * unit]


def test_what_comes_at_one_time_is_one_position_and_no_pair() -> None:
    """a and b at 1, c at 2, d at 5: after one position come c, then d; nothing comes after d."""
    own = {0: {0: 1, 1: 1, 2: 2, 3: 5}}

    def reached(window: int, gap: int) -> dict[int, set[int]]:
        return {item: set(span) for item, span, _ in partners(block(own, 4, (window, gap)))}

    assert reached(1, 0) == {0: {2}, 1: {2}, 2: {3}, 3: set()}
    assert reached(2, 0) == reached(0, 0) == reached(0, 4) == {0: {2, 3}, 1: {2, 3}, 2: {3}, 3: set()}
    assert reached(0, 3) == {0: {2}, 1: {2}, 2: {3}, 3: set()}
    assert reached(0, 2) == {0: {2}, 1: {2}, 2: set(), 3: set()}


def test_all_at_one_time_is_no_sequence_and_far_times_are_told_apart() -> None:
    together = block({0: {0: 7, 1: 7, 2: 7}}, 3, (0, 0))
    assert inverted_lists.estimate_work(
        together["indptr"], together["starts"], together["stops"], np.array([0, 3])
    ).tolist() == [[0], [3]]
    far = block({0: {0: -(2**55), 1: 2**60, 2: 2**60 + 1}}, 3, (0, 1))
    assert {item: set(span) for item, span, _ in partners(far)} == {0: set(), 1: {2}, 2: set()}


@pytest.mark.parametrize("own", [{}, {0: {3: 0}}, {0: {0: 0}, 1: {1: 0}}, {0: {4: 1, 0: 0}}])
@pytest.mark.parametrize("order", [None, (1, 1)])
def test_small_blocks(own: Own, order: tuple[int, int] | None) -> None:
    assert partners(block(own, 5, order)) == expected(own, order)


def test_the_order_of_the_entries_and_their_type_mean_nothing() -> None:
    own = random_lists(40, N, 10, seed=2)
    made = block(own, N, (2, 0), "inverse_degree", seed=1)
    other = block(own, N, (2, 0), "inverse_degree", seed=2)
    assert partners(made) == partners(other)
    assert made["indptr"].tolist() == other["indptr"].tolist()
    users, items = (np.array(c) for c in zip(*[(u, i) for u, own_items in own.items() for i in own_items], strict=True))
    for kind in (np.int32, np.uint16, np.int64):
        assert partners(inverted_lists.build_block(users.astype(kind), items.astype(kind), N)) == expected(own, None)


def test_the_callers_arrays_are_left_as_they_were() -> None:
    users, items, times = np.array([0, 0, 0]), np.array([2, 0, 1]), np.array([3, 2, 1])
    inverted_lists.build_block(users, items, 3, inverted_lists.SequenceOrder(times, 0, 0))
    assert (users.tolist(), items.tolist(), times.tolist()) == ([0, 0, 0], [2, 0, 1], [3, 2, 1])


@pytest.mark.parametrize("item", [-1, 5, 2**31])
def test_an_item_outside_the_vocabulary_is_an_error(item: int) -> None:
    with pytest.raises(ValueError, match=r"0\.\.4"):
        block({0: {0: 0, item: 1}}, 5)


def test_more_items_than_a_block_can_name_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"2\^31"):
        inverted_lists.build_block(np.empty(0, np.int64), np.empty(0, np.int64), 2**31)


def test_weights_are_whole_multiples_of_the_scale() -> None:
    own = {0: {0: 0}, 1: {0: 0, 1: 0}, 2: dict.fromkeys(range(5), 0)}
    by_name = {name: block(own, 5, None, name)["weights"] for name in inverted_lists.USER_WEIGHTS}
    assert set(by_name["inverse_degree"].tolist()) == {2**30, 2**29, round(2**30 / 5)}
    assert max(by_name["inverse_log_degree"]) == round(2**30 / np.log(2))


@pytest.mark.parametrize("cap", [1, 2, 5, 100])
def test_the_cap_leaves_the_least_lots_of_each_user(cap: int) -> None:
    own = random_lists(50, N, 12, seed=3)
    rows = np.random.default_rng(4).permutation([(u, i) for u, items in own.items() for i in items])
    lots = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, len(rows))
    kept = inverted_lists.sample_per_user(rows[:, 0], lots, cap)
    lot_of = {(int(u), int(i)): int(lot) for (u, i), lot in zip(rows, lots, strict=True)}
    left = brute.capped(own, cap, lot_of)
    assert Counter(map(tuple, rows[kept].tolist())) == Counter((u, i) for u, items in left.items() for i in items)
    assert inverted_lists.sample_per_user(rows[:0, 0], lots[:0], cap).tolist() == []


@pytest.mark.parametrize("order", [None, (2, 0)])
def test_work_and_frequencies_are_those_of_the_entries(order: tuple[int, int] | None) -> None:
    own = random_lists(40, N, 8, seed=6)
    halves = [{u: i for u, i in own.items() if u % 2 == k} for k in (0, 1)]
    made = [block(half, N, order, "inverse_log_degree") for half in halves]
    bounds = np.array([0, 1, 5, 6, N])
    work = np.sum([inverted_lists.estimate_work(b["indptr"], b["starts"], b["stops"], bounds) for b in made], axis=0)
    counted = brute.Counted(own, order is not None, *(order or (0, 0)), weighting="inverse_log_degree")
    increments, f = np.zeros(N, np.int64), np.zeros(N, np.int64)
    for (x, y), (users, _) in counted.pairs().items():
        increments[y if order is None else x] += users
    for item, (users, _) in counted.items().items():
        f[item] = users
    assert work[0].tolist() == np.add.reduceat(increments, bounds[:-1]).tolist()
    assert work[1].tolist() == np.add.reduceat(f, bounds[:-1]).tolist()
    found: Any = np.zeros((2, N), np.int64)
    for b in made:
        inverted_lists.add_frequencies(b["indptr"], b["weights"], found[0], found[1])
    assert found[0].tolist() == f.tolist()
    assert found[1].tolist() == [int(counted.items().get(item, (0, 0))[1] * brute.UNIT) for item in range(N)]
