"""Timestamps of nanoseconds in Parquet files."""

import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from walkgram.config.source import Input
from walkgram.lake.formats.parquet import read_parquet
from walkgram.lake.sources.paths import list_source_files


def test_timestamps_of_nanoseconds_become_timestamps_and_longs_stay(spark: Any, tmp_path: Path) -> None:
    times = pd.to_datetime([1_000_000_001_123_456_789], unit="ns")
    pd.DataFrame({"a`b": times, "count": [7]}).to_parquet(tmp_path / "a.parquet")
    key = "spark.sql.legacy.parquet.nanosAsLong"
    spark.conf.set(key, "true")
    try:
        frame = read_parquet(spark, list_source_files(str(tmp_path)), Input())
        assert frame.dtypes == [("a`b", "timestamp"), ("count", "bigint")]
        time = datetime.datetime.fromtimestamp(1_000_000_001, datetime.UTC).replace(microsecond=123_456)
        assert [(row[0].astimezone(datetime.UTC), row[1]) for row in frame.collect()] == [(time, 7)]
    finally:
        spark.conf.unset(key)
