"""Numbers <-> columns of Arrow, in the same memory, and without pandas: pyarrow's conversions load its 37 MiB."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["combine_chunks", "nullable", "repeat_text", "to_arrow", "to_numpy"]


def combine_chunks(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one chunk; copied where it has several."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def to_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return the (n,) numbers of a column without nulls, of its type; read-only."""
    return np.asarray(np.from_dlpack(combine_chunks(column)))


def to_arrow(values: NDArray[Any]) -> pa.Array:
    """Return (n,) numbers as a column of their type."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def nullable(values: Sequence[float | None]) -> pa.Array:
    """Return a few numbers as a column of doubles, None as null."""
    validity = np.packbits(np.array([value is not None for value in values], np.bool_), bitorder="little")
    doubles = np.array([0.0 if value is None else value for value in values], np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [pa.py_buffer(validity), pa.py_buffer(doubles)])


def repeat_text(text: str, n: int) -> pa.Array:
    """Return a column of n times the same text."""
    data = text.encode()
    ends = len(data) * np.arange(n + 1, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), n, [None, pa.py_buffer(ends), pa.py_buffer(data * n)])
