"""Walk kernels against peers from PyPI on the same graph, one core, in turn; everyone's distance to the exact rule; the jobs.

usage: bench_walks.py PEERS_PYTHON [small]     (make bench-walks)
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_spark
import graphs
import numpy as np
import report
from numpy.typing import NDArray

from walkgram.kernels.graph import csr
from walkgram.kernels.walks import transition, walk

LENGTH, RUNS = 80, 3
BIASES = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.25, 4.0)]
BARS = {(1.0, 1.0): 10.0, (0.5, 2.0): 5.0, (4.0, 0.25): 5.0, (0.25, 4.0): 4.0}
PEERS = Path(__file__).with_name("peers_walks.py")


def built(edges: graphs.Edges, weighted: bool = True) -> walk.WalkGraph:
    """Our graph of undirected edges."""
    src, dst, weight = edges
    n = int(dst.max()) + 1
    both = np.append(src, dst), np.append(dst, src), np.append(weight, weight)
    indptr, indices, weights = csr.build_csr(*both, 0, n, n)
    return walk.build_walk_graph(indptr, indices, weights if weighted else np.ones_like(weights), True)


def ours(graph: walk.WalkGraph, p: float, q: float, count: int) -> tuple[float, NDArray[np.int32]]:
    """(steps per CPU second, walks) of `count` walks from nodes in random order."""
    nodes = np.random.default_rng(1).permutation(np.flatnonzero(np.diff(graph.indptr)))
    starts = np.resize(nodes, count)
    started = time.process_time()
    walked, lengths = walk.sample_walks(graph, starts, np.arange(count), 7, p, q, LENGTH)
    return float((lengths - 1).sum() / (time.process_time() - started)), walked


def peer(python: str, file: Path, name: str, p: float, q: float, count: int, *out: str) -> float:
    """The peer's steps per CPU second, from its own process."""
    command = [python, str(PEERS), str(file), name, str(p), str(q), str(count), *out]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["rate"])


def compare(title: str, edges: graphs.Edges, scratch: Path, python: str, counts: tuple[int, int]) -> list[report.Case]:
    """All biases on one graph: medians of RUNS, both sides in turn. counts: walks of ours and of the peer's."""
    file = scratch / "graph.npz"
    np.savez(file, src=edges[0], dst=edges[1], weight=edges[2])
    weighted, equal = built(edges), built(edges, weighted=False)
    cases = []
    against = [(b, "fastnode2vec", weighted) for b in BIASES[1:]]
    first = [((1.0, 1.0), "pecanpy", weighted), ((1.0, 1.0), "pecanpy_unweighted", equal)]
    for (p, q), name, graph in [*first, *against]:
        ours(graph, p, q, 512)  # compiles, or loads what is compiled
        rates, theirs = [], []
        for _ in range(RUNS):
            rates.append(ours(graph, p, q, counts[0])[0])
            theirs.append(peer(python, file, name, p, q, counts[1]))
        mine, other = statistics.median(rates) / 1e6, statistics.median(theirs) / 1e6
        cases.append(
            report.Case(
                f"{title}, p={p:g} q={q:g}{'' if graph is weighted else ', unweighted'}",
                mine,
                other,
                name,
                "M steps per CPU s",
                mine / other,
                BARS[(p, q)],
            )
        )
    return cases


def distance(walks: NDArray[np.integer], edges: graphs.Edges, p: float, q: float) -> float:
    """Total variation distance of the second-order steps to the exact rule, the mean over states by their visits."""
    n = int(edges[1].max()) + 1
    dense = np.zeros((n, n))
    dense[edges[0], edges[1]] = dense[edges[1], edges[0]] = edges[2]
    walks = walks.astype(np.int64)
    seen = np.bincount(((walks[:, :-2] * n + walks[:, 1:-1]) * n + walks[:, 2:]).ravel(), minlength=n**3).reshape(n, n, n)
    total = sum(
        np.abs(seen[t, v] - seen[t, v].sum() * transition.compute_transition_probabilities(dense, t, v, p, q)).sum() / 2
        for t in range(n)
        for v in range(n)
    )
    return float(total / seen.sum())


def exactness(scratch: Path, python: str, count: int) -> list[report.Case]:
    """Distances on a small weighted graph; sampling alone gives about the least of them."""
    edges = graphs.small()
    file, out = scratch / "small.npz", scratch / "walks.npy"
    np.savez(file, src=edges[0], dst=edges[1], weight=edges[2])
    graph, cases = built(edges), []
    for p, q in BIASES:
        mine = distance(ours(graph, p, q, count)[1], edges, p, q)
        name = "pecanpy" if p == q == 1 else "fastnode2vec"
        peer(python, file, name, p, q, count, str(out))
        theirs = distance(np.load(out), edges, p, q)
        cases.append(
            report.Case(f"distance to the exact rule, p={p:g} q={q:g}", mine, theirs, name, "total variation", None, None)
        )
    return cases


def tables(edges: graphs.Edges) -> list[report.Case]:
    """Alias tables alone."""
    both = np.append(edges[0], edges[1]), np.append(edges[1], edges[0]), np.append(edges[2], edges[2])
    n = int(edges[1].max()) + 1
    indptr, _, weights = csr.build_csr(*both, 0, n, n)
    seconds = []
    for _ in range(RUNS + 1):
        started = time.process_time()
        csr.build_alias_table(indptr, weights)
        seconds.append(time.process_time() - started)
    rate = len(weights) / statistics.median(seconds[1:]) / 1e6
    return [report.Case("alias tables", rate, None, "no peer; bar 60", "M edges per CPU s", None, None)]


def main() -> None:
    """Run every case."""
    python, small = sys.argv[1], "small" in sys.argv[2:]
    scale = 10 if small else 1
    with tempfile.TemporaryDirectory() as folder:
        large = graphs.chung_lu(200_000 // scale, 4_200_000 // scale, 0)
        cases = compare("power law", large, Path(folder), python, (50_000 // scale, 20_000 // scale))
        known = next(c.peer for c in cases if c.peer_name == "fastnode2vec" and "p=0.5 q=2" in c.case)
        spark = bench_spark.end_to_end(Path(folder, "graph.npz"), known or 0.0) + bench_spark.engines(Path(folder, "graph.npz"))
        tenth = Path(folder, "tenth.npz")
        np.savez(tenth, **dict(zip(("src", "dst", "weight"), graphs.chung_lu(20_000, 420_000, 0), strict=True)))
        spark += bench_spark.joins(tenth) + bench_spark.compiling(small)
        dense = graphs.chung_lu(10_000, 340_000, 0)
        cases += compare("small and dense", dense, Path(folder), python, (50_000 // scale, 20_000 // scale))
        cases += exactness(Path(folder), python, 20_000 // scale) + tables(large) + spark
    report.publish(
        "walks", cases, ("numba", "numpy", "pyspark"), peers=Path(__file__).with_name("requirements.txt").read_text()
    )


if __name__ == "__main__":
    main()
