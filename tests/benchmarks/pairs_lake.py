"""A lake of synthetic interactions as the job interactions writes it, and a check of the edges that others make from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import lake_tables
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray
from synthetic_interactions import Int64Array, count_increments

from walkgram import tables

FILES = 8
TOLERANCE = 5e-10  # from the formula, so that two tables are within 1e-9 of each other


@dataclass(frozen=True)
class Lake:
    """The folder of a lake, and the counts of its interactions. frequency (items,) int64: users of each item, by index."""

    root: Path
    rows: int
    increments: int
    frequency: Int64Array


def write_lake(root: Path, user: Int64Array, item: Int64Array) -> Lake:
    """Write the tables interactions and vocabulary of (user, item)."""
    ids, count = np.unique_counts(item)
    order = np.lexsort((ids, -count))
    frequency = count[order]
    interactions = {
        "user_id": pa.array(user),
        "item_id": pa.array(item),
        "rating": pa.array(np.full(len(user), 5.0, np.float32)),
        "timestamp": pa.nulls(len(user), pa.timestamp("us", "UTC")),
    }
    vocabulary = [np.arange(len(ids)), ids[order], frequency]
    contents = {
        "interactions": pa.table(interactions, schema=tables.table_schema("interactions", pa.int64())),
        "vocabulary": pa.table(vocabulary, schema=tables.table_schema("vocabulary", pa.int64())),
    }
    lake_tables.write_tables(root, "interactions", contents, FILES)
    return Lake(root, len(user), count_increments(user), frequency)


class EdgesDigest(NamedTuple):
    """The rows of a table of edges, and two sums over them of hashes of (src, dst, frequency): equal in any order."""

    rows: int
    first: int
    second: int


def digest_edges(folder: Path, lake: Lake) -> EdgesDigest:
    """Read a table of edges once; raises `SystemExit` where a pmi or a weight does not follow from the frequencies."""
    rows, first, second = 0, 0, 0
    logs = np.log(lake.frequency)
    for batch in ds.dataset(folder, format="parquet").to_batches():
        src, dst, frequency, pmi, weight = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "pmi", "weight"))
        exact = np.log(frequency) + np.log(lake.rows) - logs[src] - logs[dst]
        is_exact = (src < dst) & (np.abs(pmi - exact) <= TOLERANCE)
        is_exact &= np.abs(weight - exact * frequency) <= TOLERANCE * np.maximum(weight, 1.0)
        if not is_exact.all():
            raise SystemExit(f"{folder}: the pmi or weight of {(~is_exact).sum()} edges does not follow from their frequencies")
        hashes = mix_bits((src * len(logs) + dst).view(np.uint64) ^ mix_bits(frequency.view(np.uint64)))
        rows += len(batch)
        first, second = (first + int(hashes.sum())) % 2**64, (second + int(mix_bits(hashes).sum())) % 2**64
    return EdgesDigest(rows, first, second)


def mix_bits(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the values mixed by the finalizer of SplitMix64."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def compare_edges(lake: Lake, folders: dict[str, Path]) -> int:
    """Return the number of edges in the tables of all sides; raises `SystemExit` where the tables differ."""
    digests = {name: digest_edges(folder, lake) for name, folder in folders.items()}
    if len(set(digests.values())) > 1:
        raise SystemExit(f"the edges differ: {', '.join(f'{name} has {digest}' for name, digest in digests.items())}")
    return next(iter(digests.values())).rows
