"""Filters of the interactions before the threshold on the rating: a predicate, blocklists, the activity of users, a core."""

from collections.abc import Callable, Iterator

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.pairs import Interactions
from walkgram.errors import ConfigError
from walkgram.stages.source.columns import unparsed_line_fault

__all__ = ["filter_core", "filter_rows", "find_blocklists", "find_filters", "select_where"]

Materialize = Callable[[str, DataFrame], DataFrame]


def select_where(frame: DataFrame, predicate: str) -> DataFrame:
    """Select the rows of a source for which a SQL predicate over its columns is true, and those that could not be read.

    Raises `ConfigError` where Spark cannot parse or resolve the predicate.
    """
    if not predicate:
        return frame
    columns = ", ".join(frame.columns)
    try:
        kind = frame.select(F.expr(predicate)).schema[0].dataType
    except PySparkException as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ConfigError(f"input.where = {predicate}: {reason}: it is a SQL predicate over the columns {columns}") from None
    if not isinstance(kind, T.BooleanType):
        raise ConfigError(
            f"input.where = {predicate} is {kind.simpleString()}: it must be true or false, over the columns {columns}"
        )
    return frame.where(F.expr(predicate) | unparsed_line_fault(frame).isNotNull())


def find_filters(config: Interactions) -> dict[str, int]:
    """Return the filters that are set, by key."""
    names = ("min_user_items", "max_user_items", "min_item_users", "core")
    return {name: value for name in names if (value := getattr(config, name))}


def find_blocklists(config: Interactions) -> dict[str, str]:
    """Return the paths of the blocklists that are set, by key."""
    return {name: path for name in ("block_users", "block_items") if (path := getattr(config, name))}


def filter_rows(rows: DataFrame, config: Interactions, materialize: Materialize) -> Iterator[tuple[str, DataFrame]]:
    """Apply the filters of activity one after another; yield (reason, the rows that are left) of each that is set.

    rows: distinct (user_id, item_id). First users, by the number of their items, then items, by the number of their users
    that are left; then the core. Each result is computed once.
    """
    if config.min_user_items or config.max_user_items:
        low, high = config.min_user_items, config.max_user_items or None
        rows = materialize("active_users", keep_counts(rows, "user_id", low, high))
        yield "of users with too few or too many items", rows
    if config.min_item_users:
        rows = materialize("frequent_items", keep_counts(rows, "item_id", config.min_item_users))
        yield "of items with too few users", rows
    if config.core:
        yield f"outside the {config.core}-core", filter_core(rows, config.core, materialize)


def filter_core(rows: DataFrame, k: int, materialize: Materialize) -> DataFrame:
    """Return the k-core of the bipartite graph: the largest part in which every user and every item has k rows or more.

    rows: distinct (user_id, item_id). Users and items with fewer rows are removed in turn until none is left to remove; each
    round is two shuffles over the rows that are left.
    """
    num_rows, i = -1, 0
    while (left := rows.count()) != num_rows:
        num_rows, i = left, i + 1
        rows = materialize(f"core{i}", keep_counts(keep_counts(rows, "user_id", k), "item_id", k))
    return rows


def keep_counts(rows: DataFrame, column: str, low: int, high: int | None = None) -> DataFrame:
    """Keep the rows whose value of a column stands in at least `low` and at most `high` rows."""
    count = F.count(F.lit(1))
    kept: Column = F.col("count") >= low
    if high is not None:
        kept &= F.col("count") <= high
    values = rows.groupBy(column).agg(count.alias("count")).where(kept).select(column)
    return rows.join(values, column, "left_semi")
