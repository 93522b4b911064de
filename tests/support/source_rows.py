"""Interactions from small DataFrames: parsed rows, their faults, and the rows that are kept."""

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from walkgram.config.source import Columns
from walkgram.stages.source import interactions
from walkgram.stages.source.columns import ValueRules

COLUMNS = Columns()
SCHEMA = "user_id long, item_id long, rating double, timestamp long"


NULLS = ("", "\\N", "NA")


def parse(frame: DataFrame, unit: str = "s", untyped: bool = False, columns: Columns = COLUMNS, **rules: Any) -> DataFrame:
    values = ValueRules(NULLS, timestamp_unit=unit, **rules)
    return interactions.parse(frame, columns, values, interactions.find_ids(frame, columns, untyped, values))


def profile(frame: DataFrame) -> dict[str, Any]:
    return interactions.profile(parse(frame), COLUMNS)


def select_rows(
    frame: DataFrame, threshold: float | None = None, unit: str = "s", untyped: bool = False
) -> set[tuple[Any, ...]]:
    rows = interactions.drop_invalid(parse(frame, unit, untyped))
    table = interactions.above_threshold(interactions.deduplicate(rows), threshold)
    return {tuple(row) for row in table.collect()}


def read_faults(frame: DataFrame, unit: str = "s", untyped: bool = False) -> list[str | None]:
    return [row["bad"] for row in parse(frame, unit, untyped).collect()]


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
