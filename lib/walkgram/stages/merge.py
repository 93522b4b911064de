"""A day's interactions merged into the stored state: only the users whom it touches are counted, before and after.

Every count is a sum over users, so count(new lists) - count(old lists) of the touched ones, added to the stored counts,
is the count of all: in every mode, with weights, and under a cap, since a user's part depends on the user's list alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.config.schema import Config, Pairs
from walkgram.errors import ConfigError, LakeError
from walkgram.kernels import lists, merge
from walkgram.stages import baskets, pairs
from walkgram.stages.contract import BlockStore, ShardStore, conform, packed
from walkgram.stages.interactions import below, kept, latest
from walkgram.stages.workers import keep_archives

__all__ = ["Side", "State", "check", "extended", "pairs_of", "renewed", "sides", "spans", "state", "totals", "touched"]

Spans = Sequence[tuple[int, int]]
BLOCK = 1 << 22  # interactions of a block of the touched users' lists
PAIR = ["user_id", "item_id"]


class Side(NamedTuple):
    """The lists of the touched users, before or after: the numbers of their blocks, the blocks, and their totals."""

    made: Sequence[int]
    lists: BlockStore
    totals: BlockStore


Sides = tuple[Side, Side]  # after, before


def check(config: Config, counted: Mapping[str, Any], chosen: Mapping[str, Any], all_known: bool) -> None:
    """Raise `ConfigError` where a merge would not be exact: pairs cut or not kept, another configuration than that of the
    stored tables (`counted`: pairs, `chosen`: interactions), or rows under the threshold not `all_known`.
    """
    if not config.pairs.keep or config.pairs.min_frequency > 1:
        raise ConfigError("a merge needs every pair: set pairs.keep = true, pairs.min_frequency = 1 and run jobs/pairs.py")
    for section, made in (("pairs", counted), ("interactions", chosen)):
        for name, value in getattr(config, section).model_dump().items():
            if made.get(name, value) != value:
                raise ConfigError(
                    f"{section}.{name} = {value}, but the table {section} was made with {made[name]}: "
                    f"merge with that, or run jobs/{section}.py"
                )
    if config.interactions.min_rating is not None and not all_known:
        raise ConfigError(
            "a merge must know what interactions.min_rating left out: set interactions.keep_below = true and run "
            "jobs/interactions.py"
        )


def spans(former: BlockStore, config: Pairs, before: int, after: int) -> list[tuple[int, int]]:
    """The items of each shard of the pairs table; the last gets the new items, before..after."""
    known = former.open(1)
    if "spans" in known:
        found = [(int(low), int(high)) for low, high in known["spans"]]
    else:
        found = pairs.Plan(config, before, known["work"]).spans()
    return [*found[:-1], (found[-1][0], after)]


def touched(day: DataFrame, removed: DataFrame) -> DataFrame:
    """user_id of everyone with a row in either."""
    return day.select("user_id").union(removed.select("user_id")).distinct()


def renewed(stored: DataFrame, removed: DataFrame, day: DataFrame) -> DataFrame:
    """The touched users' rows, one a (user, item): the stored ones but for the removed, and the day's, the latest of both."""
    left = stored.join(removed.select(*PAIR).distinct(), on=PAIR, how="left_anti")
    columns = [*PAIR, "rating", "timestamp"]
    return latest(left.select(*columns).unionByName(day.select(*columns)))


class State(NamedTuple):
    """What a merge makes of the interactions: the touched users, their kept rows before and after, and the new tables."""

    users: DataFrame
    before: DataFrame
    after: DataFrame
    interactions: DataFrame
    below: DataFrame


def state(
    stored: DataFrame, day: DataFrame, removed: DataFrame, least: float | None, keep: Callable[[str, DataFrame], DataFrame]
) -> State:
    """Renew the touched users' rows. stored: all rows, those under the threshold too; keep: lays a DataFrame down."""
    users = keep("touched", touched(day, removed))
    untouched, own = stored.join(users, "user_id", "left_anti"), stored.join(users, "user_id", "left_semi")
    rows = keep("renewed", renewed(own, removed, day))
    whole, before, after = untouched.unionByName(rows), kept(own, least), kept(rows, least)
    return State(users, before, after, kept(whole, least), below(whole, least))


