"""Walks that stop early or restart: the draws of each step, and the exact distribution of complete walks."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from support import oracles
from walkgram.kernels.arrays import Int64Array
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import WalkGraph, build_walk_graph

STOP, RESTART = 4, 5  # the draws' numbers
PATH = {v: {v + 1: 1.0 + v % 3} for v in range(9)}  # 0 -> 1 -> ... -> 9, where it ends
CYCLE = PATH | {9: {0: 1.0}}
KITE = oracles.undirected([(0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (1, 4, 1.0)])
EQUAL = {v: dict.fromkeys(row, 1.0) for v, row in KITE.items()}
DIRECTED = {0: {1: 1.0, 2: 3.0}, 1: {2: 2.0, 3: 1.0}, 2: {1: 2.0, 3: 1.0, 4: 0.5}, 3: {1: 1.0, 2: 2.0}}  # 4 is a dead end
GRAPHS = {"weighted": KITE, "equal": EQUAL, "directed": DIRECTED}
BIASES = [(0.25, 4.0), (4.0, 0.25), (1.0, 1.0)]
Distribution = Mapping[tuple[int, ...], float]


class Draws(NamedTuple):
    """How walks are drawn: their length, the probabilities to restart and to stop, and the seed."""

    length: int
    restart: float = 0.0
    stop: float = 0.0
    seed: int = 7


def build_graph(graph: oracles.Graph, n: int) -> WalkGraph:
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst = (np.array([edge[i] for edge in edges], np.int64) for i in (0, 1))
    weight = np.array([edge[2] for edge in edges], np.float64)
    is_symmetric = all(graph.get(x, {}).get(v) == w for v, x, w in edges)
    return build_walk_graph(*csr.build_csr(src, dst, weight, 0, n, n), is_symmetric)


def list_walks(
    graph: WalkGraph, starts: Int64Array, ids: Sequence[int] | Int64Array, p: float, q: float, draws: Draws
) -> list[tuple[int, ...]]:
    """Return the walk of each id, cut to its length."""
    params = make_walk_params(p, q, draws.length, draws.seed, draws.restart, draws.stop)
    nodes, lengths = sample_walks(graph, starts, np.array(ids, np.int64), params)
    return [tuple(row[:end]) for row, end in zip(nodes.tolist(), lengths.tolist(), strict=True)]


def draw_walk(graph: oracles.Graph, start: int, walk_id: int, draws: Draws) -> tuple[int, ...]:
    """Return the walk in a graph whose nodes have at most one edge: the draws to stop and restart decide alone."""

    def draw_unit(step: int, draw: int) -> float:
        return (oracles.word(draws.seed, walk_id, step, 0, draw) >> 11) / 2**53

    nodes = [start]
    for step in range(1, draws.length):
        if draw_unit(step, STOP) < draws.stop:
            break
        if draw_unit(step, RESTART) < draws.restart:
            nodes.append(start)
        elif nodes[-1] in graph:
            nodes += graph[nodes[-1]]
        else:
            break
    return tuple(nodes)


@pytest.mark.parametrize("graph", [PATH, CYCLE], ids=["path", "cycle"])
@pytest.mark.parametrize(("p", "q"), BIASES)
@pytest.mark.parametrize(("restart", "stop"), [(0.2, 0.05), (0.0, 0.1), (0.3, 0.0), (0.9, 0.02), (0.02, 0.9)])
def test_the_draws_of_every_step_decide(graph: oracles.Graph, p: float, q: float, restart: float, stop: float) -> None:
    ids, draws = [*range(700), 2**40, 2**63 - 1], Draws(25, restart, stop, seed=11)
    expected = [draw_walk(graph, i % 10, i, draws) for i in ids]
    assert list_walks(build_graph(graph, 10), np.array(ids) % 10, ids, p, q, draws) == expected


@pytest.mark.parametrize(("p", "q"), BIASES)
def test_at_a_node_without_edges_walks_restart_or_end(p: float, q: float) -> None:
    graph = build_graph({0: {1: 1.0}, 1: {0: 1.0}}, 3)
    walks = list_walks(graph, np.full(20_000, 2), range(20_000), p, q, Draws(30, restart=0.75))
    assert {node for walk in walks for node in walk} == {2}
    lengths = Counter(map(len, walks))
    expected = [20_000 * 0.75**k * 0.25 for k in range(20)]
    assert stats.chisquare([lengths[k + 1] for k in range(20)], expected, sum_check=False).pvalue > 1e-3
    assert set(list_walks(build_graph({}, 3), np.full(9, 2), range(9), p, q, Draws(30))) == {(2,)}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_a_stop_or_restart_changes_no_earlier_step(name: str, p: float, q: float) -> None:
    graph, ids = build_graph(GRAPHS[name], 5), np.arange(1500)
    plain = list_walks(graph, ids % 5, ids, p, q, Draws(20))
    rare = 2.0**-60  # drawn before each step, without effect
    assert list_walks(graph, ids % 5, ids, p, q, Draws(20, rare, rare)) == plain
    for walk, plain_walk in zip(list_walks(graph, ids % 5, ids, p, q, Draws(20, stop=0.15)), plain, strict=True):
        assert walk == plain_walk[: len(walk)]
    for i, walk in enumerate(list_walks(graph, ids % 5, ids, p, q, Draws(20, restart=0.15))):
        draws = [(oracles.word(7, i, step, 0, RESTART) >> 11) / 2**53 for step in range(1, 20)]
        first = next((step for step, draw in enumerate(draws, 1) if draw < 0.15), 20)
        assert walk[:first] == plain[i][:first]
        assert len(walk) <= first or walk[first] == i % 5


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_a_walk_does_not_depend_on_the_other_walks_of_its_batch(name: str, p: float, q: float) -> None:
    graph, ids, draws = build_graph(GRAPHS[name], 5), np.arange(1000), Draws(25, 0.2, 0.03)
    walks = list_walks(graph, ids % 5, ids, p, q, draws)
    parts = [list_walks(graph, ids[a:b] % 5, ids[a:b], p, q, draws) for a, b in pairwise([0, 1, 255, 600, 1000])]
    assert [walk for part in parts for walk in part] == walks
    order = np.random.default_rng(1).permutation(1000)
    assert list_walks(graph, order % 5, order, p, q, draws) == [walks[i] for i in order]
    assert [walk[:9] for walk in walks] == list_walks(graph, ids % 5, ids, p, q, draws._replace(length=9))
    assert len({len(walk) for walk in walks}) > 10


class Rule(NamedTuple):
    """The rule of walks of at most `length` nodes; is_first_order: the step after a restart is drawn by weight alone."""

    p: float
    q: float
    length: int
    restart: float
    stop: float
    is_first_order: bool = True


def walk_distribution(graph: oracles.Graph, start: int, rule: Rule) -> Distribution:
    """Return the probability of every walk from a start."""
    ended: dict[tuple[int, ...], float] = defaultdict(float)
    active: dict[tuple[tuple[int, ...], int | None], float] = {((start,), None): 1.0}
    for _ in range(1, rule.length):
        longer: dict[tuple[tuple[int, ...], int | None], float] = defaultdict(float)
        for (nodes, previous), probability in active.items():
            ended[nodes] += probability * rule.stop
            restarted = None if rule.is_first_order else nodes[-1]
            longer[(*nodes, start), restarted] += probability * (1 - rule.stop) * rule.restart
            moved = probability * (1 - rule.stop) * (1 - rule.restart)
            steps = oracles.transition(graph, previous, nodes[-1], rule.p, rule.q)
            if not steps:
                ended[nodes] += moved
            for x, step_probability in steps.items():
                longer[(*nodes, x), nodes[-1]] += moved * step_probability
        active = longer
    for (nodes, _), probability in active.items():
        ended[nodes] += probability
    return {nodes: probability for nodes, probability in ended.items() if probability > 0}


def walk_p_value(counts: Mapping[tuple[int, ...], int], probabilities: Distribution) -> float:
    """Return the chi-square p-value of complete walks, 0 if an impossible one occurs. Rare walks are pooled."""
    if set(counts) - set(probabilities):
        return 0.0
    total = sum(counts.values())
    frequent = [nodes for nodes, probability in probabilities.items() if probability * total >= 10]
    observed, expected = [counts.get(nodes, 0) for nodes in frequent], [probabilities[nodes] * total for nodes in frequent]
    if total - sum(expected) >= 10:
        observed, expected = [*observed, total - sum(observed)], [*expected, total - sum(expected)]
    assert len(expected) > 30
    return float(stats.chisquare(observed, expected, sum_check=False).pvalue)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(("p", "q"), BIASES)
def test_complete_walks_follow_the_exact_distribution(name: str, p: float, q: float) -> None:
    graph, ids, draws = GRAPHS[name], np.arange(100_000), Draws(5, 0.2, 0.1)
    rows = build_graph(graph, 5)
    counts = {s: Counter(list_walks(rows, np.full(len(ids), s), ids + s * len(ids), p, q, draws)) for s in range(4)}

    def min_p_value(rule: Rule) -> float:
        return min(walk_p_value(counts[s], walk_distribution(graph, s, rule)) for s in range(4)) * 4

    rule = Rule(p, q, 5, 0.2, 0.1)
    assert min_p_value(rule) > 1e-3
    for restart, stop in ((0.21, 0.1), (0.2, 0.11), (0.2 / 0.9, 0.1), (0.2, 0.1 / 0.8), (0.1, 0.2)):
        assert min_p_value(rule._replace(restart=restart, stop=stop)) < 1e-3
    if p != q:
        assert min_p_value(rule._replace(is_first_order=False)) < 1e-9
        assert min_p_value(rule._replace(p=q, q=p)) < 1e-9


@pytest.mark.parametrize(("p", "q"), BIASES)
def test_long_walks_follow_the_rule_to_their_end(p: float, q: float) -> None:
    """Start at 0, which no edge leads to: a later 0 is a restart, and the next step is drawn by weight alone."""
    graph = {
        0: {1: 1.0, 2: 3.0, 4: 1.0},
        **oracles.undirected([(1, 2, 2.0), (2, 3, 1.0), (3, 1, 1.0), (3, 4, 2.0), (4, 1, 1.0)]),
    }
    length, restart, stop, m = 40, 0.2, 0.02, 20_000
    params = make_walk_params(p, q, length, 7, restart, stop)
    nodes, lengths = sample_walks(build_graph(graph, 5), np.zeros(m, np.int64), np.arange(m), params)
    num_active = np.array([(lengths > k).sum() for k in range(length)])
    p_values = [stats.binomtest(int(a - b), int(a), stop).pvalue for a, b in pairwise(num_active)]
    is_valid = np.arange(length) < lengths[:, None]
    is_restart = (nodes == 0) & is_valid
    p_values += [stats.binomtest(int(is_restart[:, k].sum()), int(num_active[k]), restart).pvalue for k in range(1, length)]
    is_step = is_valid[:, 1:] & ~is_restart[:, 1:]
    steps: dict[tuple[int | None, int], NDArray[Any]] = {(None, 0): nodes[:, 1:][is_restart[:, :-1] & is_step]}
    following, previous, current = nodes[:, 2:], nodes[:, :-2], nodes[:, 1:-1]
    for t in range(5):
        for v in range(1, 5):
            chosen = following[(previous == t) & (current == v) & is_step[:, 1:]]
            if len(chosen):
                steps[t, v] = chosen
    for (before, v), chosen in steps.items():
        expected = oracles.transition(graph, before, v, p, q)
        counts = Counter(chosen.tolist())
        assert set(counts) <= set(expected)
        expected_counts = [probability * len(chosen) for probability in expected.values()]
        p_values.append(float(stats.chisquare([counts[x] for x in expected], expected_counts, sum_check=False).pvalue))
    assert len(steps) > 12
    assert min(p_values) * len(p_values) > 1e-3
