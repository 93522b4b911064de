"""Made interactions for the benchmark of pairs: who has which item, each at most once; a function of sizes and a seed.

Users' degrees are lognormal, cut at a cap. A user draws items one after another by a law of popularity
1 / (rank + OFFSET)^2, an item that is there already being drawn again; LOCAL of the draws go to the user's own one of
GROUPS groups, which share out the ranks evenly. The law's offset gives the most popular item about a third of the users and
half of the items less than a tenth of the mean, as in MovieLens's tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
OFFSET, GROUPS, LOCAL = 200.0, 20, 0.3
AT_ONCE = 20_000  # users whose items are drawn together


@dataclass(frozen=True)
class Size:
    """About `rows` interactions of `users` users, at most `cap` each; `spread` is the sigma of the lognormal degrees."""

    users: int
    items: int
    rows: int
    cap: int
    spread: float

    def tenth(self) -> "Size":
        """A tenth of the users and rows, over the same items."""
        return replace(self, users=self.users // 10, rows=self.rows // 10)


SIZES = {
    "S": Size(20_000, 20_000, 2_000_000, 500, 1.0),
    "M": Size(20_000, 20_000, 2_000_000, 2_000, 1.1),
    "L": Size(160_000, 60_000, 20_000_000, 2_000, 1.3),
}


def made(size: Size, seed: int) -> tuple[Longs, Longs]:
    """(user, item) ids of all interactions, each (rows,) int64, in random order; ids say nothing of degree or popularity."""
    rng = np.random.default_rng(seed)
    wanted = degrees(size, rng)
    bounds = range(0, size.users, AT_ONCE)
    keys = np.concatenate([part for low in bounds for part in drawn(wanted[low : low + AT_ONCE], low, size.items, rng)])
    rng.shuffle(keys)
    user, rank = np.divmod(keys, size.items)
    user_ids, item_ids = rng.permutation(3 * size.users)[: size.users], rng.permutation(2 * size.items)[: size.items]
    return user_ids[user], item_ids[rank]


def degrees(size: Size, rng: np.random.Generator) -> Longs:
    """(users,) int64: lognormal degrees between 1 and the cap, scaled so that they sum to about `rows`."""
    shape = np.exp(size.spread * rng.standard_normal(size.users))
    low, high = 0.0, float(size.cap)
    for _ in range(60):
        scale = (low + high) / 2
        low, high = (scale, high) if np.clip(scale * shape, 1, size.cap).sum() < size.rows else (low, scale)
    return np.rint(np.clip(low * shape, 1, size.cap)).astype(np.int64)


def drawn(wanted: Longs, first: int, items: int, rng: np.random.Generator) -> Iterator[Longs]:
    """Keys (first + user) * items + rank of distinct items, as many of each user as `wanted` says."""
    group = rng.integers(0, GROUPS, len(wanted))
    missing, held = wanted.copy(), np.empty(0, np.int64)
    while missing.any():
        user = np.repeat(np.arange(len(wanted)), missing)
        rank = popular(rng.random(len(user)), items)
        near = rank - rank % GROUPS + group[user]
        rank = np.where((rng.random(len(user)) < LOCAL) & (near < items), near, rank)
        held = np.sort(np.concatenate([held, user * items + rank]))
        held = held[np.append(True, held[1:] != held[:-1])]
        owner = held // items
        waiting = missing > 0
        missing = np.where(waiting, wanted - np.bincount(owner, minlength=len(wanted)), 0)
        whole = missing[owner] == 0
        yield held[whole] + first * items
        held = held[~whole]


def popular(uniform: NDArray[np.float64], items: int) -> Longs:
    """Ranks 0..items-1 by the law of popularity, its distribution function inverted at `uniform`."""
    rank = OFFSET / (1 - uniform * items / (items + OFFSET)) - OFFSET
    return np.minimum(rank, items - 1).astype(np.int64)


def some_users(user: Longs, item: Longs, share: float) -> tuple[Longs, Longs]:
    """The interactions of those users whose id hashes below `share`."""
    mixed = user.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    kept = (mixed >> np.uint64(11)) < share * 2.0**53
    return user[kept], item[kept]


def increments(user: Longs) -> int:
    """Pairs of a user's items, summed over users: d (d - 1) / 2 for a degree of d."""
    degree = np.bincount(user)
    return int((degree * (degree - 1) // 2).sum())
