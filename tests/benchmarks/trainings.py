"""Labelled graphs, lakes of walks on them, and what the job train made of such a lake: its rates, vectors and memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graphs
import lakes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import report
from numpy.typing import NDArray

from walkgram import tables
from walkgram.config.graph import Walks
from walkgram.kernels.graph import csr
from walkgram.kernels.walks import walk
from walkgram.lake import parquet
from walkgram.lake.manifest import make_manifest
from walkgram.lake.shards import Shards
from walkgram.lake.transaction import Transaction
from walkgram.stages.walks import walks

SHARED = Path(os.environ.get("WALKGRAM_DATA", report.ROOT.parent / "shared" / "data"))
LENGTH = 80
SETTINGS = {"dim": 128, "epochs": 1, "window": 10, "negatives": 5, "skipgram.learning_rate": 0.025}
HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # of torch and BLAS; how many workers there are is train.workers
TABLES = "import torch; tables = torch.ones(2, {}, {})"


@dataclass(frozen=True)
class Labelled:
    """A graph whose node i is the vocabulary's index i. labels (n, kinds) bool."""

    name: str
    graph: walk.WalkGraph
    degree: NDArray[np.int64]
    labels: NDArray[np.bool_]


def labelled(name: str, edges: graphs.Edges, labels: NDArray[np.bool_]) -> Labelled:
    """Number the nodes by falling degree, as the job load_edges does."""
    src, dst, weight = edges
    n = len(labels)
    degree = np.bincount(np.append(src, dst), minlength=n)
    order = np.lexsort((np.arange(n), -degree))
    index = np.argsort(order)
    both = index[np.append(src, dst)], index[np.append(dst, src)], np.append(weight, weight)
    return Labelled(name, walk.build_walk_graph(*csr.build_csr(*both, 0, n, n), True), degree[order], labels[order])


def real(name: str) -> Labelled | None:
    """A graph of the shared data, without self loops; None where the data is not there."""
    folder = SHARED / "graphs" / name
    if not (folder / "edges.parquet").exists():
        return None
    edges, held = pq.read_table(folder / "edges.parquet"), pq.read_table(folder / "labels.parquet")
    src, dst = edges["src"].to_numpy(), edges["dst"].to_numpy()
    ids, ends = np.unique(np.append(src, dst), return_inverse=True)
    src, dst = ends[: len(src)], ends[len(src) :]
    kinds, kind = np.unique(held["label"].to_numpy(), return_inverse=True)
    known = np.isin(held["id"].to_numpy(), ids)
    labels = np.zeros((len(ids), len(kinds)), np.bool_)
    labels[np.searchsorted(ids, held["id"].to_numpy()[known]), kind[known]] = True
    return labelled(name, (src[src != dst], dst[src != dst], np.ones(int((src != dst).sum()))), labels)


@dataclass(frozen=True)
class Lake:
    """The tables that the job train reads, and the same walks in drawn order for the peers. rows (walks, LENGTH) int32."""

    root: Path
    of: Labelled
    seed: int
    rows: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """Nodes of all walks."""
        return int(self.lengths.sum())

    def file(self, count: int = 0) -> Path:
        """`count` of the walks (all where it is 0) and the labels, for a peer's process."""
        place = self.root.with_name(f"{self.root.name}-{count}.npz")
        if not place.exists():
            kept = slice(count or None)
            np.savez(place, walks=self.rows[kept], lengths=self.lengths[kept], nodes=len(self.of.labels))
        return place


