"""A warm start: rows by item, new items by their neighbours' mean, tables that do not fit refused."""

import numpy as np
import pyarrow as pa
import pytest

from walkgram.errors import TrainError
from walkgram.kernels.sgns.params import SgnsTables
from walkgram.train.data import warm_start

DIM = 3
F32 = pa.list_(pa.float32())


def table(rows: dict[object, float], contexts: bool = True, dim: int = DIM) -> pa.Table:
    """Make an embeddings table: an item's vector is filled with its number, its context vector with ten times that."""
    return pa.table({
        "item_id": list(rows),
        "vector": pa.array([[x] * dim for x in rows.values()], F32),
        "context_vector": pa.array([[10 * x] * dim if contexts else None for x in rows.values()], F32),
    })  # fmt: skip


def blank(n: int) -> SgnsTables:
    return SgnsTables(np.full((n, DIM), -1, np.float32), np.full((n, DIM), -2, np.float32))


@pytest.mark.parametrize("ids", [["a", "b", "c", "d"], [10, 11, 12, 13]], ids=["strings", "longs"])
def test_rows_are_found_by_item_in_any_part(ids: list[object]) -> None:
    vector, context = tables = blank(4)
    parts = [
        table({ids[2]: 3.0, (99 if ids[0] == 10 else "gone"): 9.0}),
        table({ids[0]: 1.0}),
        table({ids[0]: 1.0}).slice(0, 0),
    ]
    is_known = warm_start.copy_known_rows(tables, pa.array(ids), parts, "place")
    assert is_known.tolist() == [True, False, True, False]
    assert vector[:, 0].tolist() == [1, -1, 3, -1]
    assert context[:, 1].tolist() == [10, -2, 30, -2]


def test_without_context_vectors_only_the_vectors_are_taken() -> None:
    vector, context = tables = blank(2)
    assert warm_start.copy_known_rows(tables, pa.array(["a", "b"]), [table({"b": 2.0}, contexts=False)], "place").tolist() == [
        False,
        True,
    ]
    assert (vector[1] == 2).all()
    assert (context == -2).all()


def test_vectors_of_another_length_or_not_finite_are_refused() -> None:
    with pytest.raises(TrainError, match=r"place: vectors of 5 numbers, train.dim is 3"):
        warm_start.copy_known_rows(blank(1), pa.array(["a"]), [table({"a": 1.0}, dim=5)], "place")
    with pytest.raises(TrainError, match=r"place: a vector that is not finite"):
        warm_start.copy_known_rows(blank(1), pa.array(["a"]), [table({"a": float("nan")})], "place")
    holed = table({"a": 1.0}).set_column(1, "vector", pa.array([[1.0, None, 1.0]], F32))
    with pytest.raises(TrainError, match=r"place: a vector that is not finite"):
        warm_start.copy_known_rows(blank(1), pa.array(["a"]), [holed], "place")


def test_new_rows_start_at_the_mean_of_their_known_neighbours_by_weight() -> None:
    vector, context = tables = blank(5)
    vector[[0, 1]], context[[0, 1]] = [[1] * 3, [4] * 3], [[10] * 3, [40] * 3]
    nodes = np.array([3, 5, 6, 8, 9])  # vocabulary indices; 7 has no row
    is_known = np.array([True, True, False, False, False])
    edges = [
        pa.table({"src": [3, 6, 3], "dst": [6, 7, 5], "weight": [1.0, 50.0, 9.0]}),
        pa.table({"src": [6, 6, 8], "dst": [5, 8, 9], "weight": [2.0, 7.0, 1.0]}),
    ]
    assert warm_start.average_neighbours(tables, is_known, nodes, edges) == 1
    assert vector[:, 0].tolist() == [1, 4, 3, -1, -1]
    assert context[:, 0].tolist() == [10, 40, 30, -2, -2]
    assert warm_start.average_neighbours(tables, np.ones(5, bool), nodes, edges) == 0


def test_a_row_without_a_vector_is_not_found_and_others_of_its_part_are() -> None:
    vector, context = tables = blank(3)
    part = pa.table({
        "item_id": ["a", "b", "c"],
        "vector": pa.array([[1.0] * DIM, None, [3.0] * DIM], F32),
        "context_vector": pa.array([[10.0] * DIM, [20.0] * DIM, None], F32),
    })  # fmt: skip
    assert warm_start.copy_known_rows(tables, pa.array(["a", "b", "c"]), [part], "place").tolist() == [
        True,
        False,
        True,
    ]
    assert vector[:, 0].tolist() == [1, -1, 3]
    assert context[:, 0].tolist() == [10, 20, -2]


def test_ids_that_have_become_longs_are_still_found() -> None:
    tables = blank(2)
    parts = [table({"7": 1.0, "x": 5.0})]
    assert warm_start.copy_known_rows(tables, pa.array([7, 8]), parts, "place").tolist() == [True, False]


def test_where_nothing_was_found_no_row_has_a_neighbour() -> None:
    edges = [pa.table({"src": [0], "dst": [1], "weight": [1.0]})]
    assert warm_start.average_neighbours(blank(2), np.zeros(2, bool), np.arange(2), edges) == 0
