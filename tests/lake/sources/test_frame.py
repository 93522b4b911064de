"""DataFrames as sources: their columns, and fingerprints of plans."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.lake.sources.frame import fingerprint_frame, open_frame

COLUMNS = {"input.columns.user_id": "user", "input.columns.item_id": "item"}


@pytest.fixture
def frame(spark: Any) -> DataFrame:
    session: SparkSession = spark
    return session.range(4).select(F.col("id").alias("user"), (F.col("id") * 2).alias("item"))


def test_a_frame_is_a_source_with_its_own_types(frame: DataFrame) -> None:
    source = open_frame(frame, COLUMNS)
    assert not source.is_text
    assert source.frame.dtypes == [("user", "bigint"), ("item", "bigint")]
    assert source.frame.count() == 4


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


def test_a_tag_replaces_the_fingerprint_of_the_plan(frame: DataFrame) -> None:
    assert fingerprint_frame(frame, "2026-11-25") == fingerprint_frame(frame.where("item > 2"), "2026-11-25") == "2026-11-25"


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
