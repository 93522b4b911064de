"""Labelled graphs, lakes of walks on them, and runs of the job train on such a lake: rates, vectors, memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graphs
import lake_tables
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import report
from numpy.typing import NDArray

from walkgram import tables
from walkgram.config.graph import Walks
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import WalkGraph, build_walk_graph
from walkgram.lake import parquet
from walkgram.lake.manifest import make_manifest
from walkgram.lake.shards import Shards
from walkgram.lake.transaction import Transaction
from walkgram.stages.walks import walks

SHARED = Path(os.environ.get("WALKGRAM_DATA", report.ROOT.parent / "shared" / "data"))
LENGTH, DIM = 80, 128
SETTINGS = {"dim": DIM, "epochs": 1, "window": 10, "negatives": 5, "skipgram.learning_rate": 0.025}
HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # of torch and BLAS; train.workers sets the workers
TABLES = "import torch; tables = torch.ones(2, {}, {})"


@dataclass(frozen=True)
class LabelledGraph:
    """A graph whose node i is the vocabulary's index i. labels (n, kinds) bool."""

    name: str
    graph: WalkGraph
    degree: NDArray[np.int64]
    labels: NDArray[np.bool_]


def number_nodes(name: str, edges: graphs.Edges, labels: NDArray[np.bool_]) -> LabelledGraph:
    """Return the graph with its nodes numbered by falling degree, as the job load_edges numbers them."""
    src, dst, weight = edges
    n = len(labels)
    degree = np.bincount(np.append(src, dst), minlength=n)
    order = np.lexsort((np.arange(n), -degree))
    index = np.argsort(order)
    both = index[np.append(src, dst)], index[np.append(dst, src)], np.append(weight, weight)
    return LabelledGraph(name, build_walk_graph(*csr.build_csr(*both, 0, n, n), True), degree[order], labels[order])


def read_graph(name: str) -> LabelledGraph | None:
    """Read a graph of the shared data, without self loops; None where the data is missing."""
    folder = SHARED / "graphs" / name
    if not (folder / "edges.parquet").exists():
        return None
    edges, label_table = pq.read_table(folder / "edges.parquet"), pq.read_table(folder / "labels.parquet")
    src, dst = edges["src"].to_numpy(), edges["dst"].to_numpy()
    ids, ends = np.unique(np.append(src, dst), return_inverse=True)
    src, dst = ends[: len(src)], ends[len(src) :]
    kinds, kind = np.unique(label_table["label"].to_numpy(), return_inverse=True)
    labelled_ids = label_table["id"].to_numpy()
    is_node = np.isin(labelled_ids, ids)
    labels = np.zeros((len(ids), len(kinds)), np.bool_)
    labels[np.searchsorted(ids, labelled_ids[is_node]), kind[is_node]] = True
    return number_nodes(name, (src[src != dst], dst[src != dst], np.ones(int((src != dst).sum()))), labels)


@dataclass(frozen=True)
class Lake:
    """The tables that the job train reads, and the same walks in random order for the peers. rows (walks, LENGTH) int32."""

    root: Path
    graph: LabelledGraph
    seed: int
    rows: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """Nodes of all walks."""
        return int(self.lengths.sum())

    def save_walks(self, count: int = 0) -> Path:
        """Save `count` of the walks (0: all) for a peer's process."""
        file = self.root.with_name(f"{self.root.name}-{count}.npz")
        if not file.exists():
            walk_slice = slice(count or None)
            np.savez(file, walks=self.rows[walk_slice], lengths=self.lengths[walk_slice], nodes=len(self.graph.labels))
        return file


