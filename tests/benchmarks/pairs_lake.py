"""A lake of made interactions as the job interactions would have left it, and what a table of edges made from it holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import lakes
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from interactions_made import Longs, increments
from numpy.typing import NDArray

from walkgram import tables

FILES = 8
NEAR = 5e-10  # of the formula, so that two tables are within 1e-9 of each other


@dataclass(frozen=True)
class Lake:
    """Where a lake is and what is known of it. frequency (items,) int64: users of each item, by dense index."""

    root: Path
    rows: int
    increments: int
    frequency: Longs


def written(root: Path, user: Longs, item: Longs) -> Lake:
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
    made = {
        "interactions": pa.table(interactions, schema=tables.table_schema("interactions", pa.int64())),
        "vocabulary": pa.table(vocabulary, schema=tables.table_schema("vocabulary", pa.int64())),
    }
    lakes.written(root, "interactions", made, FILES)
    return Lake(root, len(user), increments(user), frequency)


class Held(NamedTuple):
    """What a table of edges holds: its rows, and two sums over them of hashes of (src, dst, frequency), in any order."""

    rows: int
    first: int
    second: int


def held(folder: Path, lake: Lake) -> Held:
    """Read a table of edges once; ends the benchmark where a pmi or a weight is not what the frequencies make it."""
    rows, first, second = 0, 0, 0
    logs = np.log(lake.frequency)
    for batch in ds.dataset(folder, format="parquet").to_batches():
        src, dst, frequency, pmi, weight = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "pmi", "weight"))
        exact = np.log(frequency) + np.log(lake.rows) - logs[src] - logs[dst]
        right = (src < dst) & (np.abs(pmi - exact) <= NEAR)
        right &= np.abs(weight - exact * frequency) <= NEAR * np.maximum(weight, 1.0)
        if not right.all():
            raise SystemExit(f"{folder}: {(~right).sum()} edges of a batch are not what their frequencies make of them")
        hashed = mixed((src * len(logs) + dst).view(np.uint64) ^ mixed(frequency.view(np.uint64)))
        rows += len(batch)
        first, second = (first + int(hashed.sum())) % 2**64, (second + int(mixed(hashed).sum())) % 2**64
    return Held(rows, first, second)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def same(lake: Lake, folders: dict[str, Path]) -> int:
    """Edges of the tables, by who made them; ends the benchmark where they are not all the same."""
    found = {name: held(folder, lake) for name, folder in folders.items()}
    if len(set(found.values())) > 1:
        raise SystemExit(f"the edges differ: {', '.join(f'{name} has {table}' for name, table in found.items())}")
    return next(iter(found.values())).rows
