"""A day merged into the stored counts: count only the touched users, before and after.

Every count is a sum over users, so count(new lists) - count(old lists) of the touched users, added to the stored counts, is
the count of all users. This holds in every mode, with weights, and with max_items_per_user, since the contribution of a user
depends on the user's list alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.errors import LakeError, name_jobs
from walkgram.kernels.pairs import merge
from walkgram.stages.pairs import baskets, counting
from walkgram.stages.pairs.merge import MergeState
from walkgram.stages.pairs.pair_rows import pack_changes, unpack_changes
from walkgram.stages.ports import BlockStore, ShardStore, StageContext, to_batches
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = ["CountedSide", "MergeStores", "count_sides", "merge_counts", "shard_spans"]

Span = tuple[int, int]
BLOCK_ENTRIES = 1 << 22  # interactions of a block of the touched users' lists
STEP_INCREMENTS = 1 << 24  # increments of the touched users that are in memory at once, up to 80 bytes each
NO_CHANGES = merge.PairChanges(*np.empty((3, 0), np.int64))


class CountedSide(NamedTuple):
    """The lists of the touched users, before or after the merge: the blocks' numbers, the blocks, and their totals."""

    block_numbers: Sequence[int]
    lists: BlockStore
    totals: BlockStore


class Sides(NamedTuple):
    """The touched users' lists after and before the merge."""

    after: CountedSide
    before: CountedSide


class MergeStores(NamedTuple):
    """The totals and the pairs table before the merge, and those to write."""

    old_totals: BlockStore
    new_totals: BlockStore
    old_pairs: ShardStore
    new_pairs: ShardStore


