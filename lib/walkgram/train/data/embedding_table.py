"""Matrices <-> the embeddings table, and the vocabulary's rows of the nodes."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from walkgram.train.data import arrow_numpy

__all__ = ["VOCABULARY_COLUMNS", "embedding_batches", "lists_to_matrix", "matrix_to_lists", "select_vocabulary"]

ROWS = 1 << 16  # of a record batch
VOCABULARY_COLUMNS = ("index", "item_id", "frequency")


def embedding_batches(
    schema: pa.Schema, vocabulary: pa.Table, vectors: NDArray[np.float32], contexts: NDArray[np.float32] | None, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Yield rows of the embeddings table, ROWS at a time: origin "trained", no side.

    vocabulary: its n rows (item_id, frequency); vectors, contexts: (n, dim) float32 in the same order.
    """
    for low in range(0, len(vectors), ROWS):
        part = slice(low, low + ROWS)
        rows = len(vectors[part])
        words = vocabulary.slice(low, rows)
        columns = {
            "item_id": words["item_id"].combine_chunks(),
            "side": pa.nulls(rows, pa.string()),
            "vector": matrix_to_lists(vectors[part]),
            "context_vector": pa.nulls(rows, pa.list_(pa.float32())) if contexts is None else matrix_to_lists(contexts[part]),
            "frequency": words["frequency"].combine_chunks(),
            "origin": arrow_numpy.repeat_text("trained", rows),
            "run_id": arrow_numpy.repeat_text(run_id, rows),
        }
        yield pa.RecordBatch.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)


def select_vocabulary(row_groups: Iterable[pa.Table], nodes: NDArray[np.int64]) -> pa.Table:
    """Return (n, 3) index, item_id, frequency of nodes (n,), rising; of all others at most a row group is in memory."""
    parts = []
    for part in row_groups:
        index = arrow_numpy.to_numpy(part["index"])
        is_node = np.searchsorted(nodes, index, "right") > np.searchsorted(nodes, index)
        parts.append(part.take(arrow_numpy.to_arrow(np.flatnonzero(is_node))))
    return pa.concat_tables(parts).sort_by("index")


def matrix_to_lists(values: NDArray[np.float32]) -> pa.ListArray:
    """Return (n, dim) float32 as a list column."""
    rows, dim = values.shape
    offsets = np.arange(0, (rows + 1) * dim, dim, dtype=np.int32) if rows else np.zeros(1, np.int32)
    return pa.ListArray.from_arrays(
        arrow_numpy.to_arrow(offsets), arrow_numpy.to_arrow(np.ascontiguousarray(values).reshape(-1))
    )


def lists_to_matrix(column: pa.ListArray | pa.ChunkedArray) -> NDArray[np.float32]:
    """Return the (n, dim) float32 of a list column whose lists have one length."""
    flat = arrow_numpy.to_numpy(arrow_numpy.combine_chunks(column).flatten()).astype(np.float32, copy=False)
    return np.asarray(flat.reshape(len(column), -1) if len(column) else flat.reshape(0, 0))
