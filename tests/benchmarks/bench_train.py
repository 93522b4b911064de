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
import trainings
from numpy.typing import NDArray
from trainings import Labelled, Lake

PEERS = Path(__file__).with_name("peers_train.py")
LEAST = 0.005  # of F1, by which the means may differ whatever their spread
CPU, WALL = "k tokens per CPU s", "k tokens per wall s"


@dataclass(frozen=True)
class Scale:
    """Sizes: of the planted graph, what is averaged over, the peers' parts of its walks, walks a node of the longer run."""

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
    """The sides' runs on a folder of scratch. lakes: by graph and seed, made once."""

    python: str
    scale: Scale
    scratch: Path
    kept: dict[tuple[str, int, int], Lake] = field(default_factory=dict)

    def seeds(self) -> range:
        """Of the walks and of training."""
        return range(1, self.scale.seeds + 1)

    def planted(self) -> Labelled:
        """The planted graph."""
        scale = self.scale
        return trainings.labelled("planted", *graphs.planted(scale.nodes, scale.edges, scale.groups, 5))

    def lake(self, of: Labelled, seed: int, num_walks: int = 10) -> Lake:
        """The walks of a seed."""
        key = of.name, seed, num_walks
        if key not in self.kept:
            self.kept[key] = trainings.written(self.scratch / "-".join(map(str, key)), of, seed, num_walks)
        return self.kept[key]

    def peer(self, *arguments: object) -> dict[str, Any]:
        """What a process in the peers' environment says."""
        command, environment = [self.python, str(PEERS), *map(str, arguments)], os.environ | trainings.ONE_THREAD
        done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def scores(self, vectors: NDArray[np.float32], labels: NDArray[np.bool_]) -> dict[str, float]:
        """micro and macro F1, the mean over the splits."""
        np.save(self.scratch / "labels.npy", labels)
        np.save(self.scratch / "vectors.npy", vectors)
        found = self.peer("f1", self.scratch / "labels.npy", self.scratch / "vectors.npy", self.scale.splits)
        return {how: statistics.fmean(values) for how, values in found.items()}


def say(text: str) -> None:
    """A line for who waits."""
    print(text, flush=True)


def f1_cases(title: str, mine: list[dict[str, float]], theirs: list[dict[str, float]], name: str) -> list[report.Case]:
    """Means over the seeds, and whether ours is lower by more than LEAST and two standard errors of the paired difference."""
    cases = []
    for how in ("micro", "macro"):
        apart = [a[how] - b[how] for a, b in zip(mine, theirs, strict=True)]
        spread = 2 * statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else None
        mean, may = statistics.fmean(apart), max(LEAST, spread or 0.0)
        word = "pass" if mean >= -may else "MISS"
        error = f"2 SE {spread:.4f}" if spread is not None else "one seed"
        note = f"{name}; {word}: {mean:+.4f} ({error}, may be {-may:.4f})"
        ours, other = (statistics.fmean(side[how] for side in sides) for sides in (mine, theirs))
        cases.append(report.Case(f"{title}, {how}-F1", ours, other, note, f"{how}-F1", None, None))
    return cases


def gensim(bench: Bench) -> list[report.Case]:
    """Rates and F1 on each graph, both sides in turn over the seeds; and the time to the first batch."""
    cases, waits = [], []
    for name in ("planted", "ppi", "cora"):
        of = bench.planted() if name == "planted" else trainings.real(name)
        if of is None:
            say(f"{name}: skipped: no data")
            continue
        rates: dict[str, list[float]] = {"ours": [], "gensim": []}
        scores: dict[str, list[dict[str, float]]] = {"ours": [], "gensim": []}
        for seed in bench.seeds():
            lake, out = bench.lake(of, seed), bench.scratch / "gensim.npy"
            mine = trainings.trained(lake)
            waits.append(float(mine.start["to_first_batch"]))
            rates["ours"].append(mine.per_cpu)
            rates["gensim"].append(bench.peer("gensim", lake.file(), seed, out)["rate"] / 1e3)
            scores["ours"].append(bench.scores(mine.vectors(), of.labels))
            scores["gensim"].append(bench.scores(np.load(out), of.labels))
            for side in rates:
                say(f"{name}, seed {seed}, {side}: {rates[side][-1]:.4g} {CPU}, F1 {scores[side][-1]}")
        ours, theirs = (statistics.median(rates[side]) for side in rates)
        cases.append(report.Case(f"{name}, one worker", ours, theirs, "gensim", CPU, ours / theirs, 2.5))
        cases += f1_cases(name, scores["ours"], scores["gensim"], "gensim")
    wait = statistics.median(waits)
    return [*cases, report.Case("from the imports to the first batch", wait, None, "no peer; bar 3 s", "s", None, None)]


def over_seeds(
    bench: Bench, key: str, values: tuple[Any, ...], **more: object
) -> tuple[list[float], list[list[dict[str, float]]]]:
    """Train on the planted walks of each seed with each value of a key in turn; by value the median rate, and the scores."""
    rates: list[list[float]] = [[] for _ in values]
    scores: list[list[dict[str, float]]] = [[] for _ in values]
    for seed in bench.seeds():
        lake = bench.lake(bench.planted(), seed)
        for value, rate, score in zip(values, rates, scores, strict=True):
            run = trainings.trained(lake, **({"deterministic": "false", **more, key: value}))
            rate.append(run.per_wall)
            score.append(bench.scores(run.vectors(), lake.of.labels))
            say(f"planted, seed {seed}, {key} {value}: {run.per_wall:.4g} {WALL}, {run.per_cpu:.4g} {CPU}, F1 {score[-1]}")
    return [statistics.median(rate) for rate in rates], scores


