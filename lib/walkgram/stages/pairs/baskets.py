"""interactions -> users' lists as blocks that the counting tasks map, and totals over all blocks.

Senders read row groups of the tables themselves, as rows through the JVM would cost several times all other work. They
shuffle the users by a hash of the id; each receiver builds one block of `kernels.pairs.inverted_lists`. One further task adds
up the items' frequencies and the work of counting.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.errors import LakeError, name_jobs
from walkgram.kernels.pairs import ids, inverted_lists
from walkgram.stages.ports import BlockStore, ExchangeStore, RowGroupFile, StageContext, to_batches
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = [
    "BasketStores",
    "assign_row_groups",
    "build_baskets",
    "build_blocks",
    "item_bounds",
    "shuffle_by_user",
    "split_int64",
    "sum_totals",
]

SENDER_SCHEMA = "sender long, entries long"
BLOCK_SCHEMA = "block long, users long, entries long"
TOTALS_SCHEMA = "users long, entries long, increments long"
SINGLE_ITEMS = 1 << 15  # items whose work is stored one by one: the popular ones while the vocabulary is young
ITEM_RANGES = 1 << 15  # ranges of the other items, whose work is stored as a sum
MAX_SENDER_ROWS = 1 << 23
MIN_SENDER_ROWS, FEW_SENDERS = 1 << 20, 8  # up to FEW_SENDERS senders have at least MIN_SENDER_ROWS rows each

RowGroup = tuple[RowGroupFile, int]  # a file and the number of a row group


class BasketStores(NamedTuple):
    """Where `build_baskets` writes: the shuffled interactions, the blocks of lists, and their totals."""

    exchange: ExchangeStore
    lists: BlockStore
    totals: BlockStore


def assign_row_groups(files: Sequence[RowGroupFile]) -> list[list[RowGroup]]:
    """Assign the row groups of a table to senders, balanced by rows; independent of the number of tasks and cores."""
    groups = [(rows, file, group) for file in files for group, rows in enumerate(file.row_groups) if rows]
    total = sum(rows for rows, _, _ in groups)
    num_senders = max(-(-total // MAX_SENDER_ROWS), min(FEW_SENDERS, -(-total // MIN_SENDER_ROWS)))
    senders: list[tuple[int, list[RowGroup]]] = [(0, []) for _ in range(min(len(groups), num_senders))]
    for rows, file, group in groups:
        least = min(range(len(senders)), key=lambda k: senders[k][0])
        senders[least] = (senders[least][0] + rows, [*senders[least][1], (file, group)])
    return [row_groups for _, row_groups in senders]


def build_baskets(
    context: StageContext, table: str, num_blocks: int, n: int, config: Pairs, stores: BasketStores,
    setup: TaskSetup = NO_SETUP,
) -> tuple[list[int], dict[str, int]]:  # fmt: skip
    """Shuffle a table of interactions by user, write the users' lists as blocks, and their totals.

    n: items in the vocabulary. Returns the numbers of the blocks that have a user, and the row of `sum_totals`.
    """
    row_groups = assign_row_groups(context.files(table))
    senders = context.tasks(len(row_groups))
    vocabulary = context.files("vocabulary")
    shuffle_by_user(senders, row_groups, vocabulary, num_blocks, config, stores.exchange, setup).collect()
    rows = []
    if row_groups:
        receivers = context.tasks(num_blocks)
        rows = build_blocks(receivers, len(row_groups), n, config, stores, setup).collect()
    stores.exchange.remove()
    block_numbers = sorted(row["block"] for row in rows)
    totals = sum_totals(context.tasks(1), block_numbers, n, stores.lists, stores.totals, setup).collect()[0]
    return block_numbers, totals.asDict()


def shuffle_by_user(
    tasks: DataFrame, row_groups: Sequence[Sequence[RowGroup]], vocabulary: Sequence[RowGroupFile], num_blocks: int,
    config: Pairs, exchange: ExchangeStore, setup: TaskSetup = NO_SETUP,
) -> DataFrame:  # fmt: skip
    """Send the interactions of row_groups[id] to the block of their user, for each `id` of `tasks`; returns sender, entries.

    A batch has user_id, index, and, if the configuration needs them, `time` (microseconds) and `draw`, the sample key of
    max_items_per_user. The key is a function of the ids and the seed, so that it does not depend on an item's index. In
    sequence mode, rows without a time are dropped. Memory of a task: the vocabulary, and some 60 bytes an entry.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        words = pa.concat_tables(
            [file.read(group, ["item_id", "index"]) for file in vocabulary for group in range(len(file.row_groups))]
        )
        for batch in batches:
            for sender in batch["id"].to_pylist():
                if not exchange.has(0, sender):
                    table = pa.concat_tables([file.read(group, source_columns(config)) for file, group in row_groups[sender]])
                    exchange.write(0, sender, split_by_block(hash_and_index(table, words, config), num_blocks))
                yield from to_batches({"sender": np.array([sender]), "entries": np.array([exchange.rows(0, sender)])})

    return tasks.mapInArrow(write, SENDER_SCHEMA)


def source_columns(config: Pairs) -> list[str]:
    """List the columns of the interactions that the lists need."""
    return ["user_id", "item_id"] + ["timestamp"] * (config.mode == "sequence")


