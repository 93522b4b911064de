"""walks, tokens -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from walkgram import job, tables
from walkgram.lake import arrow, checkpoints
from walkgram.train import loop, table
from walkgram.train.objectives import objective
from walkgram.train.shards import Walks


def run(run: job.Run) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    config = run.config.train
    torch.set_num_threads(config.threads)
    tokens = arrow.read_table(run.folder("tokens")).sort_by("index")
    nodes, counts = tokens["index"].to_numpy(), tokens["count"].to_numpy()
    made = objective(config, Walks(arrow.shards(run.folder("walks")), nodes), counts)
    kept = checkpoints.Store(run.config.lake.path, "train")
    if run.force:
        kept.remove()
    made_of = {"walks": run.inputs["walks"].run, "code": run.out.manifest.code}
    mark = run.out.manifest.config["train"]
    epochs = loop.train(made, config.epochs, loop.Checkpoints(kept.place, kept.load, kept.save, mark, made_of))
    write_embeddings(run, nodes, *made.vectors())
    losses = pa.Table.from_pylist([vars(e) for e in epochs], tables.schema("losses"))
    run.out.rows["losses"] = arrow.write_table(run.folder("losses"), losses.schema, losses.to_batches())
    run.finally_do(kept.remove)
    loss = {"first loss": f"{epochs[0].loss:.4f}", "last loss": f"{epochs[-1].loss:.4f}"}
    return {"nodes": len(nodes), "epochs": len(epochs), **loss, **made.counts()}


def write_embeddings(run: job.Run, nodes: np.ndarray, vectors: torch.Tensor, contexts: torch.Tensor | None) -> None:
    """The embeddings table, one row a node, in the vocabulary's order."""
    words = arrow.read_table(run.folder("vocabulary")).sort_by("index").take(pa.array(nodes))
    schema = tables.schema("embeddings", words.schema.field("item_id").type)
    run_id = run.config.train.run_id or run.out.manifest.id[:12]
    rows = table.batches(schema, words, vectors.numpy(), None if contexts is None else contexts.numpy(), run_id)
    run.out.rows["embeddings"] = arrow.write_table(run.folder("embeddings"), schema, rows)


JOB = job.Job(
    "train", __doc__, run, ("train",), lambda _: ("vocabulary", "walks", "tokens"), lambda _: ("embeddings", "losses")
)

if __name__ == "__main__":
    sys.exit(job.main(JOB))
