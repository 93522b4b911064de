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
