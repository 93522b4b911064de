"""Exact co-occurrence counts: against brute force, however lists, items and partners are cut."""

from itertools import pairwise

import numpy as np
import pytest

from support import pair_oracles as brute
from support.blocks import Own, block, counts, random_lists
from walkgram.kernels.pairs import cooccurrence

Counts = dict[tuple[int, int], tuple[int, int]]
N = 25
CASES = {
    "basket": (None, "none"),
    "basket, weighted": (None, "inverse_log_degree"),
    "sequence": ((0, 0), "none"),
    "sequence in reach, weighted": ((2, 3), "inverse_degree"),
}


def expected(own: Own, order: tuple[int, int] | None = None, weighting: str = "none", floor: int = 1) -> Counts:
    """(item, partner): the larger and the smaller of a basket, the earlier and the later of a sequence."""
    pairs = brute.Counted(own, order is not None, *(order or (0, 0)), weighting).pairs()
    return {
        ((y, x) if order is None else (x, y)): (users, 0 if weighting == "none" else int(support * brute.UNIT))
        for (x, y), (users, support) in pairs.items()
        if users >= floor
    }


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> tuple[tuple[int, int] | None, str]:
    """(the reach of sequences, the users' weights)."""
    return request.param  # type: ignore[no-any-return]


def test_counts_of_six_baskets() -> None:
    baskets = [[2, 0, 1], [1, 0], [3], [], [3, 1, 0], [4, 2]]
    made = block({u: dict.fromkeys(items, 0) for u, items in enumerate(baskets)}, 5)
    found = {(y, x): f for (x, y), (f, _) in counts([made], 0, 5, 5, True).items()}
    assert found == {(0, 1): 3, (0, 2): 1, (1, 2): 1, (0, 3): 1, (1, 3): 1, (2, 4): 1}


def test_counts_of_a_sequence() -> None:
    made = block({0: {0: 1, 1: 1, 2: 2}, 1: {2: 5, 0: 6}, 2: {0: 3, 2: 4}}, 3, (0, 0))
    assert counts([made], 0, 3, 3, False) == {(0, 2): (2, 0), (1, 2): (1, 0), (2, 0): (1, 0)}


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_brute_force(case: tuple[tuple[int, int] | None, str], seed: int) -> None:
    own = random_lists(70, N, 15, seed)
    found = counts([block(own, N, *case)], 0, N, N, case[0] is None)
    assert found == expected(own, *case)
    assert len(found) > 100


@pytest.mark.parametrize("cuts", [[0], [30], [1, 2, 59], [10, 10, 40], [60]])
def test_counts_do_not_depend_on_how_users_are_split(case: tuple[tuple[int, int] | None, str], cuts: list[int]) -> None:
    own = random_lists(60, N, 12, seed=4)
    parts = [{u: own[u] for u in range(low, high)} for low, high in zip([0, *cuts], [*cuts, 60], strict=True)]
    assert counts([block(part, N, *case) for part in parts], 0, N, N, case[0] is None) == expected(own, *case)


@pytest.mark.parametrize("columns", [1, 3, 7, N, 1 << 24])
def test_counts_do_not_depend_on_the_range_of_items_and_of_columns(
    case: tuple[tuple[int, int] | None, str], columns: int
) -> None:
    own, bounds = random_lists(60, N, 12, seed=5), [0, 0, 1, 9, 10, N]
    made = [block({u: own[u] for u in own if u % 3 == k}, N, *case) for k in range(3)]
    found: Counts = {}
    for low, high in pairwise(bounds):
        part = counts(made, low, high, N, case[0] is None, columns=columns)
        assert all(low <= item < high for item, _ in part)
        assert not found.keys() & part.keys()
        found |= part
    assert found == expected(own, *case)


@pytest.mark.parametrize("columns", [2, 1 << 24])
@pytest.mark.parametrize("floor", [0, 1, 2, 5, 1000])
def test_the_floor_keeps_the_pairs_that_reach_it(case: tuple[tuple[int, int] | None, str], floor: int, columns: int) -> None:
    own = random_lists(80, N, 12, seed=6)
    wanted = expected(own, *case, floor=floor)
    assert counts([block(own, N, *case)], 0, N, N, case[0] is None, floor, columns) == wanted
    assert (len(wanted) > 0) == (floor < 1000)
    assert (len(wanted) < len(expected(own, *case))) == (floor > 1)


