"""A warm start: the vectors of an earlier run, and for new items the mean of their neighbours' vectors."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from walkgram.errors import TrainError
from walkgram.kernels.sgns.params import SgnsTables
from walkgram.train.data import arrow_numpy, embedding_table

__all__ = ["EMBEDDING_COLUMNS", "average_neighbours", "copy_known_rows"]

EDGES = 1 << 16  # at a time
EMBEDDING_COLUMNS = ("item_id", "vector", "context_vector")


def copy_known_rows(tables: SgnsTables, ids: pa.Array, previous: Iterable[pa.Table], path: str) -> NDArray[np.bool_]:
    """Copy the rows of an earlier embeddings table by item; return (n,) whether a row has got a vector.

    ids: the item of each row; previous: parts of that table, with EMBEDDING_COLUMNS; path: its name, for messages. A row
    without a context vector keeps the present one. Raises `TrainError` for vectors of another length, or that are not finite.
    """
    is_known = np.zeros(len(tables.vector), bool)
    known_ids = ids.cast(pa.string())  # ids that have become longs, or text, are still the same
    for part in previous:
        if not len(part):
            continue
        rows = pc.index_in(part["item_id"].cast(known_ids.type), value_set=known_ids)
        for name, table in (("context_vector", tables.context), ("vector", tables.vector)):
            is_there = pc.and_(rows.is_valid(), part[name].is_valid())
            places = arrow_numpy.to_numpy(rows.filter(is_there)).astype(np.int64)
            table[places] = check_vectors(part[name].filter(is_there), table.shape[1], path)
        is_known[places] = True
    return is_known


def check_vectors(lists: pa.ChunkedArray, dim: int, path: str) -> NDArray[np.float32]:
    """Return the (m, dim) of a list column. Raises `TrainError` for another length, or values that are not finite."""
    lengths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if lengths not in ([], [dim]):
        raise TrainError(
            f"{path}: vectors of {lengths[0]} numbers, train.dim is {dim}: set train.dim to that, or train.warm_start to ''"
        )
    has_nulls = pc.list_flatten(lists).null_count > 0
    if has_nulls or not np.isfinite(values := embedding_table.lists_to_matrix(lists).reshape(-1, dim)).all():
        raise TrainError(
            f"{path}: a vector that is not finite: start from other embeddings, or without any (train.warm_start = '')"
        )
    return values


def average_neighbours(
    tables: SgnsTables, is_known: NDArray[np.bool_], nodes: NDArray[np.int64], edges: Iterable[pa.Table]
) -> int:
    """Set every unknown row to the mean of its known neighbours' rows, by edge weight; return how many have one.

    is_known (n,); nodes (n,) int64, rising: the vocabulary index of each row; edges: parts of the table (src, dst, weight),
    read in both directions.
    """
    unknown = np.flatnonzero(~is_known)
    if not len(unknown) or not is_known.any():
        return 0
    places = np.full(len(is_known), -1, np.int64)
    places[unknown] = np.arange(len(unknown))
    sums, weights = np.zeros((2, len(unknown), tables.vector.shape[1]), np.float32), np.zeros(len(unknown))
    for part in (group.slice(low, EDGES) for group in edges for low in range(0, len(group), EDGES)):
        ends = [arrow_numpy.to_numpy(part[name]) for name in ("src", "dst")]
        weight = arrow_numpy.to_numpy(part["weight"])
        rows = [np.minimum(np.searchsorted(nodes, end), len(nodes) - 1) for end in ends]
        are_nodes = (nodes[rows[0]] == ends[0]) & (nodes[rows[1]] == ends[1])
        for a, b in (rows, rows[::-1]):
            chosen = are_nodes & ~is_known[a] & is_known[b]
            targets, factors = places[a[chosen]], weight[chosen, None]
            np.add.at(sums[0], targets, factors * tables.vector[b[chosen]])
            np.add.at(sums[1], targets, factors * tables.context[b[chosen]])
            np.add.at(weights, targets, weight[chosen])
    has_neighbour = weights > 0
    for total, table in zip(sums, tables, strict=True):
        table[unknown[has_neighbour]] = total[has_neighbour] / weights[has_neighbour, None]
    return int(has_neighbour.sum())