def written(root: Path, of: Labelled, seed: int, num_walks: int = 10) -> Lake:
    """Walk with p = q = 1, and write the tables vocabulary, walks and tokens as the jobs do."""
    n, starts = len(of.labels), np.flatnonzero(of.degree)
    words = [np.arange(n), np.arange(n), of.degree]
    lakes.written(root, "load_edges", {"vocabulary": pa.table(words, schema=tables.table_schema("vocabulary", pa.int64()))}, 1)
    plan = walks.WalkPlan(Walks(num_walks=num_walks, walk_length=LENGTH, seed=seed), len(starts), n)
    seen, made = walks.VisitCounter(n), []

    def groups(shard: int) -> Iterator[pa.RecordBatch]:
        for ids in plan.groups(shard):
            made.append(walk.sample_walks(of.graph, starts[ids % len(starts)], ids, seed, 1.0, 1.0, LENGTH))
            yield seen.row_group(ids, *made[-1])

    with Transaction(str(root), make_manifest("walks", {}, {}, "benchmark"), ("walks", "node_visits")) as out:
        sink = Shards(out.folder("walks"), f"{out.staging}/aside", walks.walks_schema(n))
        for shard in range(plan.shards):
            sink.write(shard, groups(shard))
        out.rows["walks"] = plan.total
        out.rows["node_visits"] = parquet.write_table(
            out.folder("node_visits"), tables.table_schema("node_visits"), seen.rows()
        )
    order = np.random.default_rng(seed).permutation(plan.total)
    rows, lengths = (np.concatenate(parts)[order] for parts in zip(*made, strict=True))
    return Lake(root, of, seed, rows, lengths)


@dataclass(frozen=True)
class Trained:
    """What a run of the job train said and held: the log's lines `start` and the last `epoch`, its peak memory in MiB."""

    root: Path
    start: dict[str, Any]
    last: dict[str, Any]
    mib: float

    @property
    def per_cpu(self) -> float:
        """Thousands of tokens per CPU second of training."""
        return float(self.last["tokens"] / self.last["cpu_seconds"]) / 1e3

    @property
    def per_wall(self) -> float:
        """Thousands of tokens per wall second of training."""
        return float(self.last["tokens"] / self.last["seconds"]) / 1e3

    def vectors(self) -> NDArray[np.float32]:
        """(n, dim), by the vocabulary's index; zeros for a node that is in no walk."""
        found = pq.read_table(self.root / "embeddings", columns=["item_id", "vector"])
        n = pq.ParquetFile(next((self.root / "vocabulary").glob("*.parquet"))).metadata.num_rows
        vectors = np.zeros((n, SETTINGS["dim"]), np.float32)
        vectors[found["item_id"].to_numpy()] = np.array(found["vector"].to_pylist(), np.float32)
        return vectors


def alone(*command: object) -> float:
    """Run a command of our environment in a process of its own; its peak memory in MiB."""
    whole = [sys.executable, str(HERE / "alone.py"), sys.executable, *map(str, command)]
    done = subprocess.run(whole, cwd=report.ROOT, env=os.environ | ONE_THREAD, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["mib"])


def trained(lake: Lake, torchrun: int = 1, **more: object) -> Trained:
    """Run the job as a user would, by `torchrun` processes; `more` keys of the section train."""
    config = lake.root.with_suffix(".toml")
    config.write_text("")  # nothing but the defaults and the keys that follow
    keys = {"lake.path": lake.root} | {f"train.{key}": value for key, value in (SETTINGS | {"seed": lake.seed} | more).items()}
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", torchrun] if torchrun > 1 else []
    command = [*start, "jobs/train.py", "--config", config, "--force"]
    mib = alone(*command, *(part for key, value in keys.items() for part in ("--set", f"{key}={value}")))
    lines = [json.loads(line) for line in (lake.root / "_logs" / "train.jsonl").read_text().splitlines()]
    first = max(k for k, line in enumerate(lines) if line["event"] == "start")  # a log may hold earlier runs
    last = max((line for line in lines[first:] if line["event"] == "epoch"), key=lambda line: line["epoch"])
    return Trained(lake.root, lines[first], last, mib)


def tables_alone(n: int) -> float:
    """MiB of a process that holds torch and both tables, and nothing else."""
    return alone("-c", TABLES.format(n, SETTINGS["dim"]))
