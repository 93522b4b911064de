"""The distribution of steps: chi-square against the exact node2vec probabilities, and against those of wrong rules."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from support import oracles
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import build_walk_graph

Rule = Callable[[int | None, int], Mapping[int, float]]
N = 10
UNDIRECTED = oracles.undirected([
    (0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (2, 4, 4.0), (4, 5, 1.0), (5, 6, 2.5), (6, 7, 1.0),
    (5, 7, 2.0), (7, 8, 6.0), (8, 0, 1.0), (3, 3, 2.0), (6, 9, 1.0),
])  # fmt: skip
DIRECTED = {
    0: {1: 1.0, 2: 3.0, 4: 1.0}, 1: {2: 2.0, 3: 1.0}, 2: {0: 1.0, 3: 2.0, 4: 0.5}, 3: {3: 1.0, 5: 2.0, 1: 1.0},
    4: {0: 2.0, 5: 1.0, 6: 1.0}, 5: {6: 1.0, 0: 4.0, 3: 1.0}, 6: {7: 1.0, 4: 2.0}, 7: {8: 1.0, 6: 1.0},
    8: {9: 1.0, 2: 1.0}, 9: {0: 1.0},
}  # fmt: skip
EQUAL = {v: dict.fromkeys(row, 1.0) for v, row in UNDIRECTED.items()}
BIASES = [(0.25, 4.0), (4.0, 0.25), (0.5, 2.0), (0.1, 1.0), (0.1, 0.5), (0.5, 0.25), (1.0, 1.0)]
EXTREME = [(1e4, 1.0), (1.0, 1e4), (1e4, 1e4), (1e9, 0.5)]  # after MAX_TRIES the row's exact probabilities are drawn from
GRAPHS = {"undirected": UNDIRECTED, "directed": DIRECTED, "unweighted": EQUAL}


def count_steps(graph: oracles.Graph, p: float, q: float, weighted: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how often walks took each first step, (N, N), and each later step after a step, (N, N, N)."""
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array([e[2] for e in edges], np.float64), 0, N, N)
    is_symmetric = all(graph.get(x, {}).get(v) == w for v, row in graph.items() for x, w in row.items())
    ids = np.arange(20_000)
    walk_graph = build_walk_graph(indptr, indices, weights if weighted else np.ones_like(weights), is_symmetric)
    nodes, lengths = sample_walks(walk_graph, ids % N, ids, make_walk_params(p, q, 40, 7))
    assert (lengths == 40).all()
    first = np.bincount(nodes[:, 0] * N + nodes[:, 1], minlength=N**2)
    triples = (nodes[:, :-2] * N + nodes[:, 1:-1]) * N + nodes[:, 2:]
    return first.reshape(N, N), np.bincount(triples.ravel(), minlength=N**3).reshape(N, N, N)


def row_p_value(counts: NDArray[np.int64], probabilities: Mapping[int, float]) -> float:
    """Return the chi-square p-value of one state's counts, 0 if an impossible step was taken. Rare steps are pooled."""
    probability = np.array([probabilities.get(x, 0.0) for x in range(N)])
    if counts[probability == 0].any():
        return 0.0
    expected = probability * counts.sum()
    is_rare = expected < 5
    observed = np.append(counts[~is_rare], counts[is_rare].sum())
    expected = np.append(expected[~is_rare], expected[is_rare].sum())
    if expected[-1] < 5:
        observed, expected = observed[:-1], expected[:-1]
        expected *= observed.sum() / expected.sum() if len(expected) else 1.0
    return float(stats.chisquare(observed, expected).pvalue) if len(expected) > 1 else 1.0


def min_p_value(counts: tuple[NDArray[np.int64], NDArray[np.int64]], rule: Rule) -> float:
    """Return the least p-value over all states (previous, current), times their number (Bonferroni)."""
    first, second = counts
    p_values = [row_p_value(first[v], rule(None, v)) for v in range(N)]
    p_values += [row_p_value(second[t, v], rule(t, v)) for t in range(N) for v in range(N) if second[t, v].sum() >= 20]
    assert len(p_values) >= 2 * N
    return min(p_values) * len(p_values)


