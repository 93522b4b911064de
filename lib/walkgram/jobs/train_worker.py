"""The work of one process of a training: from the lake's tables to a model, its checkpoints and log, and back to the lake."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import torch

from walkgram.config.train import Train
from walkgram.errors import LakeError, TrainError
from walkgram.lake import checkpoints, logs, parquet, paths
from walkgram.train import loop, monitor
from walkgram.train.checkpoint import Checkpoints
from walkgram.train.distributed import ProcessGroup
from walkgram.train.models.base import LoopModel, ModelInputs, PreviousEmbeddings, TableOutput
from walkgram.train.models.registry import ModelSpec, check_config
from walkgram.train.outputs import finite_batches, loss_output
from walkgram.train.state import EpochResult

__all__ = ["TrainOutcome", "TrainSpec", "run_training", "warm_start_path"]

LAKE = "lake"
IMPORT_TIME = time.monotonic()  # the log says how long it takes from here to the first batch

TrainOutcome = tuple[dict[str, int], dict[str, Any]]
"""Rows of each table, and counts for the manifest."""


@dataclass(frozen=True)
class TrainSpec:
    """What every process of a training is given: the tables, what a checkpoint must agree with, and the run's id.

    folders: path of each input and output table; writes: names of the output tables.
    """

    config: Train
    lake_path: str
    folders: Mapping[str, str]
    writes: tuple[str, ...]
    id: str
    config_key: Mapping[str, Any]
    data_key: Mapping[str, str]
    show_progress: bool = True

    @property
    def checkpoint_slot(self) -> checkpoints.CheckpointStore:
        """The checkpoint."""
        return checkpoints.CheckpointStore(self.lake_path, "train")

    def rank_slots(self, rank: int) -> list[checkpoints.CheckpointStore]:
        """Return two places for what a process alone has of the checkpoint."""
        return [checkpoints.CheckpointStore(self.lake_path, f"train-{rank}-{number}") for number in (0, 1)]


@dataclass(frozen=True)
class LakeTables:
    """The input tables of a model, by name (`walkgram.train.models.base.TableReader`)."""

    folders: Mapping[str, str]

    def list_shards(self, table: str) -> Sequence[parquet.ParquetShard]:
        """Return the files of a table."""
        return parquet.list_shards(self.folders[table])

    def iter_row_groups(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the row groups of a table, file by file."""
        return parquet.iter_row_groups(self.folders[table], columns)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table in memory."""
        return parquet.read_table(self.folders[table], columns)


def run_training(spec: TrainSpec, group: ProcessGroup) -> TrainOutcome:
    """Train with the processes of the group, write the tables, and leave the group."""
    config = spec.config
    model_spec = check_config(config)
    with process_settings(config.torch_threads), group:
        if group.world > 1 and "num_processes" not in model_spec.supports:
            raise TrainError(f"train.model = {config.model} trains in one process, and there are {group.world}: start one")
        inputs = make_inputs(spec, group)
        counts: dict[str, Any] = {}
        if model_spec.solve is not None:
            outputs = model_spec.solve(inputs, config)
        else:
            model, epochs = train_model(spec, model_spec, inputs)
            losses = [loss_output(epochs)] if group.rank == 0 else []
            outputs = (output for part in (model.outputs(), losses) for output in part)
            first_loss, last_loss = (f"{epochs[k].loss:.4f}" for k in (0, -1))
            counts = {**model.summarize(), "epochs": len(epochs), "first loss": first_loss, "last loss": last_loss}
        rows = write_outputs(spec, outputs, group)
    counts = counts or dict(rows)  # a closed form has no epochs to report
    return rows, {**counts, **({"processes": group.world} if group.world > 1 else {})}


@contextlib.contextmanager
def process_settings(torch_threads: int) -> Iterator[None]:
    """Set torch's threads and Arrow's memory pool for a training, and restore them after it."""
    threads, pool = torch.get_num_threads(), pa.default_memory_pool()
    torch.set_num_threads(torch_threads)
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's default pool holds 10 MiB of row groups that are freed
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        torch.set_num_threads(threads)


def make_inputs(spec: TrainSpec, group: ProcessGroup) -> ModelInputs:
    """Return what a model is built from."""
    path = warm_start_path(spec)
    previous = PreviousEmbeddings(path, partial(parquet.iter_row_groups, path)) if path else None
    run_id = spec.config.run_id or spec.id[:12]
    return ModelInputs(LakeTables(spec.folders), run_id, group, spec.rank_slots(group.rank), previous)


def warm_start_path(spec: TrainSpec) -> str:
    """Return the embeddings table that train.warm_start names; "" without one. Raises `LakeError` where it is missing."""
    path = spec.config.warm_start
    lake_path = paths.join_path(spec.lake_path, "embeddings")
    if path in ("", LAKE):
        return lake_path if path and paths.exists(lake_path) else ""
    if not paths.exists(path):
        raise LakeError(f"train.warm_start: {path}: no such embeddings table; name its folder, or {LAKE!r} for this lake's")
    return path


def train_model(spec: TrainSpec, model_spec: ModelSpec, inputs: ModelInputs) -> tuple[LoopModel, list[EpochResult]]:
    """Build a model and train it to the end; the first process alone writes checkpoints and reports."""
    assert model_spec.build is not None
    config, group = spec.config, inputs.group
    model = model_spec.build(inputs, config)
    config_key = {**spec.config_key, "num_processes": group.world}
    saved = Checkpoints(spec.checkpoint_slot, config_key, {**spec.data_key, **model.data_key}, group.rank == 0)
    plan = loop.TrainPlan(config.epochs, model_spec.count_threads(config), config.checkpoint_minutes * 60, config.patience)
    if group.rank:
        return model, loop.run_loop(model, plan, saved, monitor.TrainMonitor(is_quiet=True), group)
    scalars = monitor.open_tensorboard(config.tensorboard) if config.tensorboard else None
    labels: dict[str, Any] = {"run": spec.id[:12], "workers": plan.workers, "processes": group.world}
    with logs.JsonLinesLog(spec.lake_path, "train") as log:
        bar = monitor.TrainMonitor(log.add_line, scalars, IMPORT_TIME, is_quiet=not spec.show_progress, **labels)
        with contextlib.closing(bar):  # an error's line comes after the bar's
            return model, loop.run_loop(model, plan, saved, bar, group)


def write_outputs(spec: TrainSpec, outputs: Iterable[TableOutput], group: ProcessGroup) -> dict[str, int]:
    """Write this process's outputs while the others write theirs; return the rows of each table at all processes.

    Raises `ValueError` for a table that the model does not declare. No process waits for the others longer than the writing of
    one record batch takes, however large their tables are.
    """
    rows = dict.fromkeys(spec.writes, 0)
    num_outputs: Counter[str] = Counter()
    for output in outputs:
        if output.table not in rows:
            raise ValueError(f"train.model = {spec.config.model} gives table {output.table}, which it does not declare")
        part = group.rank + group.world * num_outputs[output.table]
        num_outputs[output.table] += 1
        batches = (batch for batch in finite_batches(output) if group.any(True))
        rows[output.table] += parquet.write_table(spec.folders[output.table], output.schema, batches, part)
    while group.any(False):
        pass
    return {table: int(total) for table, total in zip(rows, group.sum(list(rows.values())), strict=True)}
