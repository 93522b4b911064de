"""Graphs for the benchmarks. Runs in our environment and in the peers'."""

import numpy as np
from numpy.typing import NDArray

Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def chung_lu(n: int, m: int, seed: int) -> Edges:
    """(src, dst, weight) of about m undirected edges, src < dst, ends drawn by a power law of exponent 1/2, random weights."""
    rng = np.random.default_rng(seed)
    law = (1 + np.arange(n)) ** -0.5
    name = rng.permutation(n)
    a, b = (name[rng.choice(n, m, p=law / law.sum())] for _ in range(2))
    codes = np.unique(np.minimum(a, b)[a != b] * n + np.maximum(a, b)[a != b])
    return codes // n, codes % n, rng.exponential(size=len(codes)) + 0.01


def small(seed: int = 3) -> Edges:
    """12 nodes, weighted, with triangles: every second-order state is visited often."""
    rng = np.random.default_rng(seed)
    codes = np.flatnonzero(np.triu(rng.random((12, 12)) < 0.4, 1))
    ring = np.arange(11) * 12 + np.arange(1, 12)
    codes = np.unique(np.append(codes, ring))
    return codes // 12, codes % 12, rng.exponential(size=len(codes)) + 0.2


def planted(n: int, m: int, groups: int, seed: int, noise: float = 0.75) -> tuple[Edges, NDArray[np.bool_]]:
    """(m undirected edges, src < dst, of weight 1; labels (n, groups)): a node is in one to three groups, which are its labels.

    The first end of an edge is drawn by a power law of exponent 2/5, the second too for a share `noise` of the edges, else
    evenly from one of the first end's groups.
    """
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 4, n)
    member = rng.random((n, groups)).argsort(axis=1)[:, :3]  # (n, 3) different groups, of which a node has its first `count`
    node, slot = np.nonzero(np.arange(3) < count[:, None])
    labels = np.zeros((n, groups), np.bool_)
    labels[node, member[node, slot]] = True
    within, sizes = np.nonzero(labels.T)[1], labels.sum(axis=0)  # the nodes of group 0, of group 1, ...
    first = np.cumsum(sizes) - sizes
    law = (1.0 + rng.permutation(n)) ** -0.4
    codes = np.empty(0, np.int64)
    while len(codes) < m:
        a, b = (rng.choice(n, 2 * m, p=law / law.sum()) for _ in range(2))
        group = member[a, rng.integers(count[a])]
        near = within[first[group] + rng.integers(sizes[group])]
        b = np.where(rng.random(2 * m) < noise, b, near)
        codes = np.unique(np.append(codes, (np.minimum(a, b) * n + np.maximum(a, b))[a != b]))
    codes = np.sort(rng.permutation(codes)[:m])
    return (codes // n, codes % n, np.ones(m)), labels
