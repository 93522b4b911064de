"""Walks that end early or go back to their start: the coins one by one, and the exact law of whole walks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from support import oracles
from walkgram.kernels.graph import csr
from walkgram.kernels.walks import walk

STOP, RESTART = 4, 5  # the draws' numbers
PATH = {v: {v + 1: 1.0 + v % 3} for v in range(9)}  # 0 -> 1 -> ... -> 9, where it ends
CYCLE = PATH | {9: {0: 1.0}}
KITE = oracles.undirected([(0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (1, 4, 1.0)])
EQUAL = {v: dict.fromkeys(row, 1.0) for v, row in KITE.items()}
ONE_WAY = {0: {1: 1.0, 2: 3.0}, 1: {2: 2.0, 3: 1.0}, 2: {1: 2.0, 3: 1.0, 4: 0.5}, 3: {1: 1.0, 2: 2.0}}  # 4 is a dead end
GRAPHS = {"weighted": KITE, "equal": EQUAL, "one way": ONE_WAY}
BIASES = [(0.25, 4.0), (4.0, 0.25), (1.0, 1.0)]
Law = Mapping[tuple[int, ...], float]


def made(graph: oracles.Graph, n: int) -> walk.WalkGraph:
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst, weight = (np.array([e[i] for e in edges], t) for i, t in enumerate((np.int64, np.int64, np.float64)))
    symmetric = all(graph.get(x, {}).get(v) == w for v, x, w in edges)
    return walk.build_walk_graph(*csr.build_csr(src, dst, weight, 0, n, n), symmetric)


def walked(
    graph: walk.WalkGraph, starts: NDArray[np.int64], ids: Sequence[int] | NDArray[np.int64],
    p: float, q: float, length: int, restart: float = 0.0, stop: float = 0.0, seed: int = 7,
) -> list[tuple[int, ...]]:  # fmt: skip
    nodes, lengths = walk.sample_walks(graph, starts, np.array(ids, np.int64), seed, p, q, length, restart, stop)
    return [tuple(row[:end]) for row, end in zip(nodes.tolist(), lengths.tolist(), strict=True)]


def tossed(graph: oracles.Graph, start: int, key: int, length: int, restart: float, stop: float, seed: int) -> tuple[int, ...]:
    """The walk of a graph where every node has one way out, or none: the coins alone decide."""

    def coin(step: int, draw: int) -> float:
        return (oracles.word(seed, key, step, 0, draw) >> 11) / 2**53

    nodes = [start]
    for step in range(1, length):
        if coin(step, STOP) < stop:
            break
        if coin(step, RESTART) < restart:
            nodes.append(start)
        elif nodes[-1] in graph:
            nodes += graph[nodes[-1]]
        else:
            break
    return tuple(nodes)


@pytest.mark.parametrize("graph", [PATH, CYCLE], ids=["path", "cycle"])
@pytest.mark.parametrize(("p", "q"), BIASES)
@pytest.mark.parametrize(("restart", "stop"), [(0.2, 0.05), (0.0, 0.1), (0.3, 0.0), (0.9, 0.02), (0.02, 0.9)])
def test_the_coins_of_every_step_decide(graph: oracles.Graph, p: float, q: float, restart: float, stop: float) -> None:
    ids = [*range(700), 2**40, 2**63 - 1]
    starts = np.array(ids) % 10
    expected = [tossed(graph, i % 10, i, 25, restart, stop, 11) for i in ids]
    assert walked(made(graph, 10), starts, ids, p, q, 25, restart, stop, 11) == expected


@pytest.mark.parametrize(("p", "q"), BIASES)
def test_a_node_without_edges_is_left_by_going_back_alone(p: float, q: float) -> None:
    found = walked(made({0: {1: 1.0}, 1: {0: 1.0}}, 3), np.full(20_000, 2), range(20_000), p, q, 30, 0.75)
    assert set(Counter(node for w in found for node in w)) == {2}
    lengths = Counter(map(len, found))
    due = [20_000 * 0.75**k * 0.25 for k in range(20)]
    assert stats.chisquare([lengths[k + 1] for k in range(20)], due, sum_check=False).pvalue > 1e-3
    assert set(walked(made({}, 3), np.full(9, 2), range(9), p, q, 30)) == {(2,)}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_without_tosses_nothing_changes_and_a_toss_changes_nothing_before_it(name: str, p: float, q: float) -> None:
    graph, ids = made(GRAPHS[name], 5), np.arange(1500)
    nodes, lengths = walk.sample_walks(graph, ids % 5, ids, 7, p, q, 20)
    straight = [tuple(row[:end]) for row, end in zip(nodes.tolist(), lengths.tolist(), strict=True)]
    assert walked(graph, ids % 5, ids, p, q, 20, 0.0, 0.0) == straight
    never = 2.0**-60  # the tosses are made, and lost
    assert walked(graph, ids % 5, ids, p, q, 20, never, never) == straight
    for shorter, whole in zip(walked(graph, ids % 5, ids, p, q, 20, 0.0, 0.15), straight, strict=True):
        assert shorter == whole[: len(shorter)]
    for i, found in enumerate(walked(graph, ids % 5, ids, p, q, 20, 0.15, 0.0)):
        coins = [(oracles.word(7, i, step, 0, RESTART) >> 11) / 2**53 for step in range(1, 20)]
        first = next((step for step, coin in enumerate(coins, 1) if coin < 0.15), 20)
        assert found[:first] == straight[i][:first]
        assert len(found) <= first or found[first] == i % 5


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_walks_are_equal_however_they_are_cut(name: str, p: float, q: float) -> None:
    graph, ids = made(GRAPHS[name], 5), np.arange(1000)
    whole = walked(graph, ids % 5, ids, p, q, 25, 0.2, 0.03)
    parts = [walked(graph, ids[a:b] % 5, ids[a:b], p, q, 25, 0.2, 0.03) for a, b in pairwise([0, 1, 255, 600, 1000])]
    assert [w for part in parts for w in part] == whole
    order = np.random.default_rng(1).permutation(1000)
    assert walked(graph, order % 5, order, p, q, 25, 0.2, 0.03) == [whole[i] for i in order]
    assert [w[:9] for w in whole] == walked(graph, ids % 5, ids, p, q, 9, 0.2, 0.03)
    assert len({len(w) for w in whole}) > 10


def law(
    graph: oracles.Graph, start: int, p: float, q: float, length: int, restart: float, stop: float, fresh: bool = True
) -> Law:
    """walk -> its probability, of all walks of at most `length` nodes. fresh: the step after a restart is by weight alone."""
    ended: Counter[tuple[int, ...]] = Counter()
    going: dict[tuple[tuple[int, ...], int | None], float] = {((start,), None): 1.0}
    for _ in range(1, length):
        onward: Counter[tuple[tuple[int, ...], int | None]] = Counter()
        for (nodes, before), chance in going.items():
            ended[nodes] += chance * stop
            onward[(*nodes, start), None if fresh else nodes[-1]] += chance * (1 - stop) * restart
            steps = oracles.transition(graph, before, nodes[-1], p, q)
            if not steps:
                ended[nodes] += chance * (1 - stop) * (1 - restart)
            for x, share in steps.items():
                onward[(*nodes, x), nodes[-1]] += chance * (1 - stop) * (1 - restart) * share
        going = onward
    for (nodes, _), chance in going.items():
        ended[nodes] += chance
    return {nodes: chance for nodes, chance in ended.items() if chance > 0}


def p_of(seen: Mapping[tuple[int, ...], int], expected: Law) -> float:
    """Chi-square's p of whole walks; 0 where an impossible one was walked. Rare walks are pooled."""
    if set(seen) - set(expected):
        return 0.0
    total = sum(seen.values())
    often = [nodes for nodes, chance in expected.items() if chance * total >= 10]
    observed, due = [seen.get(nodes, 0) for nodes in often], [expected[nodes] * total for nodes in often]
    if total - sum(due) >= 10:
        observed, due = [*observed, total - sum(observed)], [*due, total - sum(due)]
    assert len(due) > 30
    return float(stats.chisquare(observed, due, sum_check=False).pvalue)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_whole_walks_follow_the_exact_law(name: str, p: float, q: float) -> None:
    graph, ids = GRAPHS[name], np.arange(100_000)
    rows = made(graph, 5)

    def least(starts: Sequence[int], *tosses: float, p: float = p, q: float = q, fresh: bool = True) -> float:
        return min(p_of(seen[s], law(graph, s, p, q, 5, *tosses, fresh=fresh)) for s in starts) * len(starts)

    seen = {s: Counter(walked(rows, np.full(len(ids), s), ids + s * len(ids), p, q, 5, 0.2, 0.1)) for s in range(4)}
    assert least(range(4), 0.2, 0.1) > 1e-3
    for other in ((0.21, 0.1), (0.2, 0.11), (0.2 / 0.9, 0.1), (0.2, 0.1 / 0.8), (0.1, 0.2)):
        assert least(range(4), *other) < 1e-3
    if p != q:
        assert least(range(4), 0.2, 0.1, fresh=False) < 1e-9
        assert least(range(4), 0.2, 0.1, p=q, q=p) < 1e-9


