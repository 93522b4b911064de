"""interactions -> users' lists as blocks that the counting tasks map, and what is known of all blocks together.

Senders read row groups of the tables themselves (rows through the JVM would cost several times what all else costs), and
deal users out by the hash of their id; a receiver makes a block of `kernels.lists` of what it got. One further task
adds up the items' frequencies and the work of counting.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.errors import LakeError
from walkgram.kernels.pairs import ids, inverted_lists
from walkgram.stages.ports import BlockStore, ExchangeStore, RowGroupFile, StageContext, to_batches
from walkgram.stages.workers import cache_zip_directories

__all__ = [
    "LISTS",
    "TOTALS",
    "assign_row_groups",
    "build_baskets",
    "build_blocks",
    "item_bounds",
    "shuffle_by_user",
    "split_int64",
    "sum_totals",
]

LISTS = "block long, users long, entries long"
TOTALS = "users long, entries long, increments long"
SINGLE = 1 << 15  # items whose work is known one by one, which holds the popular ones while the vocabulary is young
RANGES = 1 << 15  # ranges that the work of the others is known for
SENT, LEAST, FEW = 1 << 23, 1 << 20, 8  # rows of a sender: the most, and the least where there are few senders

Piece = tuple[RowGroupFile, int]  # a file and the number of a row group


def assign_row_groups(files: Sequence[RowGroupFile]) -> list[list[Piece]]:
    """The row groups of a table, dealt out to senders by their rows: the same for any number of tasks and cores."""
    each = [(rows, file, group) for file in files for group, rows in enumerate(file.row_groups) if rows]
    total = sum(rows for rows, _, _ in each)
    senders: list[tuple[int, list[Piece]]] = [
        (0, []) for _ in range(min(len(each), max(-(-total // SENT), min(FEW, -(-total // LEAST)))))
    ]
    for rows, file, group in each:
        least = min(range(len(senders)), key=lambda k: senders[k][0])
        senders[least] = (senders[least][0] + rows, [*senders[least][1], (file, group)])
    return [given for _, given in senders]


def build_baskets(
    place: StageContext,
    table: str,
    blocks: int,
    n: int,
    config: Pairs,
    sent: ExchangeStore,
    store: BlockStore,
    sums: BlockStore,
) -> tuple[list[int], dict[str, int]]:
    """Write the lists of a table's users as blocks, and their totals; the numbers of the blocks that have a user, and the
    row of `totals`. The three steps below, one after the other.
    """
    given = assign_row_groups(place.files(table))
    shuffle_by_user(place.tasks(len(given)), given, place.files("vocabulary"), blocks, config, sent).collect()
    made = build_blocks(place.tasks(blocks), len(given), n, config, sent, store).collect() if given else []
    sent.remove()
    numbers = sorted(row["block"] for row in made)
    return numbers, sum_totals(place.tasks(1), numbers, n, store, sums).collect()[0].asDict()


def shuffle_by_user(
    tasks: DataFrame,
    given: Sequence[Sequence[Piece]],
    vocabulary: Sequence[RowGroupFile],
    blocks: int,
    config: Pairs,
    sent: ExchangeStore,
) -> DataFrame:
    """Send the interactions of given[id] for each row `id` of `tasks` to the block of their user; returns sender, entries.

    Sent are user_id, index, and where the configuration needs them `time` (microseconds) and `draw` (the cap's lot, a
    function of the ids and the seed, so that it stays whatever index an item has). Sequences leave out what has no time.
    Memory of a task: the vocabulary, and some 60 bytes an entry of its row groups.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        words = pa.concat_tables(
            [file.read(g, ["item_id", "index"]) for file in vocabulary for g in range(len(file.row_groups))]
        )
        for batch in batches:
            for sender in batch["id"].to_pylist():
                if not sent.has(0, sender):
                    whole = pa.concat_tables([file.read(group, source_columns(config)) for file, group in given[sender]])
                    sent.write(0, sender, split_by_block(hash_and_index(whole, words, config), blocks))
                yield from to_batches({"sender": np.array([sender]), "entries": np.array([sent.rows(0, sender)])})

    return tasks.mapInArrow(write, "sender long, entries long")


def source_columns(config: Pairs) -> list[str]:
    """What is read of the interactions."""
    return ["user_id", "item_id"] + ["timestamp"] * (config.mode == "sequence")


def hash_and_index(table: pa.Table, words: pa.Table, config: Pairs) -> pa.Table:
    """Interactions with the hash of the user, the index, and `time` and `draw` where the configuration needs them."""
    if config.mode == "sequence":
        table = table.filter(pc.is_valid(table["timestamp"]))
    place = pc.index_in(table["item_id"], value_set=words["item_id"])
    if place.null_count:
        raise LakeError("tables interactions and vocabulary do not fit together: run jobs/interactions.py with --force")
    hashes = hash_ids(table["user_id"])
    made = {"user_id": table["user_id"], "hash": pa.array(hashes), "index": words["index"].take(place).cast(pa.int32())}
    if config.mode == "sequence":
        made["time"] = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    if config.max_items_per_user:
        made["draw"] = pa.array(ids.sample_keys(hashes, hash_ids(table["item_id"]), config.seed))
    return pa.table(made)


