"""Brute force of pair counting, to judge walkgram by: nothing here imports it, nothing here is fast.

Lists are users' dicts of item -> time; items are whatever can be compared, supports are fractions and therefore exact.
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
UNIT = 2**30
CLOSE = 1e-9  # weights that differ by less are ties, and may not lie so near to a cut


class Edge(NamedTuple):
    """What an edge says."""

    frequency: int
    pmi: float
    weight: float


def lists_of(rows: Iterable[tuple[Any, Any, int | None]]) -> dict[Any, dict[Any, int | None]]:
    """user -> item -> the latest time of rows (user, item, time); no time is the earliest."""
    found: dict[Any, dict[Any, int | None]] = defaultdict(dict)
    for user, item, time in rows:
        before = found[user].get(item)
        found[user][item] = time if before is None or (time is not None and time > before) else before
    return dict(found)


def timed(lists: Lists) -> dict[Any, dict[Any, int]]:
    """The lists without what has no time."""
    kept = {user: {item: time for item, time in own.items() if time is not None} for user, own in lists.items()}
    return {user: own for user, own in kept.items() if own}


def capped(lists: Lists, cap: int, lots: Mapping[Pair, int]) -> dict[Any, dict[Any, Any]]:
    """The `cap` items of each user with the least lots; lots: (user, item) -> number."""
    return {
        user: {item: own[item] for _, item in sorted((lots[user, item], item) for item in own)[:cap]}
        for user, own in lists.items()
    }


def user_weight(weighting: str, items: int) -> Fraction:
    """What a user with so many items adds to a pair, rounded to a multiple of 2^-30."""
    each = {"none": 1.0, "inverse_log_degree": 1 / math.log1p(items), "inverse_degree": 1 / items}[weighting]
    return Fraction(round(UNIT * each), UNIT)


def follows(own: Mapping[Any, int], x: Any, y: Any, window: int, gap: int) -> bool:
    """Whether y came later than x, at most `window` distinct times and `gap` units of time later (0: any)."""
    times = sorted(set(own.values()))
    steps, apart = times.index(own[y]) - times.index(own[x]), own[y] - own[x]
    return steps > 0 and (window == 0 or steps <= window) and (gap == 0 or apart <= gap)


@dataclass(frozen=True)
class Counted:
    """Lists, and what counts as a pair of them: of baskets x < y; of sequences (`directed`) x before y, within reach."""

    lists: Lists
    directed: bool = False
    window: int = 0
    gap: int = 0
    weighting: str = "none"

    def pairs(self) -> dict[Pair, tuple[int, Fraction]]:
        """(x, y) -> (users, their weights added up)."""
        found: dict[Pair, tuple[int, Fraction]] = {}
        for own in self.lists.values():
            each = user_weight(self.weighting, len(own)) if own else Fraction()
            for x, y in permutations(own, 2) if self.directed else combinations(sorted(own), 2):
                if not self.directed or follows(own, x, y, self.window, self.gap):
                    users, support = found.get((x, y), (0, Fraction()))
                    found[x, y] = users + 1, support + each
        return found

    def items(self) -> dict[Any, tuple[int, Fraction]]:
        """x -> (users, their weights added up)."""
        found: dict[Any, tuple[int, Fraction]] = {}
        for own in self.lists.values():
            for item in own:
                users, support = found.get(item, (0, Fraction()))
                found[item] = users + 1, support + user_weight(self.weighting, len(own))
        return found

    def total(self, of: str) -> float:
        """N: of `users`, or of `interactions`; the weights of either."""
        each = [(user_weight(self.weighting, len(own)), len(own)) for own in self.lists.values()]
        return float(sum(w * (1 if of == "users" else items) for w, items in each))

    def edges(self, formula: str, total: str, shift: float, smoothing: float) -> dict[Pair, Edge]:
        """Every pair with its weight, whatever that is."""
        of = {item: float(support) for item, (_, support) in self.items().items()}
        n, every, made = self.total(total), list(of.values()), {}
        for (x, y), (users, support) in self.pairs().items():
            counts = (float(support), of[x], of[y], n)
            weight = oracles.weight(formula, *counts, shift, smoothing, every, self.directed)
            smoothed = 1.0 if formula in ("frequency", "cosine") else smoothing
            pmi = oracles.weight("pmi", *counts, shift, smoothed, every, self.directed)
            made[x, y] = Edge(users, pmi, weight)
        return made

    def often(self, least: int) -> set[Any]:
        """The items of so many users."""
        return {item for item, (users, _) in self.items().items() if users >= least}


def passing(edges: Mapping[Pair, Edge], often: set[Any], min_frequency: int, min_weight: float) -> dict[Pair, Edge]:
    """The edges that pass the cuts, none of which may be within rounding of a weight."""
    met = {pair: e for pair, e in edges.items() if e.frequency >= min_frequency and often.issuperset(pair)}
    assert not [e for e in met.values() if 0 < abs(e.weight - max(0.0, min_weight)) < CLOSE], "the data is no good test"
    return {pair: e for pair, e in met.items() if e.weight > 0 and e.weight >= min_weight}


def strongest(edges: Mapping[Pair, Edge], k: int, directed: bool) -> dict[Pair, Edge]:
    """The edges with fewer than k heavier ones at either end: of those that leave x, or reach y; undirected: that touch it."""

    def heavier(edge: Pair, place: int) -> int:
        end, least = edge[place], edges[edge].weight + CLOSE
        touching: Sequence[Edge] = [e for p, e in edges.items() if (p[place] == end if directed else end in p)]
        return sum(e.weight > least for e in touching)

    return {pair: e for pair, e in edges.items() if min(heavier(pair, 0), heavier(pair, 1)) < k}
