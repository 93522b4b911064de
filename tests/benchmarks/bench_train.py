"""The job train against gensim, a loop in torch, Spark's MLlib on the same walks: rates, F1; workers, processes, memory, a GPU.

usage: bench_train.py PEERS_PYTHON [small] [CASES...]     (make bench-train; CASES: gensim workers processes loops memory gpu)

One thread a side. CPU seconds of training alone: ours from the job's log, gensim's of train(). Walks 10 x 80 from each node,
p = q = 1; dim 128, window 10, 5 negatives, one epoch, rate 0.025, no subsampling; the other keys are at their defaults.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_gpu
import bench_spark
import graphs
import numpy as np
import report
import train_runs
from f1_cases import Scores, compare_f1
from numpy.typing import NDArray
from train_runs import LabelledGraph, Lake

PEERS = Path(__file__).with_name("peers_train.py")
CPU, WALL = "k tokens per CPU s", "k tokens per wall s"


@dataclass(frozen=True)
class Scale:
    """The sizes of the cases.

    nodes, edges, groups: of the planted graph. seeds, splits: that are averaged over. torch, mllib: walks that these peers
    train on. longer: walks a node of the longer run.
    """

    nodes: int = 10_000
    edges: int = 330_000
    groups: int = 100
    seeds: int = 3
    splits: int = 10
    torch: int = 1_000
    mllib: int = 10_000
    longer: int = 40


SMALL = Scale(2_000, 66_000, 20, 1, 3, 200, 2_000, 40)


@dataclass
class Bench:
    """The sides' runs in a scratch folder. lakes: by graph, seed and walks a node, written once."""

    python: str
    scale: Scale
    scratch: Path
    lakes: dict[tuple[str, int, int], Lake] = field(default_factory=dict)

    def seeds(self) -> range:
        """Return the seeds of the walks and of training."""
        return range(1, self.scale.seeds + 1)

    def planted(self) -> LabelledGraph:
        """Return the planted graph."""
        scale = self.scale
        edges, labels = graphs.planted_partition(scale.nodes, scale.edges, scale.groups, 5)
        return train_runs.number_nodes("planted", edges, labels)

    def lake(self, graph: LabelledGraph, seed: int, num_walks: int = 10) -> Lake:
        """Return the lake of a seed's walks."""
        key = graph.name, seed, num_walks
        if key not in self.lakes:
            self.lakes[key] = train_runs.write_lake(self.scratch / "-".join(map(str, key)), graph, seed, num_walks)
        return self.lakes[key]

    def run_peer(self, *arguments: object) -> dict[str, Any]:
        """Run a script in the peers' environment; return its JSON line."""
        command, environment = [self.python, str(PEERS), *map(str, arguments)], os.environ | train_runs.ONE_THREAD
        process = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {process.stderr.strip().splitlines()[-1]}")
        return dict(json.loads(process.stdout.splitlines()[-1]))

    def score(self, vectors: NDArray[np.float32], labels: NDArray[np.bool_]) -> Scores:
        """Return micro and macro F1, the mean over the splits."""
        np.save(self.scratch / "labels.npy", labels)
        np.save(self.scratch / "vectors.npy", vectors)
        scores = self.run_peer("f1", self.scratch / "labels.npy", self.scratch / "vectors.npy", self.scale.splits)
        return {average: statistics.fmean(values) for average, values in scores.items()}


def log(text: str) -> None:
    """Print a line of progress."""
    print(text, flush=True)


def compare_gensim(bench: Bench) -> list[report.Case]:
    """Compare rates and F1 on each graph, both sides in turn over the seeds; and measure the time to the first batch."""
    cases, waits = [], []
    for name in ("planted", "ppi", "cora"):
        graph = bench.planted() if name == "planted" else train_runs.read_graph(name)
        if graph is None:
            log(f"{name}: skipped: no data")
            continue
        rates: dict[str, list[float]] = {"ours": [], "gensim": []}
        scores: dict[str, list[Scores]] = {"ours": [], "gensim": []}
        for seed in bench.seeds():
            lake, out = bench.lake(graph, seed), bench.scratch / "gensim.npy"
            run = train_runs.run_train(lake)
            waits.append(float(run.start["to_first_batch"]))
            rates["ours"].append(run.cpu_rate)
            rates["gensim"].append(bench.run_peer("gensim", lake.save_walks(), seed, out)["rate"] / 1e3)
            scores["ours"].append(bench.score(run.vectors(), graph.labels))
            scores["gensim"].append(bench.score(np.load(out), graph.labels))
            for side in rates:
                log(f"{name}, seed {seed}, {side}: {rates[side][-1]:.4g} {CPU}, F1 {scores[side][-1]}")
        ours, peer = (statistics.median(rates[side]) for side in rates)
        cases.append(report.Case(f"{name}, one worker", ours, peer, "gensim", CPU, ours / peer, 2.5))
        cases += compare_f1(name, scores["ours"], scores["gensim"], "gensim")
    wait = statistics.median(waits)
    return [*cases, report.Case("from the imports to the first batch", wait, None, "no peer; bar 3 s", "s", None, None)]


def run_values(bench: Bench, key: str, values: tuple[Any, ...], **keys: object) -> tuple[list[float], list[list[Scores]]]:
    """Train on the planted walks of each seed with each value of a key in turn; return by value (median rate, scores)."""
    rates: list[list[float]] = [[] for _ in values]
    scores: list[list[Scores]] = [[] for _ in values]
    for seed in bench.seeds():
        lake = bench.lake(bench.planted(), seed)
        for k, value in enumerate(values):
            run = train_runs.run_train(lake, **({"deterministic": "false", **keys, key: value}))
            rates[k].append(run.wall_rate)
            scores[k].append(bench.score(run.vectors(), lake.graph.labels))
            f1 = scores[k][-1]
            log(f"planted, seed {seed}, {key} {value}: {run.wall_rate:.4g} {WALL}, {run.cpu_rate:.4g} {CPU}, F1 {f1}")
    return [statistics.median(values_rates) for values_rates in rates], scores


