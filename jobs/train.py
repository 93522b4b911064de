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
from walkgram.train.examples import Examples
from walkgram.train.shards import Walks
from walkgram.train.skipgram import Skipgram


def run(run: job.Run) -> Mapping[str, Any]:
    """Train on the walks' shards; write the vectors of every node, and the loss of every epoch."""
    config = run.config.train
    torch.set_num_threads(config.threads)
    tokens = arrow.read_table(run.folder("tokens")).sort_by("index")
    nodes, counts = tokens["index"].to_numpy(), tokens["count"].to_numpy()
    walks = Walks(arrow.shards(run.folder("walks")), nodes)
    objective: Any = Examples(walks, config) if config.objective == "examples" else Skipgram(walks, counts, config)
    kept = checkpoints.Store(run.config.lake.path, "train")
    if run.force:
        kept.remove()
    mark = {**run.out.manifest.config["train"], "walks": run.inputs["walks"].id}
    epochs = loop.train(objective, config.epochs, loop.Checkpoints(kept.place, kept.load, kept.save, mark))
    write_embeddings(run, nodes, *objective.vectors())
    run.out.rows["losses"] = arrow.write_table(
        run.folder("losses"),
        tables.schema("losses"),
        pa.Table.from_pylist([vars(e) for e in epochs], tables.schema("losses")).to_batches(),
    )
    run.finally_do(kept.remove)
    found = {
        "nodes": len(nodes),
        "epochs": len(epochs),
        "first loss": f"{epochs[0].loss:.4f}",
        "last loss": f"{epochs[-1].loss:.4f}",
    }
    if isinstance(objective, Examples):
        found |= {"raw examples": objective.merged.raw, "distinct examples": len(objective.src)}
    return found


def write_embeddings(run: job.Run, nodes: np.ndarray, vectors: torch.Tensor, contexts: torch.Tensor | None) -> None:
    """The embeddings table, one row a node, in the vocabulary's order."""
    vocabulary = arrow.read_table(run.folder("vocabulary")).sort_by("index").take(pa.array(nodes))
    schema = tables.schema("embeddings", vocabulary.schema.field("item_id").type)
    rows = table.batches(
        schema, vocabulary["item_id"].combine_chunks(), vocabulary["frequency"].to_numpy(), vectors.numpy(),
        None if contexts is None else contexts.numpy(), run.config.train.run_id or run.out.manifest.id[:12],
    )  # fmt: skip
    run.out.rows["embeddings"] = arrow.write_table(run.folder("embeddings"), schema, rows)


JOB = job.Job(
    "train", __doc__, run, ("train",), lambda _: ("vocabulary", "walks", "tokens"), lambda _: ("embeddings", "losses")
)

if __name__ == "__main__":
    sys.exit(job.main(JOB))
