"""Walk kernels against peers from PyPI on the same graph, one core, in turn; distances to the exact rule; the jobs.

usage: bench_walks.py PEERS_PYTHON [small]     (make bench-walks)
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_spark
import graphs
import numpy as np
import report
from numpy.typing import NDArray

from walkgram.kernels.graph import csr
from walkgram.kernels.walks import transition, walk
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk_graph import WalkGraph, build_walk_graph

LENGTH, RUNS = 80, 3
BIASES = [(1.0, 1.0), (0.5, 2.0), (4.0, 0.25), (0.25, 4.0)]
BARS = {(1.0, 1.0): 10.0, (0.5, 2.0): 5.0, (4.0, 0.25): 5.0, (0.25, 4.0): 4.0}
PEERS = Path(__file__).with_name("peers_walks.py")


@dataclass(frozen=True)
class PeerRun:
    """A peer's run: the Python of its environment, the graph's file, its name, the biases, and the number of walks."""

    python: str
    file: Path
    name: str
    p: float
    q: float
    count: int

    def rate(self, *output: str) -> float:
        """Return the peer's steps per CPU second, of its own process; `output`: where its walks are written."""
        command = [self.python, str(PEERS), str(self.file), self.name, str(self.p), str(self.q), str(self.count), *output]
        process = subprocess.run(command, text=True, capture_output=True, check=False)
        if process.returncode:
            raise SystemExit(f"{self.name} failed: {process.stderr.strip().splitlines()[-1]}")
        return float(json.loads(process.stdout.strip().splitlines()[-1])["rate"])


def build_graph(edges: graphs.Edges, weighted: bool = True) -> WalkGraph:
    """Build walkgram's graph of undirected edges."""
    src, dst, weight = edges
    n = int(dst.max()) + 1
    both = np.append(src, dst), np.append(dst, src), np.append(weight, weight)
    indptr, indices, weights = csr.build_csr(*both, 0, n, n)
    return build_walk_graph(indptr, indices, weights if weighted else np.ones_like(weights), True)


def sample_walks(graph: WalkGraph, p: float, q: float, count: int) -> tuple[float, NDArray[np.integer[Any]]]:
    """Return (steps per CPU second, walks) of `count` walks from nodes in random order."""
    nodes = np.random.default_rng(1).permutation(np.flatnonzero(np.diff(graph.indptr)))
    starts = np.resize(nodes, count)
    start_time = time.process_time()
    walks, lengths = walk.sample_walks(graph, starts, np.arange(count), make_walk_params(p, q, LENGTH, 7))
    return float((lengths - 1).sum() / (time.process_time() - start_time)), walks


def save_edges(file: Path, edges: graphs.Edges) -> None:
    """Save edges for the processes of the peers and of Spark."""
    src, dst, weight = edges
    np.savez(file, src=src, dst=dst, weight=weight)


def compare_rates(title: str, edges: graphs.Edges, file: Path, python: str, counts: tuple[int, int]) -> list[report.Case]:
    """Compare all biases on one graph: medians of RUNS, both sides in turn. counts: walks of walkgram and of the peer."""
    save_edges(file, edges)
    weighted, unweighted = build_graph(edges), build_graph(edges, weighted=False)
    runs = [((1.0, 1.0), "pecanpy", weighted), ((1.0, 1.0), "pecanpy_unweighted", unweighted)]
    runs += [(biases, "fastnode2vec", weighted) for biases in BIASES[1:]]
    cases = []
    for (p, q), name, graph in runs:
        sample_walks(graph, p, q, 512)  # compiles the kernels, or loads them
        rates, peer_rates = [], []
        for _ in range(RUNS):
            rates.append(sample_walks(graph, p, q, counts[0])[0])
            peer_rates.append(PeerRun(python, file, name, p, q, counts[1]).rate())
        ours, peer = statistics.median(rates) / 1e6, statistics.median(peer_rates) / 1e6
        case = f"{title}, p={p:g} q={q:g}{'' if graph is weighted else ', unweighted'}"
        cases.append(report.Case(case, ours, peer, name, bench_spark.UNIT, ours / peer, BARS[(p, q)]))
    return cases


