"""A day's interactions merged into the stored ones: the touched users' rows anew, the vocabulary with new items behind."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.config.schema import Columns, Config
from walkgram.errors import ConfigError
from walkgram.stages.ports import select_schema
from walkgram.stages.source import interactions

__all__ = [
    "MergeState",
    "check_mergeable",
    "check_upserts",
    "extend_vocabulary",
    "merge_interactions",
    "select_touched_users",
    "union_all",
    "upsert_rows",
]

FREE = ("blocks", "tasks", "counter_columns", "keep_rejected")  # keys that change no count
PAIR = ["user_id", "item_id"]


def check_mergeable(config: Config, counted: Mapping[str, Any], chosen: Mapping[str, Any], all_known: bool) -> None:
    """Raise `ConfigError` where a merge would not be exact: pairs cut or not kept, another configuration than that of the
    stored tables (`counted`: pairs, `chosen`: interactions), or rows under the threshold not `all_known`.
    """
    if not config.merge.upserts and not config.merge.deletes:
        raise ConfigError(
            "merge.upserts and merge.deletes are both empty: name the table of a day's interactions, or of those to remove"
        )
    if not config.pairs.write_table or config.pairs.min_frequency > 1:
        raise ConfigError(
            "a merge needs every pair: set pairs.write_table = true, pairs.min_frequency = 1 and run jobs/pairs.py"
        )
    for section, made in (("pairs", counted), ("interactions", chosen)):
        for name, value in getattr(config, section).model_dump().items():
            if name not in FREE and made.get(name, value) != value:
                raise ConfigError(
                    f"{section}.{name} = {value}, but the table {section} was made with {made[name]}: "
                    f"merge with that, or run jobs/{section}.py"
                )
    if config.interactions.min_rating is not None and not all_known:
        raise ConfigError(
            "a merge must know what interactions.min_rating left out: set interactions.keep_rejected = true and run "
            "jobs/interactions.py"
        )


def check_upserts(rows: DataFrame, place: str, columns: Columns, bad_rows: str) -> str:
    """Check typed rows as the interactions are, though a day may be empty; what is left out, in words."""
    found = interactions.profile(rows)
    if found["rows"]:
        interactions.validate(found, place, columns, bad_rows)
    return f"{found['rows']:,} rows, {found['null_ids']:,} of null ids and {found['bad']:,} bad ones left out"


def union_all(frames: Iterable[DataFrame]) -> DataFrame:
    """All rows of all frames."""
    return functools.reduce(DataFrame.unionByName, frames)


def select_touched_users(day: DataFrame, removed: DataFrame) -> DataFrame:
    """user_id of everyone with a row in either."""
    return day.select("user_id").union(removed.select("user_id")).distinct()


def upsert_rows(stored: DataFrame, removed: DataFrame, day: DataFrame) -> DataFrame:
    """The touched users' rows, one a (user, item): the stored ones but for the removed, and the day's, the latest of both."""
    left = stored.join(removed.select(*PAIR).distinct(), on=PAIR, how="left_anti")
    columns = [*PAIR, "rating", "timestamp"]
    return interactions.deduplicate(left.select(*columns).unionByName(day.select(*columns)))


class MergeState(NamedTuple):
    """What a merge makes of the interactions: the touched users, their kept rows before and after, and the new tables."""

    users: DataFrame
    before: DataFrame
    after: DataFrame
    interactions: DataFrame
    below: DataFrame


def merge_interactions(
    stored: DataFrame, day: DataFrame, removed: DataFrame, least: float | None, keep: Callable[[str, DataFrame], DataFrame]
) -> MergeState:
    """Renew the touched users' rows. stored: all rows, those under the threshold too; keep: lays a DataFrame down."""
    users = keep("touched", select_touched_users(day, removed))
    untouched, own = stored.join(users, "user_id", "left_anti"), stored.join(users, "user_id", "left_semi")
    rows = keep("renewed", upsert_rows(own, removed, day))
    whole, before, after = (
        untouched.unionByName(rows),
        interactions.above_threshold(own, least),
        interactions.above_threshold(rows, least),
    )
    return MergeState(
        users, before, after, interactions.above_threshold(whole, least), interactions.below_threshold(whole, least)
    )


def extend_vocabulary(vocabulary: DataFrame, before: DataFrame, after: DataFrame, n: int) -> DataFrame:
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
    return select_schema(known.unionByName(numbered), "vocabulary")
