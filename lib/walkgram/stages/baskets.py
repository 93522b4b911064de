"""interactions -> users' lists as blocks that the counting tasks map, and what is known of all blocks together.

Users are dealt to blocks by the hash of their id; a task makes a block of `kernels.lists`. One further task adds up
the items' frequencies and the work of counting.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.config.counting import Pairs
from walkgram.kernels import lists
from walkgram.stages.contract import BlockStore, packed
from walkgram.stages.workers import keep_archives

__all__ = ["LISTS", "TOTALS", "bounds", "indexed", "lists_of", "totals"]

LISTS = "block long, users long, entries long"
TOTALS = "users long, entries long, increments long"
SINGLE = 1 << 15  # items whose work is known one by one, which holds the popular ones while the vocabulary is young
RANGES = 1 << 15  # ranges that the work of the others is known for


def indexed(interactions: DataFrame, vocabulary: DataFrame, config: Pairs) -> DataFrame:
    """user_id, index int, and where the configuration needs them `time` (microseconds) and `draw` (the cap's lot).

    The lot is a function of the ids and the seed, so that it stays whatever index an item has. Sequences leave out what
    has no time.
    """
    columns = [F.col("user_id"), F.col("item_id")]
    if config.mode == "sequence":
        interactions = interactions.where(F.col("timestamp").isNotNull())
        columns.append(F.unix_micros("timestamp").alias("time"))
    if config.cap:
        columns.append(F.xxhash64("user_id", "item_id", F.lit(config.seed)).alias("draw"))
    joined = interactions.select(*columns).join(vocabulary.select("item_id", "index"), on="item_id", how="inner")
    return joined.drop("item_id").withColumn("index", F.col("index").cast("int"))


def lists_of(indexed: DataFrame, blocks: int, n: int, config: Pairs, store: BlockStore) -> DataFrame:
    """Write the users' lists as `blocks` blocks; returns one row for each that has a user.

    indexed: from `indexed`; n: items in all. Memory of a task: about 60 bytes an entry of its block.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keep_archives()
        held = list(batches)
        context = TaskContext.get()
        if not held or context is None:
            return
        table = pa.Table.from_batches(held)
        held.clear()
        users, items, times = cut(table, config)
        order = None if times is None else lists.Order(times, config.window, round(config.max_gap * 1e6))
        made = lists.block(users, items, n, order, config.user_weight)
        edges = bounds(n)
        made["work"] = lists.work(made["indptr"], made["starts"], made["stops"], edges)
        store.write(context.partitionId(), made)
        row = {"block": context.partitionId(), "users": made["users"][0], "entries": len(items)}
        yield from packed({name: np.array([value]) for name, value in row.items()})

    return indexed.repartition(blocks, "user_id").mapInArrow(write, LISTS)


def cut(table: pa.Table, config: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(users 0..m-1, items, times or None) of the entries that the cap leaves."""
    coded = table["user_id"].dictionary_encode().combine_chunks()  # in this order: the ids may be more than 2 GiB of text
    users, items = coded.indices.to_numpy(), table["index"].combine_chunks().to_numpy()
    times = table["time"].combine_chunks().to_numpy() if config.mode == "sequence" else None
    if config.cap:
        kept = lists.capped(users, table["draw"].combine_chunks().to_numpy(), config.cap)
        users, items, times = users[kept], items[kept], None if times is None else times[kept]
    return users, items, times


def bounds(n: int) -> np.ndarray:
    """Bounds of the consecutive ranges of n items that work is summed over: few enough for the driver to look at."""
    rest = max(0, n - SINGLE)
    size = max(1, -(-rest // RANGES))
    return np.concatenate([np.arange(min(n, SINGLE)), np.arange(SINGLE, n, size), [n]]).astype(np.int64)


def totals(task: DataFrame, made: Sequence[int], n: int, source: BlockStore, store: BlockStore) -> DataFrame:
    """Add the blocks `made` up, in one task; returns one row.

    Block 0 of `store` gets, by item, `f` (users) and `s` (their weights in units of 1 / SCALE; f without weights),
    int64; block 1 `work` (2, ranges) int64, `users` (2,): how many, and their weights, and `blocks`, the numbers `made`.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keep_archives()
        for _ in batches:
            f, s = np.zeros(n, np.int64), np.zeros(n, np.int64)
            work, users, weighted = np.zeros((2, len(bounds(n)) - 1), np.int64), np.zeros(2, np.int64), False
            for number in made:
                block = source.open(number)
                weighted |= len(block["weights"]) > 0
                lists.frequencies(block["indptr"], block["weights"], f, s)
                work += block["work"]
                users += block["users"]
            store.write(0, {"f": f, "s": s if weighted else f})
            store.write(1, {"work": work, "users": users, "blocks": np.array(made, np.int64)})
            row = {"users": users[0], "entries": f.sum(), "increments": work[0].sum()}
            yield from packed({name: np.array([value]) for name, value in row.items()})

    return task.mapInArrow(write, TOTALS)
