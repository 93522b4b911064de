"""Synthetic interactions for the benchmark of pairs: distinct (user, item) pairs, a function of sizes and a seed.

Users' degrees are lognormal, cut at a cap. A user draws items one after another with popularity 1 / (rank + OFFSET)^2, and
draws again where the item is there already; a share LOCAL of the draws goes to the user's own one of GROUPS groups, which
split the ranks evenly. The offset gives the most popular item about a third of the users and half of the items less than a
tenth of the mean, as in MovieLens's tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
OFFSET, GROUPS, LOCAL = 200.0, 20, 0.3
BATCH_USERS = 20_000  # users whose items are drawn together


@dataclass(frozen=True)
class Size:
    """About `rows` interactions of `users` users, at most `cap` each; `spread` is the sigma of the lognormal degrees."""

    users: int
    items: int
    rows: int
    cap: int
    spread: float

    def tenth(self) -> "Size":
        """Return a tenth of the users and rows, over the same items."""
        return replace(self, users=self.users // 10, rows=self.rows // 10)


SIZES = {
    "S": Size(20_000, 20_000, 2_000_000, 500, 1.0),
    "M": Size(20_000, 20_000, 2_000_000, 2_000, 1.1),
    "L": Size(160_000, 60_000, 20_000_000, 2_000, 1.3),
}


def generate_interactions(size: Size, seed: int) -> tuple[Int64Array, Int64Array]:
    """Return (user, item) ids of all interactions, each (rows,) int64, in random order; ids do not follow degree or rank."""
    rng = np.random.default_rng(seed)
    degrees = draw_degrees(size, rng)
    starts = range(0, size.users, BATCH_USERS)
    batches = [batch for low in starts for batch in draw_items(degrees[low : low + BATCH_USERS], low, size.items, rng)]
    keys = np.concatenate(batches)
    rng.shuffle(keys)
    user, rank = np.divmod(keys, size.items)
    user_ids, item_ids = rng.permutation(3 * size.users)[: size.users], rng.permutation(2 * size.items)[: size.items]
    return user_ids[user], item_ids[rank]


def draw_degrees(size: Size, rng: np.random.Generator) -> Int64Array:
    """Return (users,) int64: lognormal degrees between 1 and the cap, scaled so that they sum to about `rows`."""
    shape = np.exp(size.spread * rng.standard_normal(size.users))
    low, high = 0.0, float(size.cap)
    for _ in range(60):
        scale = (low + high) / 2
        low, high = (scale, high) if np.clip(scale * shape, 1, size.cap).sum() < size.rows else (low, scale)
    return np.rint(np.clip(low * shape, 1, size.cap)).astype(np.int64)


def draw_items(degrees: Int64Array, first_user: int, items: int, rng: np.random.Generator) -> Iterator[Int64Array]:
    """Yield keys (first_user + user) * items + rank of distinct items, `degrees` of each user in all."""
    group = rng.integers(0, GROUPS, len(degrees))
    missing, keys = degrees.copy(), np.empty(0, np.int64)
    while missing.any():
        user = np.repeat(np.arange(len(degrees)), missing)
        rank = draw_ranks(rng.random(len(user)), items)
        local_rank = rank - rank % GROUPS + group[user]
        rank = np.where((rng.random(len(user)) < LOCAL) & (local_rank < items), local_rank, rank)
        keys = np.sort(np.concatenate([keys, user * items + rank]))
        keys = keys[np.append(True, keys[1:] != keys[:-1])]
        owner = keys // items
        missing = np.where(missing > 0, degrees - np.bincount(owner, minlength=len(degrees)), 0)
        is_complete = missing[owner] == 0
        yield keys[is_complete] + first_user * items
        keys = keys[~is_complete]


def draw_ranks(uniform: NDArray[np.float64], items: int) -> Int64Array:
    """Return ranks 0..items-1 by popularity: its distribution function inverted at `uniform`."""
    rank = OFFSET / (1 - uniform * items / (items + OFFSET)) - OFFSET
    return np.minimum(rank, items - 1).astype(np.int64)


def sample_users(user: Int64Array, item: Int64Array, share: float) -> tuple[Int64Array, Int64Array]:
    """Return the interactions of the users whose hash is below `share`."""
    mixed = user.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    is_sampled = (mixed >> np.uint64(11)) < share * 2.0**53
    return user[is_sampled], item[is_sampled]


def count_increments(user: Int64Array) -> int:
    """Count the pairs of every user's items: the sum of d (d - 1) / 2 over the degrees d."""
    degree = np.bincount(user)
    return int((degree * (degree - 1) // 2).sum())
