"""Brute force in plain Python, to judge walkgram by: nothing here imports it, nothing here is fast.

Graphs are dicts of dicts, graph[v][x] = weight of the step v -> x; walks are lists of nodes, baskets lists of items.
"""

import math
import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa

Graph = Mapping[int, Mapping[int, float]]
MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
UNSMOOTHED = ("frequency", "cosine")
"""The formulas of f(x,y), f(x), f(y), whose pmi is the plain one under any smoothing."""


def pair_counts(baskets: Iterable[Iterable[int]]) -> Counter[tuple[int, int]]:
    """Count f(x,y) for x < y: the baskets that hold both."""
    return Counter(pair for basket in baskets for pair in combinations(sorted(set(basket)), 2))


def item_counts(baskets: Iterable[Iterable[int]]) -> Counter[int]:
    """Count f(x): the baskets that hold x."""
    return Counter(item for basket in baskets for item in set(basket))


def pmi(joint: float, fx: float, fy: float, total: float, smoothing: float = 1.0, every: Sequence[float] = ()) -> float:
    """Return ln of p(x,y) / (p(x) p(y)), where p(y) is f(y)^a / sum f^a over `every` item's count if a < 1."""
    of_y = fy / total if smoothing == 1.0 else fy**smoothing / sum(f**smoothing for f in every)
    return math.log(joint / total) - math.log(fx / total) - math.log(of_y)


def directed_weight(formula: str, value: float, joint: float, total: float, shift: float) -> float:
    """Return a formula's weight of one direction, whose pmi is `value`."""
    if formula == "pmi_frequency":
        return value * joint
    if formula == "pmi":
        return value
    if formula == "ppmi":
        return max(value, 0.0)
    if formula == "npmi":
        return 1.0 if joint == total else value / -math.log(joint / total)
    if formula == "shifted":
        return max(value - math.log(shift), 0.0)
    raise ValueError(formula)


class Weighting(NamedTuple):
    """A formula and its parameters: k, a, every item's count (of which a < 1 needs the sum); directed: y is the context."""

    formula: str
    shift: float = 1.0
    smoothing: float = 1.0
    every: Sequence[float] = ()
    directed: bool = False


def weight(weighting: Weighting, joint: float, fx: float, fy: float, total: float) -> float:
    """Return the weight of a pair. Undirected: the mean of x given y and y given x; directed: y is the context."""
    formula, shift, smoothing, every, directed = weighting
    if formula == "frequency":
        return joint
    if formula == "cosine":
        return joint / math.sqrt(fx * fy)
    ends = [(fx, fy)] if directed else [(fx, fy), (fy, fx)]
    values = [pmi(joint, x, y, total, smoothing, every) for x, y in ends]
    return sum(directed_weight(formula, value, joint, total, shift) for value in values) / len(values)


def pair_pmi(weighting: Weighting, joint: float, fx: float, fy: float, total: float) -> float:
    """Return the pmi that stands beside the weight of a pair."""
    smoothing = 1.0 if weighting.formula in UNSMOOTHED else weighting.smoothing
    return weight(weighting._replace(formula="pmi", smoothing=smoothing), joint, fx, fy, total)


def undirected(edges: Iterable[tuple[int, int, float]]) -> dict[int, dict[int, float]]:
    """Return the graph that steps both ways along every edge; duplicates are summed, a self loop counts once."""
    graph: dict[int, dict[int, float]] = {}
    for a, b, w in edges:
        for v, x in {(a, b), (b, a)}:
            row = graph.setdefault(v, {})
            row[x] = row.get(x, 0.0) + w
    return graph


def sum_edges(rows: Iterable[tuple[Any, Any, float]], directed: bool) -> dict[tuple[Any, Any], float]:
    """Sum an edge table's rows to (a, b) -> weight, undirected with a <= b; equal edges are added in rising order of weight."""
    weights_of_edge: dict[tuple[Any, Any], list[float]] = {}
    for a, b, w in rows:
        weights_of_edge.setdefault((a, b) if directed or a <= b else (b, a), []).append(w)
    return {edge: reduce(operator.add, sorted(weights), 0.0) for edge, weights in weights_of_edge.items()}