def hash_and_index(table: pa.Table, words: pa.Table, config: Pairs) -> pa.Table:
    """Return user_id, the user's hash and the item's index, with `time` and `draw` if the configuration needs them.

    words: item_id, index of the vocabulary. Raises `LakeError` for an item that is not in it.
    """
    if config.mode == "sequence":
        table = table.filter(pc.is_valid(table["timestamp"]))
    positions = pc.index_in(table["item_id"], value_set=words["item_id"])
    if positions.null_count:
        raise LakeError(
            "an item of table interactions is not in table vocabulary: "
            f"run {name_jobs('interactions')} with --force to write both"
        )
    hashes = hash_ids(table["user_id"])
    index = words["index"].take(positions).cast(pa.int32())
    columns = {"user_id": table["user_id"], "hash": pa.array(hashes), "index": index}
    if config.mode == "sequence":
        columns["time"] = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    if config.max_items_per_user:
        columns["draw"] = pa.array(ids.sample_keys(hashes, hash_ids(table["item_id"]), config.seed))
    return pa.table(columns)


def hash_ids(column: pa.ChunkedArray) -> np.ndarray:
    """Hash ids, long or string, to (m,) uint64."""
    if not pa.types.is_string(column.type):
        return np.asarray(ids.hash_longs(column.combine_chunks().to_numpy()))
    hashes = [np.empty(0, np.uint64)]
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        hashes.append(ids.hash_strings(ends, np.frombuffer(data or b"", np.uint8)))
    return np.concatenate(hashes)


def split_by_block(table: pa.Table, num_blocks: int) -> Sequence[pa.RecordBatch]:
    """Split rows by the block of their hash, and drop the hash."""
    order, ends = ids.partition_by_hash(table["hash"].combine_chunks().to_numpy(), num_blocks)
    rows = table.drop_columns("hash").take(pa.array(order))
    parts = [rows.slice(ends[k], ends[k + 1] - ends[k]).combine_chunks().to_batches() for k in range(num_blocks)]
    empty = pa.RecordBatch.from_pylist([], schema=rows.schema)
    return [part[0] if part else empty for part in parts]


def build_blocks(
    tasks: DataFrame, num_senders: int, n: int, config: Pairs, stores: BasketStores, setup: TaskSetup = NO_SETUP
) -> DataFrame:
    """Build block `id` of the users' lists for each row of `tasks`; returns one row for each block that has a user.

    Memory of a task: about 60 bytes an entry of its block.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for batch in batches:
            for number in batch["id"].to_pylist():
                table = pa.Table.from_batches([stores.exchange.read(0, sender, number) for sender in range(num_senders)])
                if not len(table):
                    continue
                users, items, times = select_entries(table, config)
                gap = max(1, round(config.max_gap * 1e6)) if config.max_gap else 0
                order = None if times is None else inverted_lists.SequenceOrder(times, config.window, gap)
                block = inverted_lists.build_block(users, items, n, order, config.user_weight)
                block["work"] = inverted_lists.estimate_work(block["indptr"], block["starts"], block["stops"], item_bounds(n))
                stores.lists.write(number, block)
                row = {"block": number, "users": block["users"][0], "entries": len(items)}
                yield from to_batches({name: np.array([value]) for name, value in row.items()})

    return tasks.mapInArrow(write, BLOCK_SCHEMA)


def select_entries(table: pa.Table, config: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (users 0..m-1, items, times or None) of the entries after the sample of max_items_per_user."""
    codes = table["user_id"].dictionary_encode().combine_chunks()  # encoded first: the ids may exceed 2 GiB of text
    users, items = codes.indices.to_numpy(), table["index"].combine_chunks().to_numpy()
    times = table["time"].combine_chunks().to_numpy() if config.mode == "sequence" else None
    if config.max_items_per_user:
        mask = inverted_lists.sample_per_user(users, table["draw"].combine_chunks().to_numpy(), config.max_items_per_user)
        users, items = users[mask], items[mask]
        times = None if times is None else times[mask]
    return users, items, times


def item_bounds(n: int) -> np.ndarray:
    """Return the bounds of the consecutive ranges of n items that work is summed over; few enough for the driver."""
    rest = max(0, n - SINGLE_ITEMS)
    size = max(1, -(-rest // ITEM_RANGES))
    return np.concatenate([np.arange(min(n, SINGLE_ITEMS)), np.arange(SINGLE_ITEMS, n, size), [n]]).astype(np.int64)


def sum_totals(
    task: DataFrame, block_numbers: Sequence[int], n: int, lists: BlockStore, totals: BlockStore, setup: TaskSetup = NO_SETUP
) -> DataFrame:
    """Sum the blocks `block_numbers` of `lists` in one task; returns one row.

    Block 0 of `totals` has two arrays by item, int64: `f` (users) and `s` (the sum of their weights in units of
    1 / SUPPORT_SCALE; f if users have no weights). Block 1 has `work` (2, ranges) int64, `users` (2,): their number and the
    sum of their weights, `sum` (2,): the sum of s as `split_int64` returns it, and `blocks`, the block numbers.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for _ in batches:
            f, s = np.zeros(n, np.int64), np.zeros(n, np.int64)
            work = np.zeros((2, len(item_bounds(n)) - 1), np.int64)
            users, has_weights = np.zeros(2, np.int64), False
            for number in block_numbers:
                block = lists.open(number)
                has_weights |= len(block["weights"]) > 0
                inverted_lists.add_frequencies(block["indptr"], block["weights"], f, s)
                work += block["work"]
                users += block["users"]
            s = s if has_weights else f
            totals.write(0, {"f": f, "s": s})
            totals.write(1, {"work": work, "users": users, "sum": split_int64(s), "blocks": np.array(block_numbers, np.int64)})
            row = {"users": users[0], "entries": f.sum(), "increments": work[0].sum()}
            yield from to_batches({name: np.array([value]) for name, value in row.items()})

    return task.mapInArrow(write, TOTALS_SCHEMA)


def split_int64(s: np.ndarray) -> np.ndarray:
    """Return the sum of s, which may exceed 2^63, as (2,) int64: the multiples of 2^32, and the remainder."""
    return np.array([(s >> 32).sum(), (s & 0xFFFFFFFF).sum()], np.int64)
