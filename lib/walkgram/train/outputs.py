"""The check that every number of a model's outputs is finite, and the table of losses."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from walkgram import tables
from walkgram.errors import TrainError
from walkgram.train.data import arrow_numpy
from walkgram.train.models.base import TableOutput
from walkgram.train.state import EpochResult

__all__ = ["finite_batches", "loss_output"]


def finite_batches(output: TableOutput) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an output. Raises `TrainError` at the first number that is not finite; a null is no such number."""
    for batch in output.batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            row = find_nonfinite_row(column)
            if row is not None:
                key = batch.schema.names[0]
                raise TrainError(
                    f"table {output.table}: {name} is not finite after training where {key} is {batch[key][row].as_py()!r}: "
                    "lower the learning rate and train again with --force"
                )
        yield batch


def find_nonfinite_row(column: pa.Array) -> int | None:
    """Return the first row of a column with a number, or a list with one, that is not finite; None where there is none."""
    is_list = pa.types.is_list(column.type)
    values = column.flatten() if is_list else column
    if not pa.types.is_floating(values.type):
        return None
    present = values.drop_null() if values.null_count else values  # not fill_null, which loads pandas
    wrong = np.flatnonzero(~np.isfinite(arrow_numpy.to_numpy(present)))
    if not len(wrong):
        return None
    place = int(np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))[wrong[0]])
    return int(pc.list_parent_indices(column)[place].as_py()) if is_list else place


def loss_output(epochs: Sequence[EpochResult]) -> TableOutput:
    """Return the table of losses, a row for each epoch."""
    schema = tables.table_schema("losses")
    columns = [arrow_numpy.nullable([getattr(epoch, field.name) for epoch in epochs]).cast(field.type) for field in schema]
    return TableOutput("losses", schema, [pa.RecordBatch.from_arrays(columns, schema=schema)])
