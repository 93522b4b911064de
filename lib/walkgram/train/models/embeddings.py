"""What models of nodes share: their rows of the input tables, and their rows of the embeddings table."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor

from walkgram import tables
from walkgram.train.data import arrow_numpy, embedding_table
from walkgram.train.models.base import ModelInputs, TableOutput

__all__ = ["embedding_output", "read_node_visits", "read_vocabulary"]


def read_node_visits(inputs: ModelInputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nodes (n,) int64, rising, and their visits in the walks (n,) int64."""
    visits = inputs.tables.read("node_visits").sort_by("index")
    return arrow_numpy.to_numpy(visits["index"]), arrow_numpy.to_numpy(visits["count"])


def read_vocabulary(inputs: ModelInputs, nodes: NDArray[np.int64]) -> pa.Table:
    """Return (n, 3) index, item_id, frequency of nodes (n,), rising."""
    row_groups = inputs.tables.iter_row_groups("vocabulary", embedding_table.VOCABULARY_COLUMNS)
    return embedding_table.select_vocabulary(row_groups, nodes)


def embedding_output(inputs: ModelInputs, nodes: NDArray[np.int64], vectors: Tensor, contexts: Tensor | None) -> TableOutput:
    """Return rows of the embeddings table: nodes (n,), rising; vectors and contexts (n, dim) float32."""
    vocabulary = read_vocabulary(inputs, nodes)
    schema = tables.table_schema("embeddings", vocabulary.schema.field("item_id").type)
    arrays = vectors.numpy(), None if contexts is None else contexts.numpy()
    return TableOutput("embeddings", schema, embedding_table.embedding_batches(schema, vocabulary, *arrays, inputs.run_id))
