"""A weighted edge's facts side by side: threshold, alias, node, and the share of its way back, in one cache line.

Walks read all of an edge or nothing of it, so that records save a cache miss a step over an array for each fact.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["unpack_block", "view_columns"]


def view_columns(records: NDArray[np.uint32]) -> Mapping[str, NDArray[Any]]:
    """slots (m, 2) uint32, indices (m,) int32, back (m,) float32 of records (m, 4) uint32; back is empty where (m, 3)."""
    back = records.view(np.float32)[:, 3] if records.shape[1] == 4 else np.empty(0, np.float32)
    return {"slots": records[:, :2], "indices": records.view(np.int32)[:, 2], "back": back}


def unpack_block(block: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """The arrays of a block, its records, where it has them, as the views of their columns."""
    return block if "records" not in block else {**block, **view_columns(block["records"])}