def exact_distance(walks: NDArray[np.integer[Any]], edges: graphs.Edges, p: float, q: float) -> float:
    """Return the total variation distance of second-order steps to the exact rule, the mean over states by their visits."""
    n = int(edges[1].max()) + 1
    dense = np.zeros((n, n))
    dense[edges[0], edges[1]] = dense[edges[1], edges[0]] = edges[2]
    walks = walks.astype(np.int64)
    codes = (walks[:, :-2] * n + walks[:, 1:-1]) * n + walks[:, 2:]
    counts = np.bincount(codes.ravel(), minlength=n**3).reshape(n, n, n)
    total = 0.0
    for t in range(n):
        for v in range(n):
            expected = counts[t, v].sum() * transition.compute_transition_probabilities(dense, t, v, p, q)
            total += np.abs(counts[t, v] - expected).sum() / 2
    return float(total / counts.sum())


def compare_distances(scratch: Path, python: str, count: int) -> list[report.Case]:
    """Compare distances to the exact rule on a small weighted graph; sampling error is most of each."""
    edges = graphs.small_graph()
    file, output = scratch / "small.npz", scratch / "walks.npy"
    save_edges(file, edges)
    graph, cases = build_graph(edges), []
    for p, q in BIASES:
        ours = exact_distance(sample_walks(graph, p, q, count)[1], edges, p, q)
        name = "pecanpy" if p == q == 1 else "fastnode2vec"
        PeerRun(python, file, name, p, q, count).rate(str(output))
        peer = exact_distance(np.load(output), edges, p, q)
        case = f"distance to the exact rule, p={p:g} q={q:g}"
        cases.append(report.Case(case, ours, peer, name, "total variation", None, None))
    return cases


def measure_alias_tables(edges: graphs.Edges) -> report.Case:
    """Measure the building of alias tables."""
    both = np.append(edges[0], edges[1]), np.append(edges[1], edges[0]), np.append(edges[2], edges[2])
    n = int(edges[1].max()) + 1
    indptr, _, weights = csr.build_csr(*both, 0, n, n)
    seconds = []
    for _ in range(RUNS + 1):
        start_time = time.process_time()
        csr.build_alias_table(indptr, weights)
        seconds.append(time.process_time() - start_time)
    rate = len(weights) / statistics.median(seconds[1:]) / 1e6  # the first run compiles
    return report.Case("alias tables", rate, None, "no peer; bar 60", "M edges per CPU s", None, None)


def main() -> None:
    """Run every case."""
    python, is_small = sys.argv[1], "small" in sys.argv[2:]
    scale = 10 if is_small else 1
    with tempfile.TemporaryDirectory() as folder:
        file, tenth = Path(folder, "graph.npz"), Path(folder, "tenth.npz")
        large = graphs.chung_lu(200_000 // scale, 4_200_000 // scale, 0)
        cases = compare_rates("power law", large, file, python, (50_000 // scale, 20_000 // scale))
        fastnode2vec_rate = next(c.peer for c in cases if c.peer_name == "fastnode2vec" and "p=0.5 q=2" in c.case)
        spark_cases = bench_spark.measure_jobs(file, fastnode2vec_rate or 0.0) + bench_spark.measure_partitions(file)
        save_edges(tenth, graphs.chung_lu(20_000, 420_000, 0))
        spark_cases += bench_spark.compare_joins(tenth) + bench_spark.measure_compilation(is_small)
        dense = graphs.chung_lu(10_000, 340_000, 0)
        cases += compare_rates("small and dense", dense, file, python, (50_000 // scale, 20_000 // scale))
        cases += compare_distances(Path(folder), python, 20_000 // scale)
        cases += [measure_alias_tables(large), *spark_cases]
    peers = Path(__file__).with_name("requirements.txt").read_text()
    report.publish("walks", cases, ("numba", "numpy", "pyspark"), peers=peers)


if __name__ == "__main__":
    main()