def vocabulary(edges: Iterable[tuple[Any, Any]], isolated: Iterable[Any] = ()) -> list[tuple[Any, int]]:
    """Return (id, number of its edges) by falling number, ties by rising id; a self loop is one edge."""
    counts = Counter(dict.fromkeys(isolated, 0))
    counts.update(end for edge in edges for end in set(edge))
    return sorted(counts.items(), key=lambda node: (-node[1], node[0]))


def transition(graph: Graph, before: int | None, at: int, p: float, q: float) -> dict[int, float]:
    """Return node2vec's probabilities of the node after `before` -> `at` (None: the first step); {} at a dead end."""
    weighted = {}
    for x, w in graph.get(at, {}).items():
        if before is None:
            bias = 1.0
        elif x == before:
            bias = 1 / p
        elif x in graph.get(before, {}):
            bias = 1.0
        else:
            bias = 1 / q
        weighted[x] = w * bias
    total = math.fsum(weighted.values())
    return {x: w / total for x, w in weighted.items()}


def skip_grams(walk: Sequence[int], window: int) -> list[tuple[int, int]]:
    """Return (walk[i], walk[j]) for 0 < |i - j| <= window, by i, then j."""
    places = range(len(walk))
    return [(walk[i], walk[j]) for i in places for j in places if 0 < abs(i - j) <= window]


def counted_examples(pairs: Iterable[tuple[int, int]], label: int) -> Counter[tuple[int, int, int]]:
    """Count (low end, high end, label); pairs of equal ends are left out."""
    return Counter((min(a, b), max(a, b), label) for a, b in pairs if a != b)


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the cosine of two vectors; 0 if either is all zeros."""
    length = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(x * x for x in b))
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0


def top_k(vectors: Sequence[Sequence[float]], row: int, k: int) -> list[tuple[int, float]]:
    """Return the k other rows with the highest dot products with `row`, best first, ties by lower row."""
    dots = [(other, math.fsum(x * y for x, y in zip(vectors[row], v, strict=True))) for other, v in enumerate(vectors)]
    return sorted((hit for hit in dots if hit[0] != row), key=lambda hit: (-hit[1], hit[0]))[:k]


def splitmix(x: int) -> int:
    """Apply SplitMix64's finaliser to a 64-bit number."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def word(seed: int, key: int, step: int, attempt: int, draw: int) -> int:
    """Return the 64 random bits of a draw."""
    state = splitmix(splitmix((seed + GAMMA) & MASK) ^ ((key * GAMMA) & MASK))
    counter = (step << 40) | (attempt << 8) | draw
    return splitmix(state ^ splitmix((counter + GAMMA) & MASK))


def hashed(name: int | str) -> int:
    """Return the hash of an id: of a long, or of a text's UTF-8 bytes, eight at a time."""
    if isinstance(name, int):
        return splitmix((name + GAMMA) & MASK)
    data = name.encode()
    state = (len(data) * GAMMA) & MASK
    for at in range(0, len(data), 8):
        state = (splitmix(state ^ int.from_bytes(data[at : at + 8], "little")) + GAMMA) & MASK
    return splitmix(state)


def lot(user: int | str, item: int | str, seed: int) -> int:
    """Return the sampling key of (user, item) under a seed; a cap keeps a user's least keys."""
    state = splitmix(splitmix((seed + GAMMA) & MASK) ^ ((hashed(user) * GAMMA) & MASK))
    return splitmix(state ^ hashed(item)) >> 1


@dataclass
class MemoryShard:
    """A shard of walks that was never on a disk: row groups of (walk_id, walk)."""

    groups: Sequence[Sequence[tuple[int, Sequence[int | None] | None]]]
    uri: str = "memory:shard"
    row_groups: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.row_groups = tuple(len(group) for group in self.groups)

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one row group, as Parquet would give it."""
        group = self.groups[row_group]
        table = pa.table({
            "walk_id": pa.array([i for i, _ in group], pa.int64()),
            "walk": pa.array([walk if walk is None else list(walk) for _, walk in group], pa.list_(pa.int32())),
        })  # fmt: skip
        return table.select(list(columns)) if columns else table
