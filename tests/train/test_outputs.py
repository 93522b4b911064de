"""What a model writes: a number that is not finite ends the run and is named; the table of losses."""

import pyarrow as pa
import pytest

from walkgram.errors import TrainError
from walkgram.train.models.base import TableOutput
from walkgram.train.outputs import finite_batches, loss_output
from walkgram.train.state import EpochResult

F32 = pa.list_(pa.float32())


def make_output(vectors: list[list[float] | None], weights: list[float | None]) -> TableOutput:
    columns = [pa.array([f"i{k}" for k in range(len(vectors))]), pa.array(vectors, F32), pa.array(weights, pa.float64())]
    batch = pa.RecordBatch.from_arrays(columns, names=["item_id", "vector", "weight"])
    return TableOutput("embeddings", batch.schema, [batch.slice(0, 1), batch.slice(1)])


def test_finite_batches_pass_and_nulls_too() -> None:
    output = make_output([[1, 2], None, [3, 4]], [0.5, None, 1.0])
    assert pa.Table.from_batches(finite_batches(output)).num_rows == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_named_by_table_column_and_key(value: float) -> None:
    with pytest.raises(TrainError, match="table embeddings: vector is not finite after training where item_id is 'i2'"):
        list(finite_batches(make_output([[1, 2], None, [3, value]], [1, 1, 1])))
    with pytest.raises(TrainError, match="table embeddings: weight is not finite after training where item_id is 'i1'"):
        list(finite_batches(make_output([[1], [2], [3]], [None, value, None])))


def test_losses_have_a_row_for_each_epoch() -> None:
    table, schema, batches = loss_output([EpochResult(1, 2.5, 3.0), EpochResult(2, 2.0, 3.0, 1.5)])
    rows = pa.Table.from_batches(batches, schema).to_pylist()
    assert table == "losses"
    assert [(row["epoch"], row["loss"], row["validation_loss"]) for row in rows] == [(1, 2.5, None), (2, 2.0, 1.5)]
