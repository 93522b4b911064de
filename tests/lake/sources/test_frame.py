"""DataFrames as sources: their columns, and fingerprints of plans."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Columns, Input
from walkgram.errors import ConfigError, InputError
from walkgram.lake.sources.frame import fingerprint_frame, name_columns, open_frame

COLUMNS = {"input.columns.user_id": "user", "input.columns.item_id": "item"}


@pytest.fixture
def frame(spark: Any) -> DataFrame:
    session: SparkSession = spark
    return session.range(4).select(F.col("id").alias("user"), (F.col("id") * 2).alias("item"))


def test_a_frame_is_a_source_of_the_required_columns_with_its_own_types(frame: DataFrame) -> None:
    source = open_frame(frame.withColumn("note", F.lit("x")), COLUMNS)
    assert not source.is_text
    assert source.frame.dtypes == [("user", "bigint"), ("item", "bigint")]
    assert source.frame.count() == 4


def test_names_of_columns_may_hold_dots_and_backticks(frame: DataFrame) -> None:
    named = frame.toDF("user.id", "item`s")
    assert open_frame(named, {"a": "user.id", "b": "item`s", "c": "user.id"}).frame.columns == ["user.id", "item`s"]


def test_a_missing_or_duplicate_column_is_named_with_its_key(frame: DataFrame) -> None:
    with pytest.raises(InputError, match=r"DataFrame has no column 'rating': set input\.columns\.rating to one of user, item"):
        open_frame(frame, {**COLUMNS, "input.columns.rating": "rating"})
    with pytest.raises(InputError, match="has more than one column 'user'"):
        open_frame(frame.select("user", "item", "user"), COLUMNS)


def test_other_objects_and_streams_are_refused(spark: Any) -> None:
    table: Any = pd.DataFrame({"user": [1], "item": [2]})
    with pytest.raises(InputError, match="give a DataFrame of pyspark"):
        open_frame(table, COLUMNS)
    with pytest.raises(InputError, match="give a DataFrame of pyspark"):
        fingerprint_frame(table, "tag")
    with pytest.raises(InputError, match="batch DataFrame"):
        open_frame(spark.readStream.format("rate").load(), {})


def test_equal_plans_have_equal_fingerprints_and_other_plans_or_schemas_do_not(frame: DataFrame) -> None:
    fingerprint = fingerprint_frame(frame)
    assert fingerprint_frame(frame) == fingerprint
    assert fingerprint_frame(frame.select("user", "item")) == fingerprint
    others = [frame.where("item > 2"), frame.withColumnRenamed("user", "User"), frame.select("item", "user")]
    assert len({fingerprint, *map(fingerprint_frame, others)}) == 4


def test_a_tag_replaces_the_hash_of_the_plan_but_not_of_the_schema(frame: DataFrame) -> None:
    fingerprint = fingerprint_frame(frame, "2026-11-25")
    assert fingerprint_frame(frame.where("item > 2"), "2026-11-25") == fingerprint
    others = [
        fingerprint_frame(frame, "2026-11-26"),
        fingerprint_frame(frame),
        fingerprint_frame(frame.select("user"), "2026-11-25"),
    ]
    assert fingerprint not in others


def test_files_that_change_in_place_need_a_tag(spark: Any, tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    fingerprints = []
    for text in ("user,item\n1,2\n", "user,item\n3,4\n5,6\n"):
        file.write_text(text)
        fingerprints.append(fingerprint_frame(spark.read.schema("user long, item long").csv(str(file), header=True)))
    assert fingerprints[0] == fingerprints[1]


def test_data_in_memory_has_a_fingerprint_for_each_frame(spark: Any) -> None:
    first, second = (spark.createDataFrame([(1, 2)], ["user", "item"]) for _ in range(2))
    assert fingerprint_frame(first) == fingerprint_frame(first)
    assert fingerprint_frame(first) != fingerprint_frame(second)


def test_optional_columns_are_absent_unless_they_are_named_or_in_the_frame(frame: DataFrame) -> None:
    columns = {"user_id": "user", "item_id": "item"}
    assert name_columns(Input(), frame, columns) == {"columns": Columns(**columns, rating="", timestamp="")}
    rated = frame.withColumn("rating", F.lit(1.0))
    assert name_columns(Input(), rated, columns)["columns"].rating == "rating"
    assert name_columns(Input(), frame, {**columns, "rating": "stars"})["columns"].rating == "stars"
    assert name_columns(Input(), None, None) == {}
    edges = name_columns(Input(kind="edges"), frame, {"src": "user", "dst": "item"})["edge_columns"]
    assert (edges.src, edges.dst, edges.weight) == ("user", "item", "")
    with pytest.raises(ConfigError, match="userid: no such column; there are item_id, rating, timestamp, user_id"):
        name_columns(Input(), frame, {"userid": "user"})