def write_lake(root: Path, graph: LabelledGraph, seed: int, num_walks: int = 10) -> Lake:
    """Walk with p = q = 1, and write the tables vocabulary, walks and node_visits as the jobs do."""
    n, starts = len(graph.labels), np.flatnonzero(graph.degree)
    columns = [np.arange(n), np.arange(n), graph.degree]
    vocabulary = pa.table(columns, schema=tables.table_schema("vocabulary", pa.int64()))
    lake_tables.write_tables(root, "load_edges", {"vocabulary": vocabulary}, 1)
    plan = walks.WalkPlan(Walks(num_walks=num_walks, walk_length=LENGTH, seed=seed), len(starts), n)
    counter, samples = walks.VisitCounter(n), []

    def sample_row_groups(shard: int) -> Iterator[pa.RecordBatch]:
        for walk_ids in plan.row_groups(shard):
            first = starts[walk_ids % len(starts)]
            samples.append(sample_walks(graph.graph, first, walk_ids, make_walk_params(1.0, 1.0, LENGTH, seed)))
            yield counter.pack_walks(walk_ids, *samples[-1])

    with Transaction(str(root), make_manifest("walks", {}, {}, "benchmark"), ("walks", "node_visits")) as out:
        shards = Shards(out.folder("walks"), f"{out.staging}/temporary", walks.walks_schema(n))
        for shard in range(plan.num_shards):
            shards.write(shard, sample_row_groups(shard))
        out.rows["walks"] = plan.num_walks
        schema, folder = tables.table_schema("node_visits"), out.folder("node_visits")
        out.rows["node_visits"] = parquet.write_table(folder, schema, counter.visit_batches())
    order = np.random.default_rng(seed).permutation(plan.num_walks)
    rows, lengths = (np.concatenate(parts)[order] for parts in zip(*samples, strict=True))
    return Lake(root, graph, seed, rows, lengths)


@dataclass(frozen=True)
class TrainRun:
    """A run of the job train: its log's line `start` and its last line `epoch`, and its peak memory in MiB."""

    root: Path
    start: dict[str, Any]
    epoch: dict[str, Any]
    mib: float

    @property
    def cpu_rate(self) -> float:
        """Thousands of tokens per CPU second of training."""
        return float(self.epoch["tokens"] / self.epoch["cpu_seconds"]) / 1e3

    @property
    def wall_rate(self) -> float:
        """Thousands of tokens per wall second of training."""
        return float(self.epoch["tokens"] / self.epoch["seconds"]) / 1e3

    def vectors(self) -> NDArray[np.float32]:
        """Return (n, dim), by the vocabulary's index; zeros for a node that is in no walk."""
        table = pq.read_table(self.root / "embeddings", columns=["item_id", "vector"])
        n = pq.ParquetFile(next((self.root / "vocabulary").glob("*.parquet"))).metadata.num_rows
        vectors = np.zeros((n, DIM), np.float32)
        vectors[table["item_id"].to_numpy()] = np.array(table["vector"].to_pylist(), np.float32)
        return vectors


def measure_peak(*command: object) -> float:
    """Run Python with these arguments in its own process; return its peak memory in MiB."""
    python = [sys.executable, str(HERE / "peak_memory.py"), sys.executable, *map(str, command)]
    process = subprocess.run(python, cwd=report.ROOT, env=os.environ | ONE_THREAD, text=True, capture_output=True, check=False)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{process.stdout[-2000:]}{process.stderr[-2000:]}")
    return float(json.loads(process.stdout.splitlines()[-1])["mib"])


def run_train(lake: Lake, num_processes: int = 1, **overrides: object) -> TrainRun:
    """Run the job as a user does, by torchrun where `num_processes` exceeds 1; `overrides` are keys of the section train."""
    config = lake.root.with_suffix(".toml")
    config.write_text("")  # the defaults, and the keys that follow
    settings = SETTINGS | {"seed": lake.seed} | overrides
    keys = {"lake.path": lake.root} | {f"train.{key}": value for key, value in settings.items()}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", num_processes]
    command = [*(torchrun if num_processes > 1 else ()), "jobs/train.py", "--config", config, "--force"]
    mib = measure_peak(*command, *(part for key, value in keys.items() for part in ("--set", f"{key}={value}")))
    lines = [json.loads(line) for line in (lake.root / "_logs" / "train.jsonl").read_text().splitlines()]
    start = max(k for k, line in enumerate(lines) if line["event"] == "start")  # a log may hold earlier runs
    epoch = max((line for line in lines[start:] if line["event"] == "epoch"), key=lambda line: line["epoch"])
    return TrainRun(lake.root, lines[start], epoch, mib)


def measure_tables(n: int) -> float:
    """Return the MiB of a process that holds torch and both tables, and nothing else."""
    return measure_peak("-c", TABLES.format(n, DIM))
