"""The data of a weighted edge side by side in one cache line: threshold, alias, node, probability of the reverse step.

Walks read either all data of an edge or none of it: records save a cache miss a step over an array for each.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from walkgram.kernels.arrays import Float32Array, IntArray, UInt32Matrix

__all__ = ["EdgeArrays", "unpack_block", "view_columns"]


class EdgeArrays(NamedTuple):
    """The arrays of m edges: alias_table (m, 2) uint32, indices (m,), reverse_probabilities (m,) float32; some may be empty."""

    alias_table: UInt32Matrix
    indices: IntArray
    reverse_probabilities: Float32Array


def view_columns(records: UInt32Matrix) -> EdgeArrays:
    """Return views of the columns of records (m, 4) uint32; without reverse probabilities the records are (m, 3)."""
    has_reverse = records.shape[1] == 4
    reverse_probabilities = records.view(np.float32)[:, 3] if has_reverse else np.empty(0, np.float32)
    return EdgeArrays(records[:, :2], records.view(np.int32)[:, 2], reverse_probabilities)


def unpack_block(block: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a block; its records, if it has them, as views of their columns."""
    return block if "records" not in block else {**block, **view_columns(block["records"])._asdict()}
