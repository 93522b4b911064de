"""The train job's hands: from the lake's tables to an objective, its checkpoints and log, and back to the lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from walkgram import tables
from walkgram.config import Config
from walkgram.errors import LakeError
from walkgram.lake import arrow, checkpoints, files, logs
from walkgram.run import Run
from walkgram.train import arrays, loop, table, warm, watch
from walkgram.train.objectives import objective, workers
from walkgram.train.saved import Checkpoints
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram

__all__ = ["Trained", "earlier", "train", "write"]

LAKE = "lake"
# A run may go on with other values of these than it began with.
FREE = {"checkpoint_minutes", "tensorboard", "run_id", "threads", "patience"}


@dataclass(frozen=True)
class Trained:
    """What came out: the vocabulary index of each row, the objective, its epochs, and what is to be counted."""

    nodes: NDArray[np.int64]
    made: loop.Objective
    epochs: list[loop.Epoch]
    counts: Mapping[str, Any]


def train(run: Run, since: float) -> Trained:
    """Train on the walks of the lake. `since`: when imports were done, on time.monotonic's clock."""
    config = run.config.train
    torch.set_num_threads(config.threads)
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 10 MiB of what row groups have left
    tokens = arrow.read_table(run.folder("tokens")).sort_by("index")
    nodes, counts = arrays.numbers(tokens["index"]), arrays.numbers(tokens["count"])
    del tokens
    walks = Walks(arrow.shards(run.folder("walks")), nodes, config.held_out, config.seed)
    made = objective(config, walks, counts)
    kept = checkpoints.Store(run.config.lake.path, "train")
    if run.force:
        kept.remove()
    warmed = warm_start(run, made, nodes) if isinstance(made, Skipgram) else {}
    made_of = {"walks": run.inputs["walks"].run, "code": run.out.manifest.code} | {name: str(n) for name, n in warmed.items()}
    free = FREE if config.deterministic else {*FREE, "workers"}
    mark = {key: value for key, value in run.out.manifest.config["train"].items() if key not in free}
    saved = Checkpoints(kept.place, kept.load, kept.save, mark, made_of)
    plan = loop.Plan(config.epochs, workers(config), config.checkpoint_minutes * 60, config.patience)
    scalars = watch.tensorboard(config.tensorboard) if config.tensorboard else None
    with logs.Lines(run.config.lake.path, "train") as log:
        shown = watch.Watch(log.add, scalars, since, run=run.out.manifest.id[:12], workers=plan.workers)
        epochs = loop.train(made, plan, saved, shown)
    run.finally_do(kept.remove)
    return Trained(nodes, made, epochs, {**warmed, **made.counts()})


def earlier(config: Config) -> str:
    """The embeddings table that train.warm_start names; "" without one. Raises `LakeError` where it is not there."""
    place = config.train.warm_start
    own = files.join(config.lake.path, "embeddings")
    if place in ("", LAKE):
        return own if place and files.exists(own) else ""
    if not files.exists(place):
        raise LakeError(
            f"train.warm_start: {place}: no such embeddings table; name its folder, or {LAKE!r} for this lake's own"
        )
    return place


def warm_start(run: Run, made: Skipgram, nodes: NDArray[np.int64]) -> dict[str, int]:
    """Fill the tables from earlier embeddings, where the configuration asks for it; how many rows from what."""
    place = earlier(run.config)
    if not place:
        return {}
    words = arrow.read_table(run.folder("vocabulary"), ["index", "item_id"]).sort_by("index").take(arrays.column(nodes))
    vector, context = made.vector.numpy(), made.context.numpy()
    ids = words["item_id"].combine_chunks()
    columns = ["item_id", "vector", "context_vector"]
    found = warm.take(vector, context, ids, arrow.stream(place, columns), place)
    edges = arrow.stream(run.folder("edges"), ["src", "dst", "weight"])
    means = warm.from_neighbours(vector, context, found, nodes, edges)
    if made.accelerated is not None:
        made.accelerated.load(made.vector, made.context)
    return {"warm rows": int(found.sum()), "rows from neighbours": means, "cold rows": len(found) - int(found.sum()) - means}


def write(run: Run, trained: Trained) -> None:
    """The embeddings table, one row a node, in the vocabulary's order; the losses."""
    words = arrow.read_table(run.folder("vocabulary")).sort_by("index").take(arrays.column(trained.nodes))
    schema = tables.schema("embeddings", words.schema.field("item_id").type)
    run_id = run.config.train.run_id or run.out.manifest.id[:12]
    vectors, contexts = trained.made.vectors()
    rows = table.batches(schema, words, vectors.numpy(), None if contexts is None else contexts.numpy(), run_id)
    run.out.rows["embeddings"] = arrow.write_table(run.folder("embeddings"), schema, rows)
    schema = tables.schema("losses")
    told = [arrays.maybe([vars(epoch)[field.name] for epoch in trained.epochs]).cast(field.type) for field in schema]
    losses = pa.RecordBatch.from_arrays(told, schema=schema)
    run.out.rows["losses"] = arrow.write_table(run.folder("losses"), schema, [losses])