@pytest.mark.parametrize(("p", "q"), BIASES)
def test_long_walks_keep_the_law_to_their_end(p: float, q: float) -> None:
    """No edge leads to 0, where all start: a 0 is a restart, and the next step is by weight alone."""
    graph = {
        0: {1: 1.0, 2: 3.0, 4: 1.0},
        **oracles.undirected([(1, 2, 2.0), (2, 3, 1.0), (3, 1, 1.0), (3, 4, 2.0), (4, 1, 1.0)]),
    }
    length, restart, stop, m = 40, 0.2, 0.02, 20_000
    nodes, lengths = walk.sample_walks(made(graph, 5), np.zeros(m, np.int64), np.arange(m), 7, p, q, length, restart, stop)
    alive = np.array([(lengths > k).sum() for k in range(length)])
    found = [stats.binomtest(int(a - b), int(a), stop).pvalue for a, b in pairwise(alive)]
    late = np.arange(length) < lengths[:, None]
    back = (nodes == 0) & late
    found += [stats.binomtest(int(back[:, k].sum()), int(alive[k]), restart).pvalue for k in range(1, length)]
    follows = late[:, 1:] & ~back[:, 1:]  # steps that are no restarts, by the two nodes before
    after = {(None, 0): nodes[:, 1:][back[:, :-1] & follows]}
    ahead, behind, at = nodes[:, 2:], nodes[:, :-2], nodes[:, 1:-1]
    for t in range(5):
        for v in range(1, 5):
            chosen = ahead[(behind == t) & (at == v) & follows[:, 1:]]
            if len(chosen):
                after[t, v] = chosen
    for (before, v), chosen in after.items():
        expected = oracles.transition(graph, before, v, p, q)
        counts = Counter(chosen.tolist())
        assert set(counts) <= set(expected)
        due = [share * len(chosen) for share in expected.values()]
        found.append(float(stats.chisquare([counts[x] for x in expected], due, sum_check=False).pvalue))
    assert len(after) > 12
    assert min(found) * len(found) > 1e-3
