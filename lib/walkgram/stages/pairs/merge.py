"""A day's changes merged into the stored interactions: replace the touched users' rows, append new items to the vocabulary."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Columns
from walkgram.errors import ConfigError, name_jobs
from walkgram.stages.ports import select_schema
from walkgram.stages.source import interactions
from walkgram.stages.source.columns import ValueRules, check_rows, read_id_as, unparsed_line_fault
from walkgram.stages.source.filters import find_blocklists, find_filters

if TYPE_CHECKING:
    from walkgram.config.schema import Config

__all__ = [
    "PAIR",
    "MergeState",
    "check_deletes",
    "check_mergeable",
    "check_upserts",
    "extend_vocabulary",
    "merge_interactions",
    "parse_deletes",
    "select_touched_users",
    "union_all",
    "upsert_rows",
]

FREE_KEYS = ("blocks", "tasks", "counter_columns", "keep_rejected")  # no count depends on these keys
JOBS = {"interactions": ("interactions",), "pairs": ("baskets", "pairs")}  # by section
PAIR = ["user_id", "item_id"]


def check_mergeable(
    config: "Config", stored_pairs: Mapping[str, Any], stored_interactions: Mapping[str, Any], has_rejected: bool
) -> None:
    """Raise `ConfigError` if a merge would not be exact.

    That is the case without a complete pairs table, with another configuration than that of the stored tables
    (`stored_pairs`, `stored_interactions`), and with a threshold on the rating if the lake has no interactions_rejected.
    """
    if not config.merge.upserts and not config.merge.deletes:
        raise ConfigError(
            "merge.upserts and merge.deletes are both empty: set one to the table of a day's interactions, or of ids to delete"
        )
    if not config.pairs.write_table or config.pairs.min_frequency > 1:
        raise ConfigError(
            f"a merge needs every pair: set pairs.write_table = true, pairs.min_frequency = 1 and run {name_jobs('pairs')}"
        )
    filters = [*find_filters(config.interactions), *find_blocklists(config.interactions)]
    if filters:
        raise ConfigError(
            f"interactions.{filters[0]} is set: a day's rows change which others it keeps, so a merge would not be exact: "
            "run the jobs from interactions on the complete source"
        )
    for section, stored in (("pairs", stored_pairs), ("interactions", stored_interactions)):
        for name, value in getattr(config, section).model_dump().items():
            if name not in FREE_KEYS and stored.get(name, value) != value:
                raise ConfigError(
                    f"{section}.{name} = {value}, but table {section} was written with {stored[name]}: "
                    f"set the key to that value, or run {name_jobs(*JOBS[section])} again"
                )
    if config.interactions.min_rating is not None and not has_rejected:
        raise ConfigError(
            "a merge needs the rows below interactions.min_rating: set interactions.keep_rejected = true and run "
            f"{name_jobs('interactions')}"
        )


def check_upserts(rows: DataFrame, path: str, columns: Columns, bad_rows: str) -> str:
    """Validate parsed rows as the interactions are, except that a day may be empty; returns a report of the dropped rows."""
    counts = interactions.profile(rows, columns)
    if counts["rows"]:
        interactions.validate(counts, path, columns, bad_rows)
    return f"{counts['rows']:,} rows; dropped {counts['null_ids']:,} with a null id and {counts['bad']:,} bad rows"


def parse_deletes(frame: DataFrame, columns: Mapping[str, str], ids: T.StructType, rules: ValueRules) -> DataFrame:
    """Parse the ids of rows to delete: user_id, item_id or both; the column `bad` has the row's fault, or null.

    columns: the name of each in the table; ids: a schema that fixes their types.
    """
    readers = {column: read_id_as(frame, name, ids[column].dataType, rules) for column, name in columns.items()}
    fault = F.coalesce(unparsed_line_fault(frame), *[fault for _, fault in readers.values()])
    return frame.select(*[value.alias(column) for column, (value, _) in readers.items()], fault.alias("bad"))


def check_deletes(rows: DataFrame, path: str, bad_rows: str) -> str:
    """Validate parsed deletes, which may be none; returns a report of the dropped rows."""
    has_null = functools.reduce(Column.__or__, [F.col(name).isNull() for name in rows.columns if name != "bad"])
    bad = F.col("bad")
    row = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(bad.isNotNull()).alias("bad"),
        F.max(bad).alias("example"),
        F.count_if(bad.isNull() & has_null).alias("null_ids"),
    ).first()
    counts = {} if row is None else row.asDict()
    if counts["rows"]:
        check_rows(counts, path, bad_rows)
    return f"{counts['rows']:,} rows; dropped {counts['null_ids']:,} with a null id and {counts['bad']:,} bad rows"


def union_all(frames: Iterable[DataFrame]) -> DataFrame:
    """Concatenate frames by column name."""
    return functools.reduce(DataFrame.unionByName, frames)


def select_touched_users(upserts: DataFrame, deletes: DataFrame) -> DataFrame:
    """Select the distinct user_id of both."""
    return upserts.select("user_id").union(deletes.select("user_id")).distinct()


def upsert_rows(stored: DataFrame, deletes: DataFrame, upserts: DataFrame) -> DataFrame:
    """Delete rows by (user, item), add the upserts, and keep the latest row of each (user, item)."""
    remaining = stored.join(deletes.select(*PAIR).distinct(), on=PAIR, how="left_anti")
    columns = [*PAIR, "rating", "timestamp"]
    return interactions.deduplicate(remaining.select(*columns).unionByName(upserts.select(*columns)))


class MergeState(NamedTuple):
    """The touched users, their interactions before and after the merge, and the new tables."""

    users: DataFrame
    before: DataFrame
    after: DataFrame
    interactions: DataFrame
    rejected: DataFrame


def merge_interactions(
    stored: DataFrame, upserts: DataFrame, deletes: DataFrame, min_rating: float | None,
    materialize: Callable[[str, DataFrame], DataFrame],
) -> MergeState:  # fmt: skip
    """Replace the touched users' rows. stored: all rows, with those below the threshold."""
    users = materialize("touched", select_touched_users(upserts, deletes))
    untouched = stored.join(users, "user_id", "left_anti")
    old_rows = stored.join(users, "user_id", "left_semi")
    new_rows = materialize("renewed", upsert_rows(old_rows, deletes, upserts))
    rows = untouched.unionByName(new_rows)
    return MergeState(
        users,
        before=interactions.above_threshold(old_rows, min_rating),
        after=interactions.above_threshold(new_rows, min_rating),
        interactions=interactions.above_threshold(rows, min_rating),
        rejected=interactions.below_threshold(rows, min_rating),
    )


def extend_vocabulary(vocabulary: DataFrame, before: DataFrame, after: DataFrame, n: int) -> DataFrame:
    """Update the frequencies by the touched users' interactions before and after, and append new items.

    The n known items keep their indices, at frequency 0 too. New items follow by falling frequency, ties by rising item_id.
    """
    changes = before.select("item_id", F.lit(-1).alias("change")).union(after.select("item_id", F.lit(1).alias("change")))
    sums = changes.groupBy("item_id").agg(F.sum("change").alias("change"))
    joined = vocabulary.join(sums, on="item_id", how="full_outer")
    frequency = F.coalesce("frequency", F.lit(0)) + F.coalesce("change", F.lit(0))
    items = joined.select("item_id", "index", frequency.alias("frequency"))
    known = items.where(F.col("index").isNotNull())
    order = Window.orderBy(F.col("frequency").desc(), F.col("item_id").asc())
    new = items.where(F.col("index").isNull() & (F.col("frequency") > 0))
    numbered = new.withColumn("index", F.row_number().over(order) - 1 + F.lit(n))
    return select_schema(known.unionByName(numbered), "vocabulary")
