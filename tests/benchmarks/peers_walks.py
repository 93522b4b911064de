"""Rates of peers' walks, and their walks for the distance to the exact rule. Runs in the peers' environment; prints JSON lines.

usage: peers_walks.py GRAPH.npz fastnode2vec|pecanpy|pecanpy_unweighted P Q WALKS [OUT.npy]
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

numba.set_num_threads(1)
LENGTH = 80
Int64Array: TypeAlias = NDArray[np.int64]
Float64Array: TypeAlias = NDArray[np.float64]
Timed: TypeAlias = tuple[float, list[NDArray[Any]]]  # CPU seconds, the walks


def walk_fastnode2vec(src: Int64Array, dst: Int64Array, weight: Float64Array, p: float, q: float, count: int) -> Timed:
    """Call its compiled walk for one walk after another, without the node names that its own method adds."""
    from fastnode2vec import Graph
    from fastnode2vec.graph import _random_walk_weighted

    edges = zip(src.tolist(), dst.tolist(), weight.tolist(), strict=True)
    graph = Graph(list(edges), directed=False, weighted=True, verbose=False)
    names = np.array(graph.node_names)
    starts = np.random.default_rng(1).permutation(len(names))[:count] if count < len(names) else np.arange(count) % len(names)
    rows = graph.indptr, graph.indices, graph.data
    _random_walk_weighted(*rows, LENGTH, p, q, 0)  # compiles
    start_time = time.process_time()
    walks = [_random_walk_weighted(*rows, LENGTH, p, q, start) for start in starts]
    seconds = time.process_time() - start_time
    return seconds, [names[walk] for walk in walks]


def walk_pecanpy_unweighted(src: Int64Array, dst: Int64Array, weight: Float64Array, p: float, q: float, count: int) -> Timed:
    """Walk with FirstOrderUnweighted, which ignores the weights."""
    return walk_pecanpy(src, dst, weight, p, q, count, "FirstOrderUnweighted")


def walk_pecanpy(
    src: Int64Array, dst: Int64Array, weight: Float64Array, p: float, q: float, count: int, mode: str = "PreCompFirstOrder"
) -> Timed:
    """Walk by weight, with alias tables built before and not timed."""
    from numba_progress import ProgressBar
    from pecanpy import pecanpy

    n = int(max(src.max(), dst.max())) + 1
    graph = getattr(pecanpy, mode)(p=p, q=q, workers=1)
    order = np.lexsort((np.append(dst, src), np.append(src, dst)))
    heads = np.append(src, dst)[order]
    graph.indptr = np.append(0, np.cumsum(np.bincount(heads, minlength=n))).astype(np.uint32)
    graph.indices = np.append(dst, src)[order].astype(np.uint32)
    graph.data = np.append(weight, weight)[order].astype(np.float32)
    graph.set_node_ids([str(i) for i in range(n)])
    graph.preprocess_transition_probs()
    starts = np.resize(np.random.default_rng(1).permutation(np.flatnonzero(np.diff(graph.indptr))), count).astype(np.uint32)
    move_forward, has_neighbours = graph.get_move_forward(), graph.get_has_nbrs()
    with ProgressBar(total=len(starts), disable=True) as bar:
        graph._random_walks(8, 4, 1, starts[:8], has_neighbours, move_forward, bar)  # compiles
        start_time = time.process_time()
        walks = graph._random_walks(len(starts), LENGTH - 1, 1, starts, has_neighbours, move_forward, bar)
        seconds = time.process_time() - start_time
    return seconds, [walk[: walk[-1]] for walk in walks]


PEERS: dict[str, Callable[[Int64Array, Int64Array, Float64Array, float, float, int], Timed]] = {
    "fastnode2vec": walk_fastnode2vec,
    "pecanpy": walk_pecanpy,
    "pecanpy_unweighted": walk_pecanpy_unweighted,
}


def main() -> None:
    """Time one peer on one case."""
    file, peer, p, q, count = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    edges = np.load(file)
    seconds, walks = PEERS[peer](edges["src"], edges["dst"], edges["weight"], p, q, count)
    steps = sum(len(walk) - 1 for walk in walks)
    if len(sys.argv) > 6:
        np.save(sys.argv[6], np.array([walk for walk in walks if len(walk) == LENGTH], dtype=np.int64))
    print(json.dumps({"rate": steps / seconds}))


if __name__ == "__main__":
    main()
