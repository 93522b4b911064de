"""Blocks of users' lists, and counts as dicts, for the tests of pair counting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from walkgram.kernels.pairs import cooccurrence, inverted_lists

Block = dict[str, np.ndarray]
UserLists = Mapping[int, Mapping[int, int]]  # user -> item -> time


def random_lists(users: int, num_items: int, max_items: int, seed: int, moments: int = 6) -> dict[int, dict[int, int]]:
    """Draw lists of 1 to max_items of num_items items, the low ones more often, at few moments: many times are equal."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, num_items + 1)
    lists = {}
    for user in range(users):
        items = rng.choice(num_items, int(rng.integers(1, max_items + 1)), replace=False, p=popularity / popularity.sum())
        lists[user] = {int(item): int(rng.integers(0, moments)) for item in items}
    return lists


def make_block(
    lists: UserLists, num_items: int, order: tuple[int, int] | None = None, weighting: str = "none", seed: int = 0
) -> Block:
    """Return the block of some users' lists, built from entries in a random order. order: (window, max_gap) of sequences."""
    users = {user: number for number, user in enumerate(user for user, items in lists.items() if items)}
    rows = np.array([(users[user], item, time) for user, items in lists.items() for item, time in items.items()], np.int64)
    rows = np.random.default_rng(seed).permutation(rows.reshape(-1, 3))
    sequence = None if order is None else inverted_lists.SequenceOrder(rows[:, 2].copy(), *order)
    return inverted_lists.build_block(rows[:, 0].copy(), rows[:, 1].copy(), num_items, sequence, weighting)


def count_to_dict(
    blocks: Sequence[Mapping[str, Any]],
    first: int,
    end: int,
    num_items: int,
    lower_triangle: bool,
    min_frequency: int = 1,
    columns: int = 1 << 24,
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return (item, partner) -> (frequency, support) of `count_pairs`; assert that items and their partners rise."""
    counts: dict[tuple[int, int], tuple[int, int]] = {}
    last = (-1, -1)
    for rows in cooccurrence.count_pairs(blocks, first, end, num_items, lower_triangle, min_frequency, columns):
        assert rows.ptr[0] == 0
        assert (np.diff(rows.ptr) > 0).all()
        assert rows.ptr[-1] == len(rows.partner) == len(rows.frequency) > 0
        assert len(rows.row) == len(rows.ptr) - 1
        items = np.repeat(rows.row, np.diff(rows.ptr)).tolist()
        support = rows.support.tolist() or [0] * len(items)
        for item, partner, f, s in zip(items, rows.partner.tolist(), rows.frequency.tolist(), support, strict=True):
            assert last < (item, partner)
            last = (item, partner)
            counts[last] = f, s
    return counts
