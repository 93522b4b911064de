"""A day merged into the stored counts: only the users whom it touches are counted, before and after.

Every count is a sum over users, so count(new lists) - count(old lists) of the touched ones, added to the stored counts,
is the count of all: in every mode, with weights, and under a cap, since a user's part depends on the user's list alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.errors import LakeError
from walkgram.kernels.pairs import inverted_lists, merge
from walkgram.stages.pairs import baskets, counting
from walkgram.stages.pairs.merge import MergeState
from walkgram.stages.ports import BlockStore, ShardStore, StageContext, to_batches
from walkgram.stages.workers import cache_zip_directories

__all__ = ["CountedSide", "count_sides", "merge_counts", "shard_spans"]

Spans = Sequence[tuple[int, int]]
BLOCK = 1 << 22  # interactions of a block of the touched users' lists
STEP = 1 << 24  # increments of the touched users that are held at once, some 80 bytes each at most


class CountedSide(NamedTuple):
    """The lists of the touched users, before or after: the numbers of their blocks, the blocks, and their totals."""

    made: Sequence[int]
    lists: BlockStore
    totals: BlockStore


Sides = tuple[CountedSide, CountedSide]  # after, before
Blocks = Sequence[Mapping[str, np.ndarray]]
NOTHING = merge.PairChanges(*np.empty((3, 0), np.int64))


def count_sides(state: MergeState, n: int, config: Pairs, place: StageContext) -> Sides:
    """Write the lists of the touched users after and before, and what they add up to. n: items of the new vocabulary."""
    found = []
    for name, rows in (("after", state.after), ("before", state.before)):
        blocks = max(1, -(-place.materialize(name, rows).count() // BLOCK))
        sent, store, sums = place.exchange(name), place.scratch(f"{name}-lists"), place.scratch(f"{name}-totals")
        numbers, _ = baskets.build_baskets(place, name, blocks, n, config, sent, store, sums)
        found.append(CountedSide(numbers, store, sums))
    return found[0], found[1]


def shard_spans(former: BlockStore, after: int) -> list[tuple[int, int]]:
    """The items of each shard of the pairs table; the last gets the new items, up to `after`."""
    found = [(int(low), int(high)) for low, high in former.open(2)["spans"]]
    return [*found[:-1], (found[-1][0], after)]


def split_span(span: tuple[int, int], sides: Sides, n: int) -> Iterator[tuple[int, int]]:
    """A span in consecutive ranges of items, each of about STEP increments of the touched users' lists."""
    edges, work = baskets.item_bounds(n), sum(side.totals.open(1)["work"][0] for side in sides)
    low, upto = span[0], 0
    for k in np.flatnonzero((edges[:-1] >= span[0]) & (edges[:-1] < span[1])):
        upto += int(work[k])
        if upto >= STEP and edges[k + 1] < span[1]:
            yield low, int(edges[k + 1])
            low, upto = int(edges[k + 1]), 0
    yield low, span[1]


def merge_counts(
    tasks: Callable[[int], DataFrame], former: BlockStore, sides: Sides, items: tuple[int, int], config: Pairs,
    store: BlockStore, table: ShardStore, sink: ShardStore,
) -> dict[str, Any]:  # fmt: skip
    """Write the totals and the pairs of the new state. items: how many there were, and are. Returns what was counted."""
    n, owned = items[1], shard_spans(former, items[1])
    found = merge_totals(tasks(1), former, sides, n, owned, store).collect()[0].asDict()
    made = counting.collect_summary(merge_pairs(tasks(len(owned)), owned, sides, n, config, table, sink))
    return found | {"pairs": made["rows"], "shards": len(owned), counting.SPREAD: made["seconds"]}


