"""Walks or other tables, as the model declares -> embeddings, by torch; runs under python or torchrun, without Spark."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from walkgram.jobs.base import Job, JobContext
from walkgram.jobs.train_worker import TrainSpec, run_training, warm_start_path
from walkgram.lake import logs
from walkgram.train.distributed import world_size
from walkgram.train.models.registry import MODELS, check_config, find_model

if TYPE_CHECKING:
    from walkgram.config.schema import Config

# A resumed run may have other values of these keys than the run that it resumes.
FREE_KEYS = {"checkpoint_minutes", "tensorboard", "run_id", "torch_threads", "patience", "num_processes"}


def run(context: JobContext) -> Mapping[str, Any]:
    """Train the model that the configuration names, and write its tables; a run that is stopped leaves a checkpoint."""
    config, spec = context.config.train, make_spec(context)
    if context.force:
        spec.checkpoint_slot.remove()
    if path := warm_start_path(spec):
        context.check_table(path)
    if config.num_processes > 1 and world_size() == 1:
        context.count_progress(count_tokens(spec.lake_path, time.time()))
        if not config.deterministic and not config.workers:
            spec = replace(spec, config=config.model_copy(update={"workers": count_task_cores(context)}))
    rows, counts = context.run_processes(run_training, spec, config.num_processes, use_gpu=config.device == "cuda")
    context.out.rows.update(rows)
    context.finish_checkpoint(spec.checkpoint_slot.job)
    return dict(counts)


def make_spec(context: JobContext) -> TrainSpec:
    """Return what every process of the training is given."""
    config, manifest = context.config.train, context.out.manifest
    free = FREE_KEYS if config.deterministic else {*FREE_KEYS, "workers"}
    config_key = {key: value for key, value in manifest.config["train"].items() if key not in free}
    data_key = {**{table: source.run for table, source in context.inputs.items()}, "code": manifest.code}
    folders = {name: context.folder(name) for name in (*context.inputs, *context.out.tables)}
    return TrainSpec(
        config, context.config.lake.path, folders, tuple(context.out.tables), manifest.id, config_key, data_key,
        context.show_progress,
    )  # fmt: skip


def count_task_cores(context: JobContext) -> int:
    """Return the cores of each process that Spark starts."""
    return int(context.spark.conf.get("spark.task.cpus", "1") or 1)


def count_tokens(root: str, start: float) -> Callable[[], tuple[int, int]]:
    """Return a function that reads (tokens done, all tokens) in the log of a training elsewhere, started after `start`."""

    def count() -> tuple[int, int]:
        try:
            line = json.loads(logs.read_last_line(root, "train") or "{}")
        except ValueError:
            return 0, 0  # the line is being written
        return (line["tokens"], line["of"]) if line.get("time", 0) > start and "of" in line else (0, 0)

    return count


def list_inputs(config: "Config") -> Sequence[str]:
    """Return the tables that the model reads."""
    return find_model(config.train.model).reads(config.train)


def list_outputs(config: "Config") -> Sequence[str]:
    """Return the tables that the model writes, and the losses of a model of the loop."""
    spec = find_model(config.train.model)
    return (*spec.writes(config.train), *(["losses"] if spec.build is not None else []))


def list_modules(config: "Config") -> Sequence[str]:
    """Return the module of the model, which the registry loads by its name."""
    return (MODELS[find_model(config.train.model).name],)


def check(config: "Config") -> None:
    """Raise `ConfigError` for an unknown model, or for keys that the model does not support."""
    check_config(config.train)


JOB = Job("train", __doc__, run, ("train",), list_inputs, list_outputs, modules=list_modules, check=check, uses_spark=False)
