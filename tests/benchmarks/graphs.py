"""Graphs for the benchmarks, in walkgram's environment and in the peers'."""

import numpy as np
from numpy.typing import NDArray

Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def chung_lu(n: int, m: int, seed: int) -> Edges:
    """Return (src, dst, weight) of about m undirected edges, src < dst, with random weights.

    The ends are drawn by a power law of exponent 1/2 (Chung & Lu 2002).
    """
    rng = np.random.default_rng(seed)
    popularity = (1 + np.arange(n)) ** -0.5
    names = rng.permutation(n)
    a, b = (names[rng.choice(n, m, p=popularity / popularity.sum())] for _ in range(2))
    codes = np.unique(np.minimum(a, b)[a != b] * n + np.maximum(a, b)[a != b])
    return codes // n, codes % n, rng.exponential(size=len(codes)) + 0.01


def small_graph(seed: int = 3) -> Edges:
    """Return 12 weighted nodes with triangles: walks visit every second-order state often."""
    rng = np.random.default_rng(seed)
    codes = np.flatnonzero(np.triu(rng.random((12, 12)) < 0.4, 1))
    ring = np.arange(11) * 12 + np.arange(1, 12)
    codes = np.unique(np.append(codes, ring))
    return codes // 12, codes % 12, rng.exponential(size=len(codes)) + 0.2


def planted_partition(n: int, m: int, groups: int, seed: int, noise: float = 0.75) -> tuple[Edges, NDArray[np.bool_]]:
    """Return (m undirected edges, src < dst, of weight 1; labels (n, groups)): one to three groups a node, its labels.

    The first end of an edge is drawn by a power law of exponent 2/5. The second end is drawn likewise for a share `noise`
    of the edges, else uniformly from one of the first end's groups.
    """
    rng = np.random.default_rng(seed)
    num_groups = rng.integers(1, 4, n)
    member = rng.random((n, groups)).argsort(axis=1)[:, :3]  # (n, 3) distinct groups; a node has the first `num_groups`
    node, slot = np.nonzero(np.arange(3) < num_groups[:, None])
    labels = np.zeros((n, groups), np.bool_)
    labels[node, member[node, slot]] = True
    nodes_by_group, sizes = np.nonzero(labels.T)[1], labels.sum(axis=0)
    first = np.cumsum(sizes) - sizes
    popularity = (1.0 + rng.permutation(n)) ** -0.4
    codes = np.empty(0, np.int64)
    while len(codes) < m:
        a, b = (rng.choice(n, 2 * m, p=popularity / popularity.sum()) for _ in range(2))
        group = member[a, rng.integers(num_groups[a])]
        within_group = nodes_by_group[first[group] + rng.integers(sizes[group])]
        b = np.where(rng.random(2 * m) < noise, b, within_group)
        codes = np.unique(np.append(codes, (np.minimum(a, b) * n + np.maximum(a, b))[a != b]))
    codes = np.sort(rng.permutation(codes)[:m])
    return (codes // n, codes % n, np.ones(m)), labels
