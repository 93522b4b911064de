"""A toy model in closed form: a node's vector holds its degree and the sum of its weights, from the edges alone."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from walkgram import tables
from walkgram.config.train import Train
from walkgram.train.data import arrow_numpy, embedding_table
from walkgram.train.models.base import ModelInputs, TableOutput
from walkgram.train.models.registry import ModelSpec


def solve(inputs: ModelInputs, config: Train) -> Iterator[TableOutput]:
    """Yield the embeddings."""
    vocabulary = inputs.tables.read("vocabulary").sort_by("index")
    vectors = np.zeros((len(vocabulary), 2), np.float32)
    for part in inputs.tables.iter_row_groups("edges", ["src", "dst", "weight"]):
        for end in ("src", "dst"):
            rows = arrow_numpy.to_numpy(part[end])
            np.add.at(vectors, (rows, 0), 1)
            np.add.at(vectors, (rows, 1), arrow_numpy.to_numpy(part["weight"]))
    schema: pa.Schema = tables.table_schema("embeddings", vocabulary.schema.field("item_id").type)
    yield TableOutput("embeddings", schema, embedding_table.embedding_batches(schema, vocabulary, vectors, None, inputs.run_id))


MODEL = ModelSpec(name="degrees", reads=lambda _: ("vocabulary", "edges"), writes=lambda _: ("embeddings",), solve=solve)
