"""Brute force of pair counting, to compare walkgram with: nothing here imports it, nothing here is fast.

A user's list is a dict item -> time, lists are a dict user -> list. Items are any comparable values. Supports are fractions,
so that their sums are exact.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations
from typing import Any, NamedTuple

from support import oracles

Lists = Mapping[Any, Mapping[Any, Any]]
Pair = tuple[Any, Any]
SUPPORT_SCALE = 2**30
TOLERANCE = 1e-9  # weights that differ by less are ties; no weight may be so close to a cut


class Edge(NamedTuple):
    """An edge without its ends."""

    frequency: int
    pmi: float
    weight: float


def group_by_user(rows: Iterable[tuple[Any, Any, int | None]]) -> dict[Any, dict[Any, int | None]]:
    """Return the lists of rows (user, item, time), with the latest time of each item; no time is the earliest."""
    lists: dict[Any, dict[Any, int | None]] = defaultdict(dict)
    for user, item, time in rows:
        latest = lists[user].get(item)
        lists[user][item] = time if latest is None or (time is not None and time > latest) else latest
    return dict(lists)


def drop_untimed(lists: Lists) -> dict[Any, dict[Any, int]]:
    """Return the lists without the entries that have no time, and without empty lists."""
    timed = {user: {item: time for item, time in times.items() if time is not None} for user, times in lists.items()}
    return {user: times for user, times in timed.items() if times}


def sample_lists(lists: Lists, max_items: int, draws: Mapping[Pair, int]) -> dict[Any, dict[Any, Any]]:
    """Return the max_items items of each user with the least draws; draws: (user, item) -> number."""
    return {
        user: {item: times[item] for _, item in sorted((draws[user, item], item) for item in times)[:max_items]}
        for user, times in lists.items()
    }


def user_weight(weighting: str, num_items: int) -> Fraction:
    """Return the weight that a user of num_items items adds to a pair, rounded to a multiple of 2^-30."""
    weight = {"none": 1.0, "inverse_log_degree": 1 / math.log1p(num_items), "inverse_degree": 1 / num_items}[weighting]
    return Fraction(round(SUPPORT_SCALE * weight), SUPPORT_SCALE)


def follows(times: Mapping[Any, int], x: Any, y: Any, window: int, max_gap: int) -> bool:
    """Return whether y is later than x, by at most `window` distinct times and `max_gap` units of time (0: no bound)."""
    distinct = sorted(set(times.values()))
    steps, gap = distinct.index(times[y]) - distinct.index(times[x]), times[y] - times[x]
    return steps > 0 and (window == 0 or steps <= window) and (max_gap == 0 or gap <= max_gap)


@dataclass(frozen=True)
class PairCounter:
    """Lists and the definition of a pair: x < y of baskets; of sequences (`directed`) x before y, within the bounds."""

    lists: Lists
    directed: bool = False
    window: int = 0
    max_gap: int = 0
    weighting: str = "none"

    def count_pairs(self) -> dict[Pair, tuple[int, Fraction]]:
        """Return (x, y) -> (users, sum of their weights)."""
        counts: dict[Pair, tuple[int, Fraction]] = {}
        for times in self.lists.values():
            weight = user_weight(self.weighting, len(times)) if times else Fraction()
            for x, y in permutations(times, 2) if self.directed else combinations(sorted(times), 2):
                if not self.directed or follows(times, x, y, self.window, self.max_gap):
                    users, support = counts.get((x, y), (0, Fraction()))
                    counts[x, y] = users + 1, support + weight
        return counts

    def count_items(self) -> dict[Any, tuple[int, Fraction]]:
        """Return x -> (users, sum of their weights)."""
        counts: dict[Any, tuple[int, Fraction]] = {}
        for times in self.lists.values():
            for item in times:
                users, support = counts.get(item, (0, Fraction()))
                counts[item] = users + 1, support + user_weight(self.weighting, len(times))
        return counts

    def normalizer(self, unit: str) -> float:
        """Return N: the sum of the weights of the `users`, or of the `interactions`."""
        users = [(user_weight(self.weighting, len(times)), len(times)) for times in self.lists.values()]
        return float(sum(weight * (1 if unit == "users" else num_items) for weight, num_items in users))

    def weigh_pairs(self, formula: str, normalizer: str, shift: float, smoothing: float) -> dict[Pair, Edge]:
        """Return every pair with its weight, of either sign."""
        f = {item: float(support) for item, (_, support) in self.count_items().items()}
        n, edges = self.normalizer(normalizer), {}
        weighting = oracles.Weighting(formula, shift, smoothing, list(f.values()), self.directed)
        for (x, y), (users, support) in self.count_pairs().items():
            counts = (float(support), f[x], f[y], n)
            edges[x, y] = Edge(users, oracles.pair_pmi(weighting, *counts), oracles.weight(weighting, *counts))
        return edges

    def frequent_items(self, min_users: int) -> set[Any]:
        """Return the items of at least min_users users."""
        return {item for item, (users, _) in self.count_items().items() if users >= min_users}


def filter_edges(edges: Mapping[Pair, Edge], frequent: set[Any], min_frequency: int, min_weight: float) -> dict[Pair, Edge]:
    """Return the edges that pass the cuts. Raises where a weight is within rounding of a cut."""
    candidates = {pair: e for pair, e in edges.items() if e.frequency >= min_frequency and frequent.issuperset(pair)}
    cut = max(0.0, min_weight)
    assert not [e for e in candidates.values() if 0 < abs(e.weight - cut) < TOLERANCE], "the data is no good test"
    return {pair: e for pair, e in candidates.items() if e.weight > 0 and e.weight >= min_weight}


def top_k_per_node(edges: Mapping[Pair, Edge], k: int, directed: bool) -> dict[Pair, Edge]:
    """Return the edges with fewer than k heavier ones at one of their ends.

    Directed: among the edges that leave x, or that reach y; undirected: among those that touch the end.
    """

    def count_heavier(pair: Pair, place: int) -> int:
        end, minimum = pair[place], edges[pair].weight + TOLERANCE
        touching: Sequence[Edge] = [e for p, e in edges.items() if (p[place] == end if directed else end in p)]
        return sum(e.weight > minimum for e in touching)

    return {pair: e for pair, e in edges.items() if min(count_heavier(pair, 0), count_heavier(pair, 1)) < k}