def workers(bench: Bench) -> list[report.Case]:
    """Two workers against one."""
    (one, two), (alone, both) = over_seeds(bench, "workers", (1, 2))
    cases = [report.Case("planted, two workers", two, one, "one worker", WALL, two / one, 1.6)]
    return cases + f1_cases("planted, two workers", both, alone, "one worker")


def processes(bench: Bench) -> list[report.Case]:
    """Two and four processes, one worker each, against one: their F1, and tokens per wall second where they share two cores."""
    (one, *rates), (alone, *scores) = over_seeds(bench, "torchrun", (1, 2, 4), workers=1)
    cases = []
    for count, rate, score in zip((2, 4), rates, scores, strict=True):
        cases.append(report.Case(f"planted, {count} processes", rate, one, "one process", WALL, rate / one, None))
        cases += f1_cases(f"planted, {count} processes", score, alone, "one process")
    return cases


def loops(bench: Bench) -> list[report.Case]:
    """A plain loop in torch and MLlib, on parts of the planted walks, since they take long; ours on all of them."""
    rates: dict[str, list[float]] = {"ours": [], "torch": [], "MLlib": []}
    for seed in bench.seeds():
        lake = bench.lake(bench.planted(), seed)
        rates["ours"].append(trainings.trained(lake).per_cpu)
        rates["torch"].append(torch_loop(lake.file(bench.scale.torch)))
        rates["MLlib"].append(mllib(lake.file(bench.scale.mllib)))
        say(f"planted, seed {seed}: {', '.join(f'{side} {each[-1]:.4g}' for side, each in rates.items())} {CPU}")
    ours, torch, spark = (statistics.median(each) for each in rates.values())
    whole = len(lake.rows)
    pairs, tree = "pair list and SparseAdam in torch", "MLlib, hierarchical softmax"
    return [
        report.Case(f"planted, peer on {bench.scale.torch:,} of {whole:,} walks", ours, torch, pairs, CPU, ours / torch, 50.0),
        report.Case(f"planted, peer on {bench.scale.mllib:,} of {whole:,} walks", ours, spark, tree, CPU, ours / spark, 15.0),
    ]


def torch_loop(walks: Path) -> float:
    """Its thousands of tokens per CPU second."""
    command = [sys.executable, str(Path(__file__).with_name("peer_torch.py")), str(walks)]
    return float(bench_spark.lines(command, **trainings.ONE_THREAD)[-1]["rate"]) / 1e3


def mllib(walks: Path) -> float:
    """Its thousands of tokens per CPU second of the JVM."""
    return float(bench_spark.submitted("peer_mllib.py", walks, cores=1)[-1]["rate"]) / 1e3


def memory(bench: Bench) -> list[report.Case]:
    """What the process holds beside torch and both tables, with few walks and many."""
    of = bench.planted()
    base, cases = trainings.tables_alone(len(of.labels)), []
    for count in (10, bench.scale.longer):
        lake = bench.lake(of, 1, count)
        above = trainings.trained(lake).mib - base
        say(f"planted, {count} walks a node: {above:.0f} MiB above {base:.0f}")
        title = f"planted, {lake.tokens / 1e6:.3g}M tokens, memory above torch's"
        cases.append(report.Case(title, above, base, "peer: torch and both tables alone; bar 256 MiB", "MiB", None, None))
    return cases


def gpu(bench: Bench) -> list[report.Case]:
    """The GPU against the CPU on the planted walks, where there is one."""
    if not bench_gpu.available():
        say("gpu: skipped: there is none")
        return []
    (cpu, cuda), (slow, fast) = over_seeds(bench, "device", ("cpu", "cuda"))
    return [
        report.Case("planted, GPU", cuda, cpu, "CPU, one worker", WALL, cuda / cpu, None),
        *f1_cases("planted, GPU", fast, slow, "CPU, one worker"),
        bench_gpu.bound(1e3 * cuda, int(trainings.SETTINGS["dim"])),
    ]


def main() -> None:
    """Run every case, or those that are named."""
    cases: dict[str, Callable[[Bench], list[report.Case]]]
    cases = {"gensim": gensim, "workers": workers, "processes": processes, "loops": loops, "memory": memory, "gpu": gpu}
    python, small, named = sys.argv[1], "small" in sys.argv[2:], [name for name in sys.argv[2:] if name != "small"]
    if set(named) - set(cases):
        raise SystemExit(f"{', '.join(named)}: cases are {', '.join(cases)}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(python, SMALL if small else Scale(), Path(folder))
        tiny = trainings.labelled("tiny", *graphs.planted(100, 500, 4, 0))
        trainings.trained(bench.lake(tiny, 1))  # compiles, or loads what is compiled
        found = [case for name in named or cases for case in cases[name](bench)]
    report.publish(
        "train", found, ("numba", "numpy", "torch", "pyspark"), peers=Path(__file__).with_name("requirements.txt").read_text()
    )


if __name__ == "__main__":
    main()
