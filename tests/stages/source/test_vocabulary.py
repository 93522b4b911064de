"""The order of the vocabulary."""

from typing import Any

from walkgram.stages.source import vocabulary


def test_vocabulary_orders_by_falling_frequency_then_rising_id(spark: Any) -> None:
    rows = [("a", "x"), ("b", "x"), ("a", "z"), ("a", "y"), ("b", "y"), ("a", "B"), ("b", "é")]
    interactions = spark.createDataFrame(
        [(user, item, 1.0, None) for user, item in rows],
        "user_id string, item_id string, rating float, timestamp timestamp",
    )
    words = vocabulary.build_vocabulary(interactions).orderBy("index").collect()
    assert [tuple(word) for word in words] == [(0, "x", 2), (1, "y", 2), (2, "B", 1), (3, "z", 1), (4, "é", 1)]