def compare_workers(bench: Bench) -> list[report.Case]:
    """Compare two workers with one."""
    (one_rate, two_rate), (one_scores, two_scores) = run_values(bench, "workers", (1, 2))
    case = report.Case("planted, two workers", two_rate, one_rate, "one worker", WALL, two_rate / one_rate, 1.6)
    return [case, *compare_f1("planted, two workers", two_scores, one_scores, "one worker")]


def compare_processes(bench: Bench) -> list[report.Case]:
    """Compare two and four processes of one worker with one: F1, and tokens per wall second on two cores."""
    (one_rate, *rates), (one_scores, *scores) = run_values(bench, "num_processes", (1, 2, 4), workers=1)
    cases = []
    for count, rate, score in zip((2, 4), rates, scores, strict=True):
        title = f"planted, {count} processes"
        cases.append(report.Case(title, rate, one_rate, "one process", WALL, rate / one_rate, None))
        cases += compare_f1(title, score, one_scores, "one process")
    return cases


def compare_loops(bench: Bench) -> list[report.Case]:
    """Compare with a plain loop in torch and with MLlib, each on a part of the planted walks, since they take long."""
    rates: dict[str, list[float]] = {"ours": [], "torch": [], "MLlib": []}
    for seed in bench.seeds():
        lake = bench.lake(bench.planted(), seed)
        rates["ours"].append(train_runs.run_train(lake).cpu_rate)
        rates["torch"].append(measure_torch(lake.save_walks(bench.scale.torch)))
        rates["MLlib"].append(measure_mllib(lake.save_walks(bench.scale.mllib)))
        log(f"planted, seed {seed}: {', '.join(f'{side} {values[-1]:.4g}' for side, values in rates.items())} {CPU}")
    ours, torch, mllib = (statistics.median(values) for values in rates.values())
    num_walks = len(lake.rows)
    pairs, softmax = "pair list and SparseAdam in torch", "MLlib, hierarchical softmax"
    torch_title, mllib_title = (
        f"planted, peer on {n:,} of {num_walks:,} walks" for n in (bench.scale.torch, bench.scale.mllib)
    )
    return [
        report.Case(torch_title, ours, torch, pairs, CPU, ours / torch, 50.0),
        report.Case(mllib_title, ours, mllib, softmax, CPU, ours / mllib, 15.0),
    ]


def measure_torch(walks: Path) -> float:
    """Return the thousands of tokens per CPU second of the loop in torch."""
    command = [sys.executable, str(Path(__file__).with_name("peer_torch.py")), str(walks)]
    return float(bench_spark.run_command(command, **train_runs.ONE_THREAD)[-1]["rate"]) / 1e3


def measure_mllib(walks: Path) -> float:
    """Return the thousands of tokens per CPU second of MLlib's JVM."""
    return float(bench_spark.submit_script("peer_mllib.py", walks, cores=1)[-1]["rate"]) / 1e3


def measure_memory(bench: Bench) -> list[report.Case]:
    """Measure the memory beside torch and both tables, with few walks and with many."""
    graph = bench.planted()
    base, cases = train_runs.measure_tables(len(graph.labels)), []
    for num_walks in (10, bench.scale.longer):
        lake = bench.lake(graph, 1, num_walks)
        above = train_runs.run_train(lake).mib - base
        log(f"planted, {num_walks} walks a node: {above:.0f} MiB above {base:.0f}")
        title = f"planted, {lake.tokens / 1e6:.3g}M tokens, memory above torch's"
        cases.append(report.Case(title, above, base, "peer: torch and both tables alone; bar 256 MiB", "MiB", None, None))
    return cases


def compare_gpu(bench: Bench) -> list[report.Case]:
    """Compare the GPU with the CPU on the planted walks, if there is a GPU."""
    if not bench_gpu.has_gpu():
        log("gpu: skipped: there is none")
        return []
    (cpu_rate, gpu_rate), (cpu_scores, gpu_scores) = run_values(bench, "device", ("cpu", "cuda"))
    return [
        report.Case("planted, GPU", gpu_rate, cpu_rate, "CPU, one worker", WALL, gpu_rate / cpu_rate, None),
        *compare_f1("planted, GPU", gpu_scores, cpu_scores, "CPU, one worker"),
        bench_gpu.bandwidth_case(1e3 * gpu_rate, train_runs.DIM),
    ]


CASES: dict[str, Callable[[Bench], list[report.Case]]] = {
    "gensim": compare_gensim,
    "workers": compare_workers,
    "processes": compare_processes,
    "loops": compare_loops,
    "memory": measure_memory,
    "gpu": compare_gpu,
}


def main() -> None:
    """Run every case, or those that are named."""
    python, is_small, names = sys.argv[1], "small" in sys.argv[2:], [name for name in sys.argv[2:] if name != "small"]
    if set(names) - set(CASES):
        raise SystemExit(f"{', '.join(names)}: cases are {', '.join(CASES)}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(python, SMALL if is_small else Scale(), Path(folder))
        tiny = train_runs.number_nodes("tiny", *graphs.planted_partition(100, 500, 4, 0))
        train_runs.run_train(bench.lake(tiny, 1))  # compiles the kernels, or loads them
        cases = [case for name in names or CASES for case in CASES[name](bench)]
    peers = Path(__file__).with_name("requirements.txt").read_text()
    report.publish("train", cases, ("numba", "numpy", "torch", "pyspark"), peers=peers)


if __name__ == "__main__":
    main()
