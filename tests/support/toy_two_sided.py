"""A toy model of the loop with two sides and a table of its own: left and right vectors, and an attention of each node."""

import signal
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from walkgram import rng, tables
from walkgram.config.train import Train
from walkgram.train.data import arrow_numpy, embedding_table
from walkgram.train.data.walks import WalkBatch, WalkDataset
from walkgram.train.models.base import LoopModel, ModelInputs, TableOutput
from walkgram.train.models.registry import ModelSpec
from walkgram.train.state import StepResult

ATTENTION = pa.schema([("index", pa.int64()), ("side", pa.string()), ("weight", pa.float64())])
SIDES = ("left", "right")
stop_after = [0]  # steps until the process gets SIGTERM; 0: never


class TwoSided(LoopModel):
    """The left vector of a walk's first node and the right vector of its last one approach each other."""

    def __init__(self, inputs: ModelInputs, config: Train) -> None:
        self.inputs, self.config = inputs, config
        row_groups = inputs.tables.iter_row_groups("vocabulary", embedding_table.VOCABULARY_COLUMNS)
        self.vocabulary = pa.concat_tables(row_groups).sort_by("index")
        n = len(self.vocabulary)
        self.walks = WalkDataset(inputs.tables.list_shards("walks"), np.arange(n), seed=config.seed)
        seeds = (rng.derive_seed(config.seed, side) for side in SIDES)
        self.vectors = torch.stack([torch.from_numpy(rng.draw_unit_matrix(seed, n, config.dim, 0)).float() for seed in seeds])
        self.attention = torch.zeros(2, n, dtype=torch.float64)
        self.tokens = self.walks.num_walks

    def num_steps(self) -> int:
        return self.walks.count_batches(8)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[WalkBatch]:
        return self.walks.batches(8, self.config.seed, epoch, skip)

    def step(self, batch: WalkBatch, progress: float, next_progress: float) -> StepResult:
        stop_after[0] -= 1
        if stop_after[0] == 0:
            signal.raise_signal(signal.SIGTERM)
        walks = batch.pad()
        first = torch.from_numpy(walks.rows[:, 0])
        last = torch.from_numpy(walks.rows[np.arange(len(walks.rows)), walks.lengths - 1])
        loss = 0.0
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            change = 0.1 * (1 - progress) * (self.vectors[1, b] - self.vectors[0, a])
            self.vectors[0, a] += change
            self.vectors[1, b] -= change
            self.attention[0, a] += 1
            self.attention[1, b] += 1
            loss += float(change.square().sum())
        return StepResult(loss, len(walks.rows), len(walks.rows))

    def state_dict(self) -> dict[str, Any]:
        return {"vectors": self.vectors, "attention": self.attention}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.vectors.copy_(state["vectors"])
        self.attention.copy_(state["attention"])

    def outputs(self) -> Iterator[TableOutput]:
        schema = tables.table_schema("embeddings", self.vocabulary.schema.field("item_id").type)
        for side, vectors in zip(SIDES, self.vectors.numpy(), strict=True):
            batches = embedding_table.embedding_batches(schema, self.vocabulary, vectors, None, self.inputs.run_id)
            yield TableOutput("embeddings", schema, (set_side(batch, side) for batch in batches))
        for side, weights in zip(SIDES, self.attention.numpy(), strict=True):
            columns = [
                self.vocabulary["index"].combine_chunks(),
                arrow_numpy.repeat_text(side, len(weights)),
                pa.array(weights),
            ]
            yield TableOutput("attention", ATTENTION, [pa.RecordBatch.from_arrays(columns, schema=ATTENTION)])


def set_side(batch: pa.RecordBatch, side: str) -> pa.RecordBatch:
    """Return the batch with this side in every row."""
    columns = [arrow_numpy.repeat_text(side, len(batch)) if name == "side" else batch[name] for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


MODEL = ModelSpec(
    name="two_sided",
    reads=lambda _: ("vocabulary", "walks"),
    writes=lambda _: ("embeddings", "attention"),
    build=TwoSided,
)