def exact_rule(graph: oracles.Graph, p: float, q: float) -> Rule:
    """Return the rule of the paper."""
    return lambda previous, current: oracles.transition(graph, previous, current, p, q)


def normalize(weights: Mapping[int, float]) -> dict[int, float]:
    return {x: w / sum(weights.values()) for x, w in weights.items()}


def without_folding(graph: oracles.Graph, p: float, q: float) -> Rule:
    """Return the rule of a walker that accepts within max(1, 1/q) and ignores the excess of the return edge."""
    return exact_rule(graph, 1 / min(1 / p, max(1.0, 1 / q)), q)


def folding_by_count(graph: oracles.Graph, p: float, q: float) -> Rule:
    """Return the rule of a folding that takes the return edge's probability to be 1 / degree, whatever its weight."""

    def rule(previous: int | None, current: int) -> Mapping[int, float]:
        unfolded, by_weight = without_folding(graph, p, q)(previous, current), oracles.transition(graph, None, current, p, q)
        if previous is None or previous not in graph[current]:
            return unfolded
        envelope = max(1.0, 1 / q)
        excess = (1 / p - envelope) / len(graph[current])
        folded = excess / (envelope + excess)
        accepted = {x: unfolded[x] / unfolded[previous] * by_weight[previous] for x in unfolded}  # always the return edge
        return normalize({x: w * (1 - folded) + (folded if x == previous else 0.0) for x, w in accepted.items()})

    return rule


def reversed_adjacency(graph: oracles.Graph, p: float, q: float) -> Rule:
    """Return the rule that tests the edge x -> t where the paper tests t -> x."""

    def rule(previous: int | None, current: int) -> Mapping[int, float]:
        if previous is None:
            return oracles.transition(graph, None, current, p, q)
        bias = {x: 1 / p if x == previous else 1.0 if previous in graph[x] else 1 / q for x in graph[current]}
        return normalize({x: w * bias[x] for x, w in graph[current].items()})

    return rule


@pytest.mark.parametrize(("p", "q"), [*BIASES, *EXTREME], ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_steps_follow_the_exact_probabilities(name: str, p: float, q: float) -> None:
    counts = count_steps(GRAPHS[name], p, q, name != "unweighted")
    assert min_p_value(counts, exact_rule(GRAPHS[name], p, q)) > 1e-3


@pytest.mark.parametrize(("p", "q"), BIASES[:-1], ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_wrong_p_and_q_are_rejected(name: str, p: float, q: float) -> None:
    counts = count_steps(GRAPHS[name], p, q, name != "unweighted")
    assert min_p_value(counts, exact_rule(GRAPHS[name], q, p)) < 1e-9
    assert min_p_value(counts, exact_rule(GRAPHS[name], p * 1.1, q)) < 1e-3
    assert min_p_value(counts, exact_rule(GRAPHS[name], p, q * 1.1)) < 1e-3


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (0.5, 2.0), (0.1, 1.0)], ids=str)
def test_rules_without_folding_or_with_the_wrong_probability_are_rejected(p: float, q: float) -> None:
    counts = count_steps(UNDIRECTED, p, q, True)
    assert min_p_value(counts, without_folding(UNDIRECTED, p, q)) < 1e-9
    assert min_p_value(counts, folding_by_count(UNDIRECTED, p, q)) < 1e-9


def test_the_rule_with_reversed_adjacency_is_rejected() -> None:
    counts = count_steps(DIRECTED, 4.0, 0.25, True)
    assert min_p_value(counts, reversed_adjacency(DIRECTED, 4.0, 0.25)) < 1e-9


def test_the_rule_without_weights_is_rejected() -> None:
    counts = count_steps(UNDIRECTED, 0.5, 2.0, True)
    assert min_p_value(counts, exact_rule(EQUAL, 0.5, 2.0)) < 1e-9
