"""The train job's hands: from the lake's tables to an objective, its checkpoints and log, and back to the lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from walkgram import tables
from walkgram.config.schema import Config
from walkgram.errors import LakeError
from walkgram.jobs.base import JobContext
from walkgram.lake import checkpoints, logs, parquet, paths
from walkgram.train import loop, monitor
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.data import arrow_numpy, embedding_table, warm_start
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup
from walkgram.train.models.registry import count_workers, make_model
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.state import EpochResult

__all__ = ["TrainSpec", "make_train_spec", "run_training"]

LAKE = "lake"
# A run may go on with other values of these than it began with.
FREE_KEYS = {"checkpoint_minutes", "tensorboard", "run_id", "torch_threads", "patience", "num_processes"}


@dataclass(frozen=True)
class TrainSpec:
    """What every process of a training is told: where the tables lie and are to lie, and what a checkpoint must agree with."""

    config: Config
    folders: Mapping[str, str]
    id: str
    mark: Mapping[str, Any]
    made_of: Mapping[str, str]

    @property
    def kept(self) -> checkpoints.CheckpointStore:
        """The checkpoint."""
        return checkpoints.CheckpointStore(self.config.lake.path, "train")

    @property
    def sharded(self) -> bool:
        """Whether each process has rows of the tables that no other has."""
        return self.config.train.placement == "row_sharded"

    def parts(self, rank: int) -> list[checkpoints.CheckpointStore]:
        """Two places for what a process alone has of the checkpoint."""
        return [checkpoints.CheckpointStore(self.config.lake.path, f"train-{rank}-{turn}") for turn in (0, 1)]


def make_train_spec(context: JobContext) -> TrainSpec:
    """The task of a run of the job."""
    config, manifest = context.config.train, context.out.manifest
    free = FREE_KEYS if config.deterministic else {*FREE_KEYS, "workers"}
    mark = {key: value for key, value in manifest.config["train"].items() if key not in free}
    folders = {name: context.folder(name) for name in (*context.inputs, *context.out.tables)}
    made_of = {"walks": context.inputs["walks"].run, "code": manifest.code}
    return TrainSpec(context.config, folders, manifest.id, mark, made_of)


def run_training(task: TrainSpec, peers: ProcessGroup, since: float) -> tuple[dict[str, int], dict[str, Any]]:
    """Train with `peers`, leave them, and write the tables; rows of each table, and what was counted.

    The first process writes them, or each the rows that it alone has, and then all before any of them leaves.

    since: when imports were done, on time.monotonic's clock.
    """
    config = task.config.train
    torch.set_num_threads(config.torch_threads)
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 10 MiB of what row groups have left
    with peers:
        tokens = parquet.read_table(task.folders["node_visits"]).sort_by("index")
        nodes, counts = arrow_numpy.to_numpy(tokens["index"]), arrow_numpy.to_numpy(tokens["count"])
        del tokens
        walks = WalkDataset(parquet.list_shards(task.folders["walks"]), nodes, config.validation_walks, config.seed)
        made = make_model(config, walks, counts, peers, task.parts(peers.rank))
        del counts
        warmed = start_warm(task, made, nodes) if isinstance(made, Skipgram) else {}
        epochs = train_model(task, made, peers, warmed, since)
        if task.sharded:
            rows = write_tables(task, made, nodes, epochs, peers.rank)
            rows["embeddings"] = int(peers.sum([rows["embeddings"]])[0])
    if not task.sharded:
        rows = write_tables(task, made, nodes, epochs) if peers.rank == 0 else {}
    together = {"processes": peers.world} if peers.world > 1 else {}
    loss = {"first loss": f"{epochs[0].loss:.4f}", "last loss": f"{epochs[-1].loss:.4f}"}
    return rows, {"nodes": len(nodes), "epochs": len(epochs), **loss, **together, **warmed, **made.counts()}


def train_model(
    task: TrainSpec, made: loop.LoopModel, peers: ProcessGroup, warmed: Mapping[str, int], since: float
) -> list[EpochResult]:
    """Train to the end; the first process alone keeps the checkpoints and tells of it."""
    config, first = task.config.train, peers.rank == 0
    inputs = dict(task.made_of) | {name: str(n) for name, n in warmed.items()}
    mark = {**task.mark, "num_processes": peers.world}
    saved = Checkpoints(task.kept.place, task.kept.load, task.kept.save if first else lambda _: None, mark, inputs, not first)
    plan = loop.TrainPlan(config.epochs, count_workers(config), config.checkpoint_minutes * 60, config.patience)
    if not first:
        return loop.run_loop(made, plan, saved, monitor.TrainMonitor(quiet=True), peers)
    scalars = monitor.open_tensorboard(config.tensorboard) if config.tensorboard else None
    about: dict[str, Any] = {"run": task.id[:12], "workers": plan.workers, "processes": peers.world}
    with logs.JsonLinesLog(task.config.lake.path, "train") as log:
        return loop.run_loop(made, plan, saved, monitor.TrainMonitor(log.add_line, scalars, since, **about), peers)


def warm_start_path(config: Config) -> str:
    """The embeddings table that train.warm_start names; "" without one. Raises `LakeError` where it is not there."""
    place = config.train.warm_start
    own = paths.join_path(config.lake.path, "embeddings")
    if place in ("", LAKE):
        return own if place and paths.exists(own) else ""
    if not paths.exists(place):
        raise LakeError(
            f"train.warm_start: {place}: no such embeddings table; name its folder, or {LAKE!r} for this lake's own"
        )
    return place


def start_warm(task: TrainSpec, made: Skipgram, nodes: NDArray[np.int64]) -> dict[str, int]:
    """Fill the tables from earlier embeddings, where the configuration asks for it; how many rows from what."""
    place = warm_start_path(task.config)
    if not place:
        return {}
    words = read_vocabulary(task.folders["vocabulary"], nodes)
    vector, context = made.vector.numpy(), made.context.numpy()
    ids = words["item_id"].combine_chunks()
    columns = ["item_id", "vector", "context_vector"]
    found = warm_start.copy_known_rows(vector, context, ids, parquet.iter_row_groups(place, columns), place)
    edges = parquet.iter_row_groups(task.folders["edges"], ["src", "dst", "weight"])
    means = warm_start.average_neighbours(vector, context, found, nodes, edges)
    if made.accelerated is not None:
        made.accelerated.load(made.vector, made.context)
    return {"warm rows": int(found.sum()), "rows from neighbours": means, "cold rows": len(found) - int(found.sum()) - means}


def write_tables(
    task: TrainSpec, made: loop.LoopModel, nodes: NDArray[np.int64], epochs: list[EpochResult], part: int = 0
) -> dict[str, int]:
    """A part of the embeddings table, one row a node, in the vocabulary's order; with part 0 the losses. Rows of each."""
    words = read_vocabulary(task.folders["vocabulary"], nodes[made.rows.start :: made.rows.step])
    schema = tables.table_schema("embeddings", words.schema.field("item_id").type)
    vectors, contexts = made.vectors()
    run_id = task.config.train.run_id or task.id[:12]
    rows = embedding_table.embedding_batches(
        schema, words, vectors.numpy(), None if contexts is None else contexts.numpy(), run_id
    )
    written = {"embeddings": parquet.write_table(task.folders["embeddings"], schema, rows, part)}
    if part:
        return written
    told = tables.table_schema("losses")
    columns = [arrow_numpy.nullable([vars(epoch)[field.name] for epoch in epochs]).cast(field.type) for field in told]
    losses = [pa.RecordBatch.from_arrays(columns, schema=told)]
    return {**written, "losses": parquet.write_table(task.folders["losses"], told, losses)}


def read_vocabulary(folder: str, nodes: NDArray[np.int64]) -> pa.Table:
    """(n, 3) index, item_id, frequency of nodes (n,), rising; of the others no more than a row group is in memory."""
    chosen = []
    for part in parquet.iter_row_groups(folder, ["index", "item_id", "frequency"]):
        index = arrow_numpy.to_numpy(part["index"])
        there = np.searchsorted(nodes, index, "right") > np.searchsorted(nodes, index)
        chosen.append(part.take(arrow_numpy.to_arrow(np.flatnonzero(there))))
    return pa.concat_tables(chosen).sort_by("index")
