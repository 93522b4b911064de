"""Lists of users as blocks, and counts as dicts, for the tests of what counts pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from walkgram.kernels.pairs import cooccurrence, inverted_lists

Block = dict[str, np.ndarray]
Own = Mapping[int, Mapping[int, int]]  # user -> item -> time


def random_lists(users: int, n: int, most: int, seed: int, moments: int = 6) -> dict[int, dict[int, int]]:
    """Lists of 1 to `most` of n items, low ones oftener, at few moments, so that many things come at one time."""
    rng = np.random.default_rng(seed)
    popular = 1 / np.arange(1, n + 1)
    made = {}
    for user in range(users):
        items = rng.choice(n, int(rng.integers(1, most + 1)), replace=False, p=popular / popular.sum())
        made[user] = {int(item): int(rng.integers(0, moments)) for item in items}
    return made


def block(own: Own, n: int, order: tuple[int, int] | None = None, weighting: str = "none", seed: int = 0) -> Block:
    """The block of some users' lists, handed over in a random order. order: (window, gap) of sequences."""
    users = {user: at for at, user in enumerate(user for user, items in own.items() if items)}
    rows = np.array([(users[user], item, time) for user, items in own.items() for item, time in items.items()], np.int64)
    rows = np.random.default_rng(seed).permutation(rows.reshape(-1, 3))
    given = None if order is None else inverted_lists.SequenceOrder(rows[:, 2].copy(), *order)
    return inverted_lists.build_block(rows[:, 0].copy(), rows[:, 1].copy(), n, given, weighting)


def counts(
    blocks: Sequence[Mapping[str, Any]], low: int, high: int, n: int, lower: bool, floor: int = 1, columns: int = 1 << 24
) -> dict[tuple[int, int], tuple[int, int]]:
    """(item, partner) -> (frequency, support) of `gram.counted`; asserts that items and their partners rise."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    last = (-1, -1)
    for rows in cooccurrence.count_pairs(blocks, low, high, n, lower, floor, columns):
        assert rows.ptr[0] == 0
        assert (np.diff(rows.ptr) > 0).all()
        assert rows.ptr[-1] == len(rows.partner) == len(rows.frequency) > 0
        assert len(rows.row) == len(rows.ptr) - 1
        items = np.repeat(rows.row, np.diff(rows.ptr)).tolist()
        support = rows.support.tolist() or [0] * len(items)
        for item, partner, f, s in zip(items, rows.partner.tolist(), rows.frequency.tolist(), support, strict=True):
            assert last < (item, partner)
            last = (item, partner)
            found[last] = f, s
    return found
