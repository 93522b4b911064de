"""From interactions to edges: the jobs baskets and edges against a self-join in Spark and scipy's Gram matrix in mapInArrow.

usage: bench_pairs.py [small]     (make bench-pairs)

Every side reads the same Parquet tables and writes the same edges to Parquet, which is checked. CPU seconds are those of all
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
import pairs_lake
import report
import synthetic_interactions

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
class Measurement:
    """The measurements of one size: the number of edges, and by side the lines of its runs."""

    name: str
    lake: pairs_lake.Lake
    edges: int
    lines: dict[str, list[dict[str, Any]]]

    @property
    def title(self) -> str:
        """The case's title: the size and its counts."""
        return f"{self.name} ({self.lake.rows:,} rows, {self.lake.increments / 1e9:.3g}e9 increments, {self.edges:,} edges)"

    def cpu_seconds(self, side: str, columns: tuple[str, ...] = ("jvm", "python"), stage: str = "") -> float:
        """Return the CPU seconds of a side, or of one stage of it: the median of its runs."""
        runs: dict[int, float] = {}
        for line in self.lines[side]:
            if stage in ("", line["stage"]):
                runs[line["run"]] = runs.get(line["run"], 0.0) + sum(line[name] for name in columns)
        return statistics.median(runs.values())

    def peak_gib(self, side: str) -> float:
        """Return the peak memory of a side's Python processes."""
        return max(float(line["gib"]) for line in self.lines[side])


def measure_sides(name: str, lake: pairs_lake.Lake, **runs: int) -> Measurement:
    """Run the sides in turn, each `runs[side]` times; compare their edges; remove the lake and the edges."""
    lines: dict[str, list[dict[str, Any]]] = {}
    arguments = [f"{side}={count}" for side, count in runs.items()]
    for line in bench_spark.submit_script("pairs_runs.py", lake.root, *arguments):
        if line["run"] != "warm-up":
            lines.setdefault(line["side"], []).append(line)
    folders = {side: lake.root.with_name(f"{lake.root.name}-{side}") for side in lines}
    folders["ours"] = lake.root / "edges"
    measurement = Measurement(name, lake, pairs_lake.compare_edges(lake, folders), lines)
    for folder in (lake.root, *folders.values()):
        shutil.rmtree(folder, ignore_errors=True)
    costs = (f"{side} {measurement.cpu_seconds(side):.1f} CPU s, {measurement.peak_gib(side):.2f} GiB" for side in lines)
    print(f"{measurement.title}: {', '.join(costs)}", flush=True)
    return measurement


def compare_peers(measurement: Measurement) -> list[report.Case]:
    """Compare walkgram with each peer at one size."""
    ours, cases = measurement.cpu_seconds("ours"), []
    for side, bar in BARS[measurement.name].items():
        peer = measurement.cpu_seconds(side)
        cases.append(report.Case(measurement.title, ours, peer, PEERS[side], "CPU s", peer / ours, bar))
    return cases


def list_costs(large: Measurement) -> list[report.Case]:
    """List the CPU seconds of the largest size, by job and process, and its memory."""
    cases = [report.Case("L, CPU seconds", large.cpu_seconds("ours"), None, "no peer; bar 120", "CPU s", None, None)]
    for stage in ("baskets", "edges"):
        for key, name in (("jvm", "JVM"), ("python", "Python")):
            seconds = large.cpu_seconds("ours", (key,), stage)
            cases.append(report.Case(f"of which the job {stage}, {name}", seconds, None, "no peer", "CPU s", None, None))
    memory = "L, peak memory of all Python processes", large.peak_gib("ours"), large.peak_gib("gram")
    return [*cases, report.Case(*memory, f"{PEERS['gram']}; bar 4 GiB", "GiB", None, None)]


def increments_case(measurement: Measurement) -> report.Case:
    """Return CPU seconds per 1e9 increments."""
    rate = measurement.cpu_seconds("ours") / measurement.lake.increments * 1e9
    return report.Case(f"{measurement.name}, by increments", rate, None, "no peer", "CPU s per 1e9 increments", None, None)


def main() -> None:
    """Run every case."""
    is_small = "small" in sys.argv[1:]
    sizes = {name: size.tenth() if is_small else size for name, size in synthetic_interactions.SIZES.items()}
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("S", "M"):
            lake = pairs_lake.write_lake(Path(scratch, name), *synthetic_interactions.generate_interactions(sizes[name], 0))
            measurements.append(measure_sides(name, lake, ours=RUNS, gram=RUNS, self_join=1))
        user, item = synthetic_interactions.generate_interactions(sizes["L"], 0)
        large_lake = pairs_lake.write_lake(Path(scratch, "L"), user, item)
        sample_lake = pairs_lake.write_lake(Path(scratch, "sample"), *synthetic_interactions.sample_users(user, item, SHARE))
        del user, item
        large = measure_sides("L", large_lake, ours=RUNS, gram=1)
        sample = measure_sides(SAMPLE, sample_lake, ours=RUNS, self_join=1)
    cases = [case for measurement in (*measurements, large, sample) for case in compare_peers(measurement)]
    cases += list_costs(large) + [increments_case(measurement) for measurement in (*measurements, large)]
    report.publish("pairs", cases, ("numba", "numpy", "pandas", "pyarrow", "pyspark", "scipy"))


if __name__ == "__main__":
    main()
