"""The law of the walk kernel: chi-square of its steps against exact node2vec probabilities, and against wrong ones."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from support import oracles
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.walk import build_walk_graph as make
from walkgram.kernels.walks.walk import sample_walks

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
EXTREME = [(1e4, 1.0), (1.0, 1e4), (1e4, 1e4), (1e9, 0.5)]  # rejection gives up: the row's exact probabilities are drawn from
GRAPHS = {"undirected": UNDIRECTED, "directed": DIRECTED, "unweighted": EQUAL}


def counted(graph: oracles.Graph, p: float, q: float, weighted: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first (N, N), second (N, N, N)): how often walks took each first step, and each later one after a step."""
    edges = [(v, x, w) for v, row in graph.items() for x, w in row.items()]
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array([e[2] for e in edges], np.float64), 0, N, N)
    symmetric = all(graph.get(x, {}).get(v) == w for v, row in graph.items() for x, w in row.items())
    ids = np.arange(20_000)
    nodes, lengths = sample_walks(
        make(indptr, indices, weights if weighted else np.ones_like(weights), symmetric), ids % N, ids, 7, p, q, 40
    )
    assert (lengths == 40).all()
    first = np.bincount(nodes[:, 0] * N + nodes[:, 1], minlength=N**2)
    triples = (nodes[:, :-2] * N + nodes[:, 1:-1]) * N + nodes[:, 2:]
    return first.reshape(N, N), np.bincount(triples.ravel(), minlength=N**3).reshape(N, N, N)


def p_of_row(seen: NDArray[np.int64], expected: Mapping[int, float]) -> float:
    """Chi-square's p of one state's counts; 0 where an impossible step was taken. Rare steps are pooled."""
    probability = np.array([expected.get(x, 0.0) for x in range(N)])
    if seen[probability == 0].any():
        return 0.0
    due = probability * seen.sum()
    rare = due < 5
    observed = np.append(seen[~rare], seen[rare].sum())
    due = np.append(due[~rare], due[rare].sum())
    if due[-1] < 5:
        observed, due = observed[:-1], due[:-1]
        due *= observed.sum() / due.sum() if len(due) else 1.0
    return float(stats.chisquare(observed, due).pvalue) if len(due) > 1 else 1.0


def least_p(counts: tuple[NDArray[np.int64], NDArray[np.int64]], rule: Rule) -> float:
    """The least p over all states (node before, node at), times their number (Bonferroni)."""
    first, second = counts
    found = [p_of_row(first[v], rule(None, v)) for v in range(N)]
    found += [p_of_row(second[t, v], rule(t, v)) for t in range(N) for v in range(N) if second[t, v].sum() >= 20]
    assert len(found) >= 2 * N
    return min(found) * len(found)


def exact(graph: oracles.Graph, p: float, q: float) -> Rule:
    return lambda before, at: oracles.transition(graph, before, at, p, q)


def normalised(weights: Mapping[int, float]) -> dict[int, float]:
    return {x: w / sum(weights.values()) for x, w in weights.items()}


def without_folding(graph: oracles.Graph, p: float, q: float) -> Rule:
    """The rule of a walker that accepts within max(1, 1/q) and forgets the return edge's excess."""
    return exact(graph, 1 / min(1 / p, max(1.0, 1 / q)), q)


def folding_by_count(graph: oracles.Graph, p: float, q: float) -> Rule:
    """Folding that takes the return edge's share of the row to be 1 / degree, whatever its weight."""

    def rule(before: int | None, at: int) -> Mapping[int, float]:
        plain, base = without_folding(graph, p, q)(before, at), oracles.transition(graph, None, at, p, q)
        if before not in graph[at]:
            return plain
        envelope = max(1.0, 1 / q)
        back = (1 / p - envelope) / len(graph[at])
        kept = back / (envelope + back)
        accepted = {x: plain[x] / plain[before] * base[before] for x in plain}  # the return edge always
        return normalised({x: w * (1 - kept) + (kept if x == before else 0.0) for x, w in accepted.items()})

    return rule


def near_by_the_other_way(graph: oracles.Graph, p: float, q: float) -> Rule:
    """The rule that asks for an edge x -> t where the paper asks for t -> x."""

    def rule(before: int | None, at: int) -> Mapping[int, float]:
        if before is None:
            return oracles.transition(graph, None, at, p, q)
        bias = {x: 1 / p if x == before else 1.0 if before in graph[x] else 1 / q for x in graph[at]}
        return normalised({x: w * bias[x] for x, w in graph[at].items()})

    return rule


@pytest.mark.parametrize(("p", "q"), [*BIASES, *EXTREME], ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_steps_follow_the_exact_probabilities(name: str, p: float, q: float) -> None:
    counts = counted(GRAPHS[name], p, q, name != "unweighted")
    assert least_p(counts, exact(GRAPHS[name], p, q)) > 1e-3


@pytest.mark.parametrize(("p", "q"), BIASES[:-1], ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_swapped_p_and_q_are_told_apart(name: str, p: float, q: float) -> None:
    counts = counted(GRAPHS[name], p, q, name != "unweighted")
    assert least_p(counts, exact(GRAPHS[name], q, p)) < 1e-9
    assert least_p(counts, exact(GRAPHS[name], p * 1.1, q)) < 1e-3
    assert least_p(counts, exact(GRAPHS[name], p, q * 1.1)) < 1e-3


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (0.5, 2.0), (0.1, 1.0)], ids=str)
def test_a_forgotten_or_miscounted_return_edge_is_told_apart(p: float, q: float) -> None:
    counts = counted(UNDIRECTED, p, q, True)
    assert least_p(counts, without_folding(UNDIRECTED, p, q)) < 1e-9
    assert least_p(counts, folding_by_count(UNDIRECTED, p, q)) < 1e-9


def test_an_edge_the_other_way_round_is_told_apart() -> None:
    counts = counted(DIRECTED, 4.0, 0.25, True)
    assert least_p(counts, near_by_the_other_way(DIRECTED, 4.0, 0.25)) < 1e-9


def test_forgotten_weights_are_told_apart() -> None:
    counts = counted(UNDIRECTED, 0.5, 2.0, True)
    assert least_p(counts, exact(EQUAL, 0.5, 2.0)) < 1e-9
