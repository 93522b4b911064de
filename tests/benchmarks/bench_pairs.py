"""From interactions to edges: the jobs pairs and edges against a self-join in Spark and scipy's Gram matrix in mapInArrow.

usage: bench_pairs.py [small]     (make bench-pairs)

Every side reads the same Parquet tables and leaves the same edges in Parquet, which is checked; CPU seconds are those of all
processes, without the session's start.
"""

import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_spark
import interactions_made
import pairs_lake
import report

RUNS = 3
SHARE = 0.03  # of the users of L, for the self-join: about 150 million increments
SAMPLE = f"{SHARE:.0%} of L's users, by hash"
PEERS = {"self_join": "self-join in Spark", "gram": "scipy's Gram in mapInArrow"}
BARS: dict[str, dict[str, float | None]] = {
    "S": {"self_join": 20.0, "gram": 2.0},
    "M": {"self_join": 20.0, "gram": 2.0},
    "L": {"gram": 3.0},
    SAMPLE: {"self_join": None},
}


@dataclass(frozen=True)
class Taken:
    """What one size took: the edges, and the lines of each side's runs."""

    name: str
    lake: pairs_lake.Lake
    edges: int
    lines: dict[str, list[dict[str, Any]]]

    @property
    def title(self) -> str:
        """The size, in a case's words."""
        return f"{self.name} ({self.lake.rows:,} rows, {self.lake.increments / 1e9:.3g}e9 increments, {self.edges:,} edges)"

    def seconds(self, side: str, of: tuple[str, ...] = ("jvm", "python"), stage: str = "") -> float:
        """CPU seconds of a side, or of one stage of it: the median of its runs."""
        runs: dict[int, float] = {}
        for line in self.lines[side]:
            if stage in ("", line["stage"]):
                runs[line["run"]] = runs.get(line["run"], 0.0) + sum(line[name] for name in of)
        return statistics.median(runs.values())

    def gib(self, side: str) -> float:
        """The most memory that a side's Python processes held."""
        return max(float(line["gib"]) for line in self.lines[side])


def measured(name: str, lake: pairs_lake.Lake, **runs: int) -> Taken:
    """Run the sides in turn, each as often as it says; then compare their edges, and remove the lake and them."""
    lines: dict[str, list[dict[str, Any]]] = {}
    asked = [f"{side}={count}" for side, count in runs.items()]
    for line in bench_spark.submitted("pairs_in_turn.py", lake.root, *asked):
        if line["run"] != "warm-up":
            lines.setdefault(line["side"], []).append(line)
    folders = {side: lake.root.with_name(f"{lake.root.name}-{side}") for side in lines}
    folders["ours"] = lake.root / "edges"
    taken = Taken(name, lake, pairs_lake.same(lake, folders), lines)
    for folder in (lake.root, *folders.values()):
        shutil.rmtree(folder, ignore_errors=True)
    cost = ", ".join(f"{side} {taken.seconds(side):.1f} CPU s, {taken.gib(side):.2f} GiB" for side in lines)
    print(f"{taken.title}: {cost}", flush=True)
    return taken


def compared(taken: Taken) -> list[report.Case]:
    """A size's cases: ours against each peer."""
    mine, cases = taken.seconds("ours"), []
    for side, bar in BARS[taken.name].items():
        theirs = taken.seconds(side)
        cases.append(report.Case(taken.title, mine, theirs, PEERS[side], "CPU s", theirs / mine, bar))
    return cases


def alone(large: Taken) -> list[report.Case]:
    """What the largest size takes of CPU and memory, and where."""
    cases = [report.Case("L, CPU seconds", large.seconds("ours"), None, "no peer; bar 120", "CPU s", None, None)]
    for stage in ("pairs", "edges"):
        for key, name in (("jvm", "JVM"), ("python", "Python")):
            seconds = large.seconds("ours", (key,), stage)
            cases.append(report.Case(f"of which the job {stage}, {name}", seconds, None, "no peer", "CPU s", None, None))
    memory = "L, peak memory of all Python processes", large.gib("ours"), large.gib("gram")
    return [*cases, report.Case(*memory, f"{PEERS['gram']}; bar 4 GiB", "GiB", None, None)]


def growth(taken: Taken) -> report.Case:
    """How the CPU grows with the increments."""
    rate = taken.seconds("ours") / taken.lake.increments * 1e9
    return report.Case(f"{taken.name}, by increments", rate, None, "no peer", "CPU s per 1e9 increments", None, None)


def main() -> None:
    """Run every case."""
    small = "small" in sys.argv[1:]
    sizes = {name: size.tenth() if small else size for name, size in interactions_made.SIZES.items()}
    everyone: list[Taken] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("S", "M"):
            lake = pairs_lake.written(Path(scratch, name), *interactions_made.made(sizes[name], 0))
            everyone.append(measured(name, lake, ours=RUNS, gram=RUNS, self_join=1))
        user, item = interactions_made.made(sizes["L"], 0)
        lake = pairs_lake.written(Path(scratch, "L"), user, item)
        some = pairs_lake.written(Path(scratch, "sample"), *interactions_made.some_users(user, item, SHARE))
        del user, item
        large = measured("L", lake, ours=RUNS, gram=1)
        sample = measured(SAMPLE, some, ours=RUNS, self_join=1)
    cases = [case for taken in (*everyone, large, sample) for case in compared(taken)]
    cases += alone(large) + [growth(taken) for taken in (*everyone, large)]
    report.publish("pairs", cases, ("numba", "numpy", "pandas", "pyarrow", "pyspark", "scipy"))


if __name__ == "__main__":
    main()