@pytest.mark.parametrize("floor", [1, 2])
@pytest.mark.parametrize("columns", [700, 1 << 24])
def test_many_items_with_little_work_beside_few_with_much(
    case: tuple[tuple[int, int] | None, str], floor: int, columns: int
) -> None:
    """Rows of 6 items of 3,000 are listed as they are met, those of the first 12 items are read from all counters."""
    n, rng = 3000, np.random.default_rng(7)
    own = {u: {int(i): int(rng.integers(0, 5)) for i in rng.choice(n, 6, replace=False)} for u in range(150)}
    own |= {u: {int(i): int(rng.integers(0, 5)) for i in rng.choice(12, 9, replace=False)} for u in range(150, 400)}
    own |= {u: {0: 0, n - 1: 1, n - 2: 2, u: 3} for u in range(400, 460)}
    own |= {u: {699: 0, 700: 1, 701: 2, 1399: 3, 1400: 4, 2500: 5} for u in range(460, 463)}  # at the ends of columns
    found = counts([block(own, n, *case)], 0, n, n, case[0] is None, floor, columns)
    assert found == expected(own, *case, floor=floor)


@pytest.mark.parametrize("columns", [5, 1 << 24])
def test_batches_hold_each_pair_once(
    case: tuple[tuple[int, int] | None, str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = random_lists(60, N, 12, seed=8)
    made = [block(own, N, *case)]
    whole = counts(made, 0, N, N, case[0] is None)
    monkeypatch.setattr(cooccurrence, "BATCH", 4)
    batches = [len(rows.partner) for rows in cooccurrence.count_pairs(made, 0, N, N, case[0] is None, 1, columns)]
    assert len(batches) > N / 5
    assert max(batches) <= min(N, columns) + 4
    assert counts(made, 0, N, N, case[0] is None, columns=columns) == whole == expected(own, *case)


def test_planted_pairs_are_counted_exactly_beside_a_hub() -> None:
    own = {u: dict.fromkeys([0, 1 + 2 * (u % 10), 2 + 2 * (u % 10)], 0) for u in range(1000)}
    found = counts([block(own, 21)], 0, 21, 21, True)
    assert found == {(item, 0): (100, 0) for item in range(1, 21)} | {(i + 1, i): (100, 0) for i in range(1, 21, 2)}


def test_counts_pass_two_to_the_16_and_supports_two_to_the_46() -> None:
    own = {user: {0: 0, 1: 1} for user in range(70_000)}
    weight = int(brute.user_weight("inverse_log_degree", 2) * brute.UNIT)
    assert counts([block(own, 2, None, "inverse_log_degree")], 0, 2, 2, True) == {(1, 0): (70_000, 70_000 * weight)}


def test_one_user_with_every_item_pairs_all() -> None:
    own = {0: {item: item for item in range(120)}}
    for order, lower in ((None, True), ((0, 0), False)):
        assert counts([block(own, 120, order)], 0, 120, 120, lower) == expected(own, order)


@pytest.mark.parametrize("own", [{}, {0: {}}, {0: {3: 0}}, {0: {0: 0}, 1: {1: 0}, 2: {2: 0}}])
def test_lists_without_a_pair_count_nothing(own: Own) -> None:
    assert counts([block(own, 4)], 0, 4, 4, True) == {}
    assert counts([block(own, 4, (0, 0))], 0, 4, 4, False) == {}


def test_no_blocks_count_nothing() -> None:
    assert counts([], 0, 3, 3, True) == {}


def test_an_array_with_gaps_is_no_block() -> None:
    made = block(random_lists(20, N, 9, seed=9), N)
    with pytest.raises(ValueError, match="contiguous"):
        counts([made | {"items": made["items"][::2]}], 0, N, N, True)


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
@pytest.mark.parametrize("work", [[5], [0, 0, 0, 0], [1000, 1, 1, 1], [1, 1, 1, 1000], list(range(50))], ids=str)
def test_ranges_cover_every_item_once_and_none_is_empty(work: list[int], parts: int) -> None:
    bounds = cooccurrence.split_by_work(np.array(work, np.int64), parts)
    assert bounds[0] == 0
    assert bounds[-1] == len(work)
    assert (np.diff(bounds) > 0).all()
    assert len(bounds) <= parts + 1


@pytest.mark.parametrize(("size", "parts"), [(1, 8), (2**45, 8), (2**45, 1000)])
def test_ranges_share_the_work_to_within_the_largest_item(size: int, parts: int) -> None:
    work = np.random.default_rng(1).integers(0, 100, 2000) * size
    bounds = cooccurrence.split_by_work(work, parts)
    shares = np.add.reduceat(work + 1, bounds[:-1])
    assert len(shares) > 0.9 * parts
    assert np.abs(shares - (work + 1).sum() / parts).max() <= 2 * (99 * size + 1)


def test_no_items_make_no_range() -> None:
    assert cooccurrence.split_by_work(np.empty(0, np.int64), 4).tolist() == [0]
