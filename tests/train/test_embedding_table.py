"""Matrices and the embeddings table: what goes in comes out."""

import numpy as np
import pyarrow as pa
import pytest

from walkgram import tables
from walkgram.train.data import embedding_table

VECTORS = np.array([[1, 2, 3], [4, 5, 6], [-1e30, 1e-45, 0], [0, 0, 0]], np.float32)
FREQUENCY = np.array([9, 5, 2, 2])


def written(ids: pa.Array, vectors: np.ndarray, contexts: np.ndarray | None) -> pa.Table:
    schema = tables.table_schema("embeddings", ids.type)
    words = pa.table({"frequency": np.resize(FREQUENCY, len(vectors)), "item_id": ids})
    batches = embedding_table.embedding_batches(schema, words, vectors, contexts, "run")
    return pa.Table.from_batches(batches, schema)


@pytest.mark.parametrize("ids", [pa.array([30, 10, 40, 20]), pa.array(["b", "a", "ä", ""])], ids=["longs", "strings"])
def test_the_table_holds_the_vectors_in_order(ids: pa.Array) -> None:
    rows = written(ids, VECTORS, -VECTORS)
    assert rows.schema == tables.table_schema("embeddings", ids.type)
    assert rows["item_id"].to_pylist() == ids.to_pylist()
    assert rows["vector"].to_pylist() == VECTORS.tolist()
    assert rows["context_vector"].to_pylist() == (-VECTORS).tolist()
    assert rows["frequency"].to_pylist() == FREQUENCY.tolist()
    assert set(rows["origin"].to_pylist()) == {"trained"}
    assert set(rows["run_id"].to_pylist()) == {"run"}
    assert rows["side"].null_count == 4


def test_without_contexts_the_column_is_null() -> None:
    assert written(pa.array([1, 2, 3, 4]), VECTORS, None)["context_vector"].null_count == 4


@pytest.mark.parametrize("contexts", [True, False])
def test_many_rows_come_in_parts_that_fit_together(monkeypatch: pytest.MonkeyPatch, contexts: bool) -> None:
    monkeypatch.setattr(embedding_table, "ROWS", 3)
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    rows = written(pa.array(range(10)), vectors, vectors + 1 if contexts else None)
    assert rows["vector"].num_chunks == 4
    assert rows["item_id"].to_pylist() == list(range(10))
    assert rows["frequency"].to_pylist() == np.resize(FREQUENCY, 10).tolist()
    np.testing.assert_array_equal(embedding_table.lists_to_matrix(rows["vector"]), vectors)
    if contexts:
        np.testing.assert_array_equal(embedding_table.lists_to_matrix(rows["context_vector"]), vectors + 1)


@pytest.mark.parametrize("vectors", [VECTORS, VECTORS[:1], VECTORS[:, :1], VECTORS[:, ::-1]])
def test_a_matrix_comes_back_bit_by_bit(vectors: np.ndarray) -> None:
    back = embedding_table.lists_to_matrix(embedding_table.matrix_to_lists(vectors))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, vectors)


def test_a_slice_of_a_column_is_that_part_of_the_matrix() -> None:
    np.testing.assert_array_equal(
        embedding_table.lists_to_matrix(embedding_table.matrix_to_lists(VECTORS).slice(1, 2)), VECTORS[1:3]
    )


def test_no_rows_make_an_empty_table_and_an_empty_matrix() -> None:
    assert written(pa.array([], pa.int64()), VECTORS[:0], None).num_rows == 0
    assert embedding_table.lists_to_matrix(embedding_table.matrix_to_lists(VECTORS[:0])).shape == (0, 0)
    assert embedding_table.lists_to_matrix(pa.chunked_array([], pa.list_(pa.float32()))).shape == (0, 0)