def sides(
    state: State,
    vocabulary: DataFrame,
    n: int,
    config: Pairs,
    tasks: Callable[[int], DataFrame],
    scratch: Callable[[str], BlockStore],
) -> Sides:
    """Write the lists of the touched users after and before, and what they add up to."""
    found = []
    for name, rows in (("after", state.after), ("before", state.before)):
        store, sums = scratch(f"{name}-lists"), scratch(f"{name}-totals")
        blocks = max(1, -(-rows.count() // BLOCK))
        made = baskets.lists_of(baskets.indexed(rows, vocabulary, config), blocks, n, config, store).collect()
        numbers = sorted(row["block"] for row in made)
        baskets.totals(tasks(1), numbers, n, store, sums).collect()
        found.append(Side(numbers, store, sums))
    return found[0], found[1]


def extended(vocabulary: DataFrame, before: DataFrame, after: DataFrame, n: int) -> DataFrame:
    """The vocabulary with the frequencies that the touched users' interactions leave; new items come behind, by falling
    frequency, ties by rising item_id. n: items so far, which keep their indices, at frequency 0 too.
    """
    change = before.select("item_id", F.lit(-1).alias("by")).union(after.select("item_id", F.lit(1).alias("by")))
    sums = change.groupBy("item_id").agg(F.sum("by").alias("by"))
    joined = vocabulary.join(sums, on="item_id", how="full_outer")
    counted = joined.select(
        "item_id", "index", (F.coalesce("frequency", F.lit(0)) + F.coalesce("by", F.lit(0))).alias("frequency")
    )
    known = counted.where(F.col("index").isNotNull())
    order = Window.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    fresh = counted.where(F.col("index").isNull() & (F.col("frequency") > 0))
    numbered = fresh.withColumn("index", F.row_number().over(order) - 1 + F.lit(n))
    return conform(known.unionByName(numbered), "vocabulary")


def totals(task: DataFrame, former: BlockStore, sides: Sides, n: int, spans: Spans, store: BlockStore) -> DataFrame:
    """Write the blocks of `baskets.totals` of the new state, in one task; returns one row: users, entries.

    Block 1 holds no work, as the lists of the users who were not touched are not there to be counted from, but the `spans`
    of the pairs table's shards.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keep_archives()
        for _ in batches:
            sums = {}
            for name in ("f", "s"):
                own = former.open(0)[name]
                sums[name] = np.concatenate([own, np.zeros(n - len(own), np.int64)])
                sums[name] += sides[0].totals.open(0)[name] - sides[1].totals.open(0)[name]
            plus, minus = (side.totals.open(1)["users"] for side in sides)
            users = former.open(1)["users"] + plus - minus
            store.write(0, sums)
            store.write(1, {"users": users, "spans": np.array(spans, np.int64)})
            yield from packed({"users": users[:1], "entries": sums["f"].sum(keepdims=True)})

    return task.mapInArrow(write, "users long, entries long")


def pairs_of(
    tasks: DataFrame, spans: Spans, sides: Sides, n: int, config: Pairs,
    table: ShardStore, sink: ShardStore,
) -> DataFrame:  # fmt: skip
    """Add the change of span `id` for each row of `tasks` to shard `id` of the pairs table and write it anew; returns a
    `pairs.SUMMARY`. Memory of a task: 48 bytes a changed pair of its span, and a row group.
    """

    def batches_of(number: int) -> Iterator[Mapping[str, np.ndarray]]:
        counts = (pairs.rows_of(pairs.opened(side.made, side.lists), spans[number], n, config, 1) for side in sides)
        change = merge.changes(*counts)
        for batch in table.read(number):
            held = stored(batch, config)
            if not len(held.key):
                continue
            upto = int(np.searchsorted(change.key, held.key[-1], "right"))
            yield rows(summed(held, merge.Changes(*(column[:upto] for column in change))), config)
            change = merge.Changes(*(column[upto:] for column in change))
        yield rows(summed(merge.Changes(*np.empty((3, 0), np.int64)), change), config)

    return pairs.written(tasks, batches_of, sink)


def summed(held: merge.Changes, change: merge.Changes) -> merge.Changes:
    """Both together. Raises `LakeError` where they do not belong together, or a support is no longer exact."""
    try:
        made = merge.merged(held, change)
    except ValueError as error:
        raise LakeError(
            f"tables pairs and interactions do not fit together ({error}): run jobs/pairs.py with --force"
        ) from None
    if len(made.support) and made.support.max() >= 2**53:
        raise LakeError("a pair's support is too large to be merged exactly: count anew with jobs/pairs.py")
    return made


def stored(batch: pa.RecordBatch, config: Pairs) -> merge.Changes:
    """A row group of the pairs table as whole numbers in order."""
    src, dst, frequency, support = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "support"))
    key = merge.keys(dst, src) if config.mode == "basket" else merge.keys(src, dst)
    whole = frequency if config.user_weight == "none" else np.rint(support * lists.SCALE).astype(np.int64)
    return merge.Changes(key, frequency, whole)


def rows(found: merge.Changes, config: Pairs) -> Mapping[str, np.ndarray]:
    """Rows of the table `pairs`."""
    item, partner = found.key >> merge.S32, found.key & np.int64(0xFFFFFFFF)
    src, dst = (partner, item) if config.mode == "basket" else (item, partner)
    scale = 1 if config.user_weight == "none" else lists.SCALE
    return {"src": src, "dst": dst, "frequency": found.frequency, "support": found.support / scale}
