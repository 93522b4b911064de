"""A warm start: the vectors of an earlier run, and for new items the mean of their neighbours'."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from walkgram.errors import TrainError
from walkgram.train.data import arrow_numpy, embedding_table

__all__ = ["average_neighbours", "copy_known_rows"]

EDGES = 1 << 16  # at a time


def copy_known_rows(
    vector: NDArray[np.float32], context: NDArray[np.float32], ids: pa.Array, earlier: Iterable[pa.Table], place: str
) -> NDArray[np.bool_]:
    """Fill the rows whose item is in an earlier embeddings table; (n,) whether a row's was.

    vector, context (n, dim) float32; ids: the item of each row; earlier: parts of the table (item_id, vector, context_vector).
    Rows without a context vector keep theirs. Raises `TrainError` for vectors of another length, or that are not finite.
    """
    found = np.zeros(len(vector), bool)
    known_ids = ids.cast(pa.string())  # a source whose ids have become longs, or text, is still the same
    for part in earlier:
        if not len(part):
            continue
        rows = pc.index_in(part["item_id"].cast(known_ids.type), value_set=known_ids)
        for name, to in (("context_vector", context), ("vector", vector)):
            known = pc.and_(rows.is_valid(), part[name].is_valid())
            at = arrow_numpy.to_numpy(rows.filter(known)).astype(np.int64)
            to[at] = check_vectors(part[name].filter(known), vector.shape[1], place)
        found[at] = True
    return found


def check_vectors(lists: pa.ChunkedArray, dim: int, place: str) -> NDArray[np.float32]:
    """(m, dim) of a list column. Raises `TrainError` where it is something else."""
    lengths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if lengths not in ([], [dim]):
        raise TrainError(
            f"{place}: vectors of {lengths[0]} numbers, train.dim is {dim}: set train.dim to that, or train.warm_start to ''"
        )
    whole = pc.list_flatten(lists).null_count == 0
    if not whole or not np.isfinite(values := embedding_table.lists_to_matrix(lists).reshape(-1, dim)).all():
        raise TrainError(f"{place}: a vector that is not finite: start from other embeddings, or cold (train.warm_start = '')")
    return values


def average_neighbours(
    vector: NDArray[np.float32], context: NDArray[np.float32], found: NDArray[np.bool_], nodes: NDArray[np.int64],
    edges: Iterable[pa.Table],
) -> int:  # fmt: skip
    """Give the rows that were not found the mean of their found neighbours', by the edges' weights; how many have one.

    nodes (n,) int64, rising: the vocabulary index of each row; edges: parts of the table (src, dst, weight), either way.
    """
    new = np.flatnonzero(~found)
    if not len(new) or not found.any():
        return 0
    place = np.full(len(found), -1, np.int64)
    place[new] = np.arange(len(new))
    sums, weights = np.zeros((2, len(new), vector.shape[1]), np.float32), np.zeros(len(new))
    for part in (whole.slice(low, EDGES) for whole in edges for low in range(0, len(whole), EDGES)):
        ends = [arrow_numpy.to_numpy(part[name]) for name in ("src", "dst")]
        weight = arrow_numpy.to_numpy(part["weight"])
        rows = [np.minimum(np.searchsorted(nodes, end), len(nodes) - 1) for end in ends]
        there = (nodes[rows[0]] == ends[0]) & (nodes[rows[1]] == ends[1])
        for a, b in (rows, rows[::-1]):
            chosen = there & ~found[a] & found[b]
            to, by = place[a[chosen]], weight[chosen, None]
            np.add.at(sums[0], to, by * vector[b[chosen]])
            np.add.at(sums[1], to, by * context[b[chosen]])
            np.add.at(weights, to, weight[chosen])
    with_one = weights > 0
    for total, to in zip(sums, (vector, context), strict=True):
        to[new[with_one]] = total[with_one] / weights[with_one, None]
    return int(with_one.sum())