def hash_ids(column: pa.ChunkedArray) -> np.ndarray:
    """(m,) uint64: the hashes of ids."""
    if not pa.types.is_string(column.type):
        return np.asarray(ids.hash_longs(column.combine_chunks().to_numpy()))
    found = [np.empty(0, np.uint64)]
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        found.append(ids.hash_strings(ends, np.frombuffer(data or b"", np.uint8)))
    return np.concatenate(found)


def split_by_block(table: pa.Table, blocks: int) -> Sequence[pa.RecordBatch]:
    """The rows of each block, without the hash that chose it."""
    order, ends = ids.partition_by_hash(table["hash"].combine_chunks().to_numpy(), blocks)
    rows = table.drop_columns("hash").take(pa.array(order))
    parts = [rows.slice(ends[k], ends[k + 1] - ends[k]).combine_chunks().to_batches() for k in range(blocks)]
    none = pa.RecordBatch.from_pylist([], schema=rows.schema)
    return [part[0] if part else none for part in parts]


def build_blocks(tasks: DataFrame, senders: int, n: int, config: Pairs, sent: ExchangeStore, store: BlockStore) -> DataFrame:
    """Write block `id` of users' lists for each row of `tasks`; returns one row for each that has a user.

    n: items in all. Memory of a task: about 60 bytes an entry of its block.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for batch in batches:
            for number in batch["id"].to_pylist():
                table = pa.Table.from_batches([sent.read(0, sender, number) for sender in range(senders)])
                if not len(table):
                    continue
                users, items, times = select_entries(table, config)
                gap = max(1, round(config.max_gap * 1e6)) if config.max_gap else 0
                order = None if times is None else inverted_lists.SequenceOrder(times, config.window, gap)
                made = inverted_lists.build_block(users, items, n, order, config.user_weight)
                made["work"] = inverted_lists.estimate_work(made["indptr"], made["starts"], made["stops"], item_bounds(n))
                store.write(number, made)
                row = {"block": number, "users": made["users"][0], "entries": len(items)}
                yield from to_batches({name: np.array([value]) for name, value in row.items()})

    return tasks.mapInArrow(write, LISTS)


def select_entries(table: pa.Table, config: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(users 0..m-1, items, times or None) of the entries that the cap leaves."""
    coded = table["user_id"].dictionary_encode().combine_chunks()  # in this order: the ids may be more than 2 GiB of text
    users, items = coded.indices.to_numpy(), table["index"].combine_chunks().to_numpy()
    times = table["time"].combine_chunks().to_numpy() if config.mode == "sequence" else None
    if config.max_items_per_user:
        kept = inverted_lists.sample_per_user(users, table["draw"].combine_chunks().to_numpy(), config.max_items_per_user)
        users, items, times = users[kept], items[kept], None if times is None else times[kept]
    return users, items, times


def item_bounds(n: int) -> np.ndarray:
    """Bounds of the consecutive ranges of n items that work is summed over: few enough for the driver to look at."""
    rest = max(0, n - SINGLE)
    size = max(1, -(-rest // RANGES))
    return np.concatenate([np.arange(min(n, SINGLE)), np.arange(SINGLE, n, size), [n]]).astype(np.int64)


def sum_totals(task: DataFrame, made: Sequence[int], n: int, source: BlockStore, store: BlockStore) -> DataFrame:
    """Add the blocks `made` up, in one task; returns one row.

    Block 0 of `store` gets, by item, `f` (users) and `s` (their weights in units of 1 / SCALE; f without weights),
    int64; block 1 `work` (2, ranges) int64, `users` (2,): how many, and their weights, `sum` (2,) of s: how often 2^32, and
    the rest, and `blocks`, the numbers `made`.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for _ in batches:
            f, s = np.zeros(n, np.int64), np.zeros(n, np.int64)
            work, users, weighted = np.zeros((2, len(item_bounds(n)) - 1), np.int64), np.zeros(2, np.int64), False
            for number in made:
                block = source.open(number)
                weighted |= len(block["weights"]) > 0
                inverted_lists.add_frequencies(block["indptr"], block["weights"], f, s)
                work += block["work"]
                users += block["users"]
            s = s if weighted else f
            store.write(0, {"f": f, "s": s})
            store.write(1, {"work": work, "users": users, "sum": split_int64(s), "blocks": np.array(made, np.int64)})
            row = {"users": users[0], "entries": f.sum(), "increments": work[0].sum()}
            yield from to_batches({name: np.array([value]) for name, value in row.items()})

    return task.mapInArrow(write, TOTALS)


def split_int64(s: np.ndarray) -> np.ndarray:
    """(2,) int64: the sum of s, which may pass 2^63, as how often 2^32, and the rest."""
    return np.array([(s >> 32).sum(), (s & 0xFFFFFFFF).sum()], np.int64)
