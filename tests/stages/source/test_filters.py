"""Filters of users and items, against plain Python on random rows."""

import random
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import DataFrame

from walkgram.config.pairs import Interactions
from walkgram.errors import ConfigError
from walkgram.stages.source.filters import filter_rows, select_where

Pair = tuple[int, int]


def random_pairs(seed: int) -> set[Pair]:
    rng = random.Random(seed)
    return {(int(30 * rng.random() ** 2), int(40 * rng.random() ** 3)) for _ in range(150)}


def limit(pairs: set[Pair], side: int, low: int, high: float = float("inf")) -> set[Pair]:
    counts = Counter(pair[side] for pair in pairs)
    return {pair for pair in pairs if low <= counts[pair[side]] <= high}


def core(pairs: set[Pair], k: int) -> set[Pair]:
    while (left := limit(limit(pairs, 0, k), 1, k)) != pairs:
        pairs = left
    return pairs


def keep(name: str, frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()


def apply_filters(spark: Any, pairs: set[Pair], **keys: Any) -> list[tuple[str, set[Pair]]]:
    frame = spark.createDataFrame(sorted(pairs), "user_id long, item_id long")
    steps = filter_rows(frame, Interactions(**keys), keep)
    return [(reason, {(row["user_id"], row["item_id"]) for row in rows.collect()}) for reason, rows in steps]


def test_users_are_limited_before_items(spark: Any) -> None:
    pairs = random_pairs(1)
    users = limit(pairs, 0, 3, 12)
    items = limit(users, 1, 2)
    assert len(pairs) > len(users) > len(items) > 0
    assert items != limit(limit(pairs, 1, 2), 0, 3, 12)
    steps = apply_filters(spark, pairs, min_user_items=3, max_user_items=12, min_item_users=2)
    assert [rows for _, rows in steps] == [users, items]
    assert [reason for reason, _ in steps] == ["of users with too few or too many items", "of items with too few users"]


@pytest.mark.parametrize("k", [2, 4, 50])
def test_the_core_is_the_largest_part_in_which_all_have_k_rows(spark: Any, k: int) -> None:
    pairs = random_pairs(2)
    expected = core(pairs, k)
    assert expected != limit(limit(pairs, 0, k), 1, k) or k != 4  # one round is not enough
    assert apply_filters(spark, pairs, core=k) == [(f"outside the {k}-core", expected)]


def test_without_filters_there_is_no_step(spark: Any) -> None:
    assert apply_filters(spark, random_pairs(3)) == []


def test_a_predicate_selects_rows_and_keeps_those_that_could_not_be_read(spark: Any) -> None:
    rows = [("a", "view", None), ("b", "buy", None), ("c", None, None), (None, None, "line 7: too short")]
    frame = spark.createDataFrame(rows, "user string, event string, _corrupt_record string")
    assert [row["user"] for row in select_where(frame, "event = 'buy'").collect()] == ["b", None]
    assert select_where(frame, "") is frame


@pytest.mark.parametrize("predicate", ["evnt = 'buy'", "event = ", "user"])
def test_a_wrong_predicate_is_named_with_the_columns(spark: Any, predicate: str) -> None:
    frame = spark.createDataFrame([("a", "view")], "user string, event string")
    with pytest.raises(ConfigError, match=rf"input\.where = {predicate}.*columns user, event"):
        select_where(frame, predicate)
