"""Columns of Arrow as arrays of numpy and back: parts, pieces, types, nulls."""

import numpy as np
import pyarrow as pa
import pytest

from walkgram.train.data import arrow_numpy

KINDS = [pa.int32(), pa.int64(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_gives_its_own_numbers(kind: pa.DataType) -> None:
    found = arrow_numpy.to_numpy(pa.array(range(10), kind).slice(3, 4))
    assert found.dtype == kind.to_pandas_dtype()
    assert found.tolist() == [3, 4, 5, 6]


def test_a_column_in_pieces_is_made_whole() -> None:
    pieces = pa.chunked_array([[1, 2], [], [3]], pa.int64())
    assert arrow_numpy.to_numpy(pieces).tolist() == [1, 2, 3]
    assert arrow_numpy.to_numpy(pieces.slice(1, 1)).tolist() == [2]
    assert arrow_numpy.combine_chunks(pa.chunked_array([], pa.string())).to_pylist() == []
    assert arrow_numpy.to_numpy(pa.chunked_array([], pa.int64())).shape == (0,)


def test_numbers_outlive_their_column() -> None:
    column = pa.array(np.arange(1000))
    found = arrow_numpy.to_numpy(column.slice(10))
    del column
    assert found.tolist() == list(range(10, 1000))


@pytest.mark.filterwarnings("ignore:Exporting an unversioned DLPack")  # numpy asks again, and the older way
def test_a_null_is_refused() -> None:
    with pytest.raises(pa.ArrowTypeError):
        arrow_numpy.to_numpy(pa.array([1, None]))


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_become_a_column_of_their_type(kind: pa.DataType) -> None:
    values = np.arange(6, dtype=kind.to_pandas_dtype())
    assert arrow_numpy.to_arrow(values[::2]).equals(pa.array([0, 2, 4], kind))
    assert arrow_numpy.to_arrow(values[:0]).equals(pa.array([], kind))


@pytest.mark.parametrize("values", [[], [None], [1.5, None, 3], [1, 2], [None] * 9 + [4.0]])
def test_none_is_null(values: list[float | None]) -> None:
    assert arrow_numpy.nullable(values).to_pylist() == values


@pytest.mark.parametrize(("text", "n"), [("trained", 3), ("ä", 2), ("", 4), ("x", 0)])
def test_a_text_is_repeated(text: str, n: int) -> None:
    column = arrow_numpy.repeat_text(text, n)
    column.validate(full=True)
    assert column.to_pylist() == [text] * n