def merge_totals(task: DataFrame, former: BlockStore, sides: Sides, n: int, spans: Spans, store: BlockStore) -> DataFrame:
    """Write the blocks of `baskets.totals` of the new state, in one task; returns one row: users, entries.

    Block 1 holds no work, as the lists of the users who were not touched are not there to be counted from; block 2 the
    `spans` of the pairs table's shards.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for _ in batches:
            sums = {}
            for name in ("f", "s"):
                own = former.open(0)[name]
                sums[name] = np.concatenate([own, np.zeros(n - len(own), np.int64)])
                sums[name] += sides[0].totals.open(0)[name] - sides[1].totals.open(0)[name]
            plus, minus = (side.totals.open(1)["users"] for side in sides)
            users = former.open(1)["users"] + plus - minus
            store.write(0, sums)
            store.write(1, {"users": users, "sum": baskets.split_int64(sums["s"])})
            store.write(2, counting.shard_ranges(spans))
            yield from to_batches({"users": users[:1], "entries": sums["f"].sum(keepdims=True)})

    return task.mapInArrow(write, "users long, entries long")


def merge_pairs(
    tasks: DataFrame, spans: Spans, sides: Sides, n: int, config: Pairs,
    table: ShardStore, sink: ShardStore,
) -> DataFrame:  # fmt: skip
    """Add the change of span `id` for each row of `tasks` to shard `id` of the pairs table and write it anew; returns a
    `pairs.SUMMARY`. Memory of a task: a row group, and the changes of the items in it, some STEP increments at a time.
    """

    def batches_of(number: int) -> Iterator[Mapping[str, np.ndarray]]:
        opened = [counting.open_blocks(side.made, side.lists) for side in sides]
        change, reached = NOTHING, spans[number][0]
        waiting = split_span(spans[number], sides, n)
        for batch in table.read(number):
            held = decode_pair_rows(batch, config)
            last = int(held.key[-1]) if len(held.key) else -1
            while reached <= last >> 32:
                span = next(waiting)
                change, reached = merge.concat_changes(change, diff_span(opened, span, n, config)), span[1]
            upto = int(np.searchsorted(change.key, last, "right"))
            yield encode_pair_rows(add_changes(held, merge.PairChanges(*(column[:upto] for column in change))), config)
            change = merge.PairChanges(*(column[upto:] for column in change))
        yield encode_pair_rows(add_changes(NOTHING, change), config)
        for span in waiting:
            yield encode_pair_rows(add_changes(NOTHING, diff_span(opened, span, n, config)), config)

    return counting.write_shards(tasks, batches_of, sink)


def diff_span(opened: Sequence[Blocks], span: tuple[int, int], n: int, config: Pairs) -> merge.PairChanges:
    """What the touched users' lists change in the rows of a range of items."""
    return merge.diff_counts(*(counting.count_span(blocks, span, n, config, 1) for blocks in opened))


def add_changes(held: merge.PairChanges, change: merge.PairChanges) -> merge.PairChanges:
    """Both together. Raises `LakeError` where they do not belong together, or a support is no longer exact."""
    try:
        made = merge.merge_changes(held, change)
    except ValueError as error:
        raise LakeError(
            f"tables pairs and interactions do not fit together ({error}): run jobs/pairs.py with --force"
        ) from None
    if max(held.support.max(initial=0), made.support.max(initial=0)) >= 2**53:
        raise LakeError("a pair's support is too large to be merged exactly: count anew with jobs/pairs.py")
    return made


def decode_pair_rows(batch: pa.RecordBatch, config: Pairs) -> merge.PairChanges:
    """A row group of the pairs table as whole numbers in order."""
    src, dst, frequency, support = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "support"))
    key = merge.encode_keys(*counting.orient(src, dst, config))
    whole = frequency if config.user_weight == "none" else np.rint(support * inverted_lists.SUPPORT_SCALE).astype(np.int64)
    return merge.PairChanges(key, frequency, whole)


def encode_pair_rows(found: merge.PairChanges, config: Pairs) -> Mapping[str, np.ndarray]:
    """Rows of the table `pairs`."""
    src, dst = counting.orient(found.key >> merge.S32, found.key & np.int64(0xFFFFFFFF), config)
    scale = 1 if config.user_weight == "none" else inverted_lists.SUPPORT_SCALE
    return {"src": src, "dst": dst, "frequency": found.frequency, "support": found.support / scale}
