"""interactions -> basket blocks -> exact pair counts, without a shuffle of pairs.

Users are dealt to blocks by the hash of their id; each block's lists become one CSR file (`gram.block_of_baskets`).
Counting tasks own ranges of items of about equal work and read every block through the page cache.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.kernels import gram
from walkgram.stages.contract import BlockStore, packed

__all__ = ["SCHEMA", "Plan", "baskets", "counts", "frequencies", "pairs", "plan"]

SCHEMA = "src long, dst long, frequency long, support double"
CHUNKS = 1 << 16  # the items' work is summed in at most this many chunks, which is all that the driver sees of it

# What a counting task does with each batch of counts: (src, dst, frequency) -> columns of the rows to emit.
Counted = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]


def baskets(indexed: DataFrame, blocks: int, n: int, store: BlockStore) -> DataFrame:
    """Write the users' lists as blocks; returns one row a block and chunk: block, users, entries, chunk, work.

    indexed: user_id, index; n: items in all. A block without users is not written.
    """
    lists = indexed.groupBy("user_id").agg(F.collect_list("index").alias("items"))
    dealt = lists.select((F.pmod(F.xxhash64("user_id"), F.lit(blocks))).alias("block"), "items")
    placed = dealt.repartition(blocks, "block").sortWithinPartitions("block")

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if not held:
            return
        table = pa.Table.from_batches(held)
        block = table["block"].combine_chunks().to_numpy()
        items = table["items"].combine_chunks()
        lengths = items.value_lengths().to_numpy()
        values = items.flatten().to_numpy()
        ends = np.concatenate([[0], np.cumsum(lengths)])
        for number in np.unique(block):
            rows = np.flatnonzero(block == number)
            low, high = rows[0], rows[-1] + 1
            indptr = (ends[low : high + 1] - ends[low]).astype(np.int64)
            arrays = gram.block_of_baskets(indptr, values[ends[low] : ends[high]].astype(np.int32), n)
            store.write(int(number), arrays)
            yield from packed(work_row(int(number), high - low, len(arrays["items"]), arrays))

    return placed.mapInArrow(write, "block long, users long, entries long, chunk long, work long")


def work_row(block: int, users: int, entries: int, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The work of a block's items by chunk; users and entries stand in its first row only, so that sums are right."""
    work = gram.work_of_items(arrays["indptr"], arrays["starts"], arrays["stops"])
    size = chunk_size(len(work))
    sums = np.add.reduceat(work, np.arange(0, len(work), size))
    first = np.zeros(len(sums), np.int64)
    first[0] = 1
    return {
        "block": np.full(len(sums), block),
        "users": first * users,
        "entries": first * entries,
        "chunk": np.arange(len(sums)),
        "work": sums,
    }


def chunk_size(n: int) -> int:
    """Items of a chunk."""
    return max(1, -(-n // CHUNKS))


class Plan(NamedTuple):
    """What counting needs to know beforehand: users in all, increments in all, the blocks, the items' work by chunk."""

    users: int
    increments: int
    blocks: list[int]
    work: np.ndarray

    def ranges(self, n: int, tasks: int) -> list[tuple[int, int]]:
        """Consecutive ranges of the n items, of about equal work, for at most `tasks` tasks."""
        bounds = np.minimum(gram.ranges_of_equal_work(self.work, tasks) * chunk_size(n), n)
        return [(int(low), int(high)) for low, high in pairwise(bounds)]


def plan(work: DataFrame) -> Plan:
    """The plan, from the rows of `baskets`: one row a block and CHUNKS rows at most come to the driver."""
    blocks = work.where(F.col("users") > 0).select("block", "users").collect()
    sums = work.groupBy("chunk").agg(F.sum("work").alias("work")).orderBy("chunk").collect()
    by_chunk = np.array([row["work"] for row in sums], np.int64)
    return Plan(sum(row["users"] for row in blocks), int(by_chunk.sum()), sorted(row["block"] for row in blocks), by_chunk)


def counts(
    tasks: DataFrame,
    spans: list[tuple[int, int]],
    blocks: list[int],
    n: int,
    store: BlockStore,
    then: Counted,
    schema: str,
) -> DataFrame:
    """Count the items of span i = (low, high) for each row `id` = i of `tasks` and emit what `then` makes of the counts.

    Memory of a task: 12 bytes an item, and the batch in flight; the blocks are mapped.
    """

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        opened = [store.open(number) for number in blocks]
        accumulator, touched = np.zeros(n, np.int64), np.empty(n, np.int32)
        for batch in batches:
            for span in batch["id"].to_pylist():
                for rows in rows_of_range(spans[span], opened, accumulator, touched):
                    yield from packed(then(*rows))

    return tasks.mapInArrow(count, schema)


def rows_of_range(
    span: tuple[int, int], blocks: Sequence[Mapping[str, np.ndarray]], accumulator: np.ndarray, touched: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(src, dst, frequency) of the items of a span (low, high), in batches of about a million pairs."""
    waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    size = 0
    for item in range(*span):
        parts = []
        for block in blocks:
            first, last = block["indptr"][item], block["indptr"][item + 1]
            if last > first:
                parts.append((block["items"], block["starts"][first:last], block["stops"][first:last]))
        if not parts:
            continue
        partners, frequency = gram.count_row(parts, accumulator, touched)
        waiting.append((partners.astype(np.int64), np.full(len(partners), item, np.int64), frequency))
        size += len(partners)
        if size >= 1 << 20:
            yield joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield joined(waiting)


def joined(rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Concatenate columnwise."""
    src, dst, frequency = (np.concatenate(column) for column in zip(*rows, strict=True))
    return src, dst, frequency


def pairs(src: np.ndarray, dst: np.ndarray, frequency: np.ndarray) -> dict[str, np.ndarray]:
    """Counts as rows of the table `pairs`; without per-user weights the support is the frequency."""
    return {"src": src, "dst": dst, "frequency": frequency, "support": frequency.astype(np.float64)}


def frequencies(vocabulary: DataFrame, n: int, store: BlockStore) -> DataFrame:
    """Write f, the items' frequencies by dense index, as one block; returns one row: items, total."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        f = np.zeros(n, np.int64)
        for batch in batches:
            f[batch["index"].to_numpy()] = batch["frequency"].to_numpy()
        store.write(0, {"f": f})
        yield from packed({"items": np.array([n]), "total": np.array([f.sum()])})

    return vocabulary.select("index", "frequency").coalesce(1).mapInArrow(write, "items long, total long")