def count_sides(state: MergeState, n: int, config: Pairs, context: StageContext, setup: TaskSetup = NO_SETUP) -> Sides:
    """Write the lists of the touched users after and before, with their totals. n: items of the new vocabulary."""
    sides = []
    for name, rows in (("after", state.after), ("before", state.before)):
        num_blocks = max(1, -(-context.materialize(name, rows).count() // BLOCK_ENTRIES))
        lists, totals = context.scratch(f"{name}-lists"), context.scratch(f"{name}-totals")
        stores = baskets.BasketStores(context.exchange(name), lists, totals)
        block_numbers, _ = baskets.build_baskets(context, name, num_blocks, n, config, stores, setup)
        sides.append(CountedSide(block_numbers, lists, totals))
    return Sides(*sides)


def shard_spans(old_totals: BlockStore, n: int) -> list[Span]:
    """Return the items of each shard of the pairs table; the last shard takes the new items, up to n."""
    spans = [(int(low), int(high)) for low, high in old_totals.open(2)["spans"]]
    return [*spans[:-1], (spans[-1][0], n)]


def split_span(span: Span, sides: Sides, n: int) -> Iterator[Span]:
    """Split a span into consecutive ranges of items, each of about STEP_INCREMENTS increments of the touched users."""
    bounds, work = baskets.item_bounds(n), sum(side.totals.open(1)["work"][0] for side in sides)
    low, increments = span[0], 0
    for k in np.flatnonzero((bounds[:-1] >= span[0]) & (bounds[:-1] < span[1])):
        increments += int(work[k])
        if increments >= STEP_INCREMENTS and bounds[k + 1] < span[1]:
            yield low, int(bounds[k + 1])
            low, increments = int(bounds[k + 1]), 0
    yield low, span[1]


def merge_counts(
    tasks: Callable[[int], DataFrame], sides: Sides, n: int, config: Pairs, stores: MergeStores, setup: TaskSetup = NO_SETUP
) -> dict[str, Any]:
    """Write the totals and the pairs table after the merge; returns their counts. n: items of the new vocabulary."""
    spans = shard_spans(stores.old_totals, n)
    totals = merge_totals(tasks(1), sides, n, spans, stores, setup).collect()[0].asDict()
    summary = counting.collect_summary(merge_pairs(tasks(len(spans)), spans, sides, n, config, stores, setup))
    return totals | {"pairs": summary["rows"], "shards": len(spans), counting.TASK_SECONDS: summary["seconds"]}


def merge_totals(
    task: DataFrame, sides: Sides, n: int, spans: Sequence[Span], stores: MergeStores, setup: TaskSetup = NO_SETUP
) -> DataFrame:
    """Write the totals after the merge, in one task, in the blocks of `baskets.sum_totals`; returns one row: users, entries.

    Block 1 has no `work`, since the lists of the untouched users are not read. Block 2 has the `spans` of the pairs shards.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for _ in batches:
            sums = {}
            for name in ("f", "s"):
                stored = stores.old_totals.open(0)[name]
                sums[name] = np.concatenate([stored, np.zeros(n - len(stored), np.int64)])
                sums[name] += sides.after.totals.open(0)[name] - sides.before.totals.open(0)[name]
            users_after, users_before = (side.totals.open(1)["users"] for side in sides)
            users = stores.old_totals.open(1)["users"] + users_after - users_before
            stores.new_totals.write(0, sums)
            stores.new_totals.write(1, {"users": users, "sum": baskets.split_int64(sums["s"])})
            stores.new_totals.write(2, counting.shard_ranges(spans))
            yield from to_batches({"users": users[:1], "entries": sums["f"].sum(keepdims=True)})

    return task.mapInArrow(write, "users long, entries long")


def merge_pairs(
    tasks: DataFrame, spans: Sequence[Span], sides: Sides, n: int, config: Pairs, stores: MergeStores,
    setup: TaskSetup = NO_SETUP,
) -> DataFrame:  # fmt: skip
    """Add the changes of span `id` to shard `id` of the pairs table, for each row of `tasks`, and write the new shard.

    Returns rows of `counting.SUMMARY_SCHEMA`. Memory of a task: a row group, and the changes of the items in it, some
    STEP_INCREMENTS at a time.
    """

    def shard_batches(number: int) -> Iterator[Mapping[str, np.ndarray]]:
        blocks = [counting.open_blocks(side.block_numbers, side.lists) for side in sides]
        changes, next_item = NO_CHANGES, spans[number][0]
        ranges = split_span(spans[number], sides, n)
        for batch in stores.old_pairs.read(number):
            stored = unpack_changes(batch, config)
            last_key = int(stored.key[-1]) if len(stored.key) else -1
            while next_item <= last_key >> 32:
                span = next(ranges)
                changes, next_item = merge.concat_changes(changes, diff_span(blocks, span, n, config)), span[1]
            end = int(np.searchsorted(changes.key, last_key, "right"))
            yield pack_changes(add_changes(stored, merge.PairChanges(*(column[:end] for column in changes))), config)
            changes = merge.PairChanges(*(column[end:] for column in changes))
        yield pack_changes(add_changes(NO_CHANGES, changes), config)
        for span in ranges:
            yield pack_changes(add_changes(NO_CHANGES, diff_span(blocks, span, n, config)), config)

    return counting.write_shards(tasks, shard_batches, stores.new_pairs, setup)


def diff_span(blocks: Sequence[counting.Blocks], span: Span, n: int, config: Pairs) -> merge.PairChanges:
    """Count a range of items in the touched users' lists after and before, and return the difference."""
    return merge.diff_counts(*(counting.count_span(side, span, n, config, 1) for side in blocks))


def add_changes(stored: merge.PairChanges, changes: merge.PairChanges) -> merge.PairChanges:
    """Add changes to stored pairs.

    Raises `LakeError` if a frequency would fall below 0, or if a support exceeds 2^53 and is no longer exact as a double.
    """
    try:
        pairs = merge.merge_changes(stored, changes)
    except ValueError as error:
        raise LakeError(
            f"table pairs does not match table interactions ({error}): run {name_jobs('baskets', 'pairs')} with --force"
        ) from None
    if max(stored.support.max(initial=0), pairs.support.max(initial=0)) >= 2**53:
        raise LakeError(
            f"the support of a pair exceeds 2^53, so a merge is not exact: run {name_jobs('baskets', 'pairs')} with --force"
        )
    return pairs
