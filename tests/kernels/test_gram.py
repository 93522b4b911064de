"""Exact co-occurrence counts: against a Counter of combinations."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

import oracles
from walkgram.kernels import gram

Baskets = Sequence[Sequence[int]]
SMALL = [[2, 0, 1], [1, 0], [3], [], [3, 1, 0], [4, 2]]


def block(baskets: Baskets, n: int) -> dict[str, np.ndarray]:
    indptr = np.concatenate([[0], np.cumsum([len(b) for b in baskets])]).astype(np.int64)
    return gram.block_of_baskets(indptr, np.array([i for b in baskets for i in b], np.int32), n)


def counted(blocks: list[dict[str, np.ndarray]], n: int) -> Counter[tuple[int, int]]:
    accumulator, touched = np.zeros(n, np.int64), np.empty(n, np.int32)
    found: Counter[tuple[int, int]] = Counter()
    for j in range(n):
        spans = [(b, slice(b["indptr"][j], b["indptr"][j + 1])) for b in blocks]
        parts = [(b["items"], b["starts"][span], b["stops"][span]) for b, span in spans]
        partners, counts = gram.count_row(parts, accumulator, touched)
        assert not accumulator.any()
        assert (np.diff(partners) > 0).all()
        found.update({(int(i), j): int(c) for i, c in zip(partners, counts, strict=True)})
    return found


def random_baskets(users: int, n: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(n)[: rng.integers(0, n)].tolist() for _ in range(users)]


def test_counts_of_six_baskets() -> None:
    expected = {(0, 1): 3, (0, 2): 1, (1, 2): 1, (0, 3): 1, (1, 3): 1, (2, 4): 1}
    assert counted([block(SMALL, 5)], 5) == expected == oracles.pair_counts(SMALL)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_all_combinations(seed: int) -> None:
    baskets = random_baskets(60, 25, seed)
    assert counted([block(baskets, 25)], 25) == oracles.pair_counts(baskets)


@pytest.mark.parametrize("cuts", [[0], [30], [1, 2, 59], [10, 10, 40]])
def test_counts_do_not_depend_on_how_users_are_split_into_blocks(cuts: list[int]) -> None:
    baskets = random_baskets(60, 25, 1)
    blocks = [block(baskets[low:high], 25) for low, high in zip([0, *cuts], [*cuts, 60], strict=True)]
    assert counted(blocks, 25) == oracles.pair_counts(baskets)


def test_planted_pairs_are_counted_exactly_beside_a_hub() -> None:
    baskets = [[0, 1 + 2 * (u % 10), 2 + 2 * (u % 10)] for u in range(1000)]
    found = counted([block(baskets, 21)], 21)
    assert all(found[0, item] == 100 for item in range(1, 21))
    assert all(found[item, item + 1] == 100 for item in range(1, 21, 2))
    assert len(found) == 30


@pytest.mark.parametrize("baskets", [[], [[]], [[3]], [[0], [1], [2]]])
def test_baskets_without_a_pair_count_nothing(baskets: Baskets) -> None:
    assert counted([block(baskets, 4)], 4) == {}


def test_no_blocks_count_nothing() -> None:
    assert counted([], 3) == {}


def test_the_callers_items_are_left_as_they_were() -> None:
    items = np.array([2, 0, 1], np.int32)
    gram.block_of_baskets(np.array([0, 3]), items, 3)
    assert items.tolist() == [2, 0, 1]


@pytest.mark.parametrize("item", [-1, 5])
def test_an_item_outside_the_vocabulary_is_an_error(item: int) -> None:
    with pytest.raises(ValueError, match=r"0\.\.4"):
        block([[0, item]], 5)


def test_work_is_the_number_of_increments_of_each_row() -> None:
    baskets = random_baskets(40, 12, 2)
    b = block(baskets, 12)
    work = gram.work_of_items(b["indptr"], b["starts"], b["stops"])
    pairs = oracles.pair_counts(baskets)
    assert work.tolist() == [sum(c for (_, high), c in pairs.items() if high == j) for j in range(12)]


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
@pytest.mark.parametrize("work", [[5], [0, 0, 0, 0], [1000, 1, 1, 1], [1, 1, 1, 1000], list(range(50))], ids=str)
def test_ranges_cover_every_item_once_and_none_is_empty(work: list[int], parts: int) -> None:
    bounds = gram.ranges_of_equal_work(np.array(work, np.int64), parts)
    assert bounds[0] == 0
    assert bounds[-1] == len(work)
    assert (np.diff(bounds) > 0).all()
    assert len(bounds) <= parts + 1


def test_ranges_share_the_work_to_within_the_largest_item() -> None:
    work = np.random.default_rng(1).integers(0, 100, 2000)
    bounds = gram.ranges_of_equal_work(work, 8)
    shares = np.add.reduceat(work + 1, bounds[:-1])
    assert len(shares) == 8
    assert np.abs(shares - shares.mean()).max() <= 2 * 101


def test_no_items_make_no_range() -> None:
    assert gram.ranges_of_equal_work(np.empty(0, np.int64), 4).tolist() == [0]
