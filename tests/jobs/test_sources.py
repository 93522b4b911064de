"""The same interactions from every kind of source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

Job = Callable[..., int]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    ids = {"user_id": rng.integers(0, 20, 200), "item_id": 2**53 + 1 + rng.integers(0, 15, 200)}
    return pd.DataFrame(
        ids | {"rating": rng.integers(1, 6, 200).astype(float), "timestamp": rng.integers(10**9, 11 * 10**8, 200)}
    )


def kept(job: Job, lake: Path, place: Path, *keys: str) -> pa.Table:
    more = [
        part
        for key in (f"lake.path={lake}", f"input.path={place}", "interactions.min_rating=none", *keys)
        for part in ("--set", key)
    ]
    assert job("interactions", *more) == 0
    return pq.read_table(lake / "interactions").sort_by([("user_id", "ascending"), ("item_id", "ascending")])


def write(table: pd.DataFrame, folder: Path, kind: str) -> Path:
    """The table as a source of this kind; its place."""
    file = folder / f"ratings.{kind}"
    times = pd.to_datetime(table["timestamp"], unit="s")
    if kind in ("csv", "csv.gz"):
        table.to_csv(file, index=False)
    elif kind == "tsv":
        table.to_csv(file, index=False, sep="\t", lineterminator="\r\n")
    elif kind == "jsonl":
        table.to_json(file, orient="records", lines=True)
    elif kind == "ns.parquet":
        table.assign(timestamp=times.astype("datetime64[ns]")).to_parquet(file)
    elif kind == "utc.parquet":
        table.assign(timestamp=times.dt.tz_localize("UTC").astype("datetime64[us, UTC]")).to_parquet(file)
    elif kind == "spark":
        spark = SparkSession.builder.getOrCreate()
        spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")  # Spark's own default
        spark.createDataFrame(table).withColumn("timestamp", F.timestamp_seconds("timestamp")).write.parquet(str(file))
    elif kind == "nested [x]":
        (file / "sub").mkdir(parents=True)
        table[:90].to_csv(file / "a.csv", index=False)
        table[90:].to_csv(file / "sub" / "b.csv", index=False)
    else:
        file.mkdir()
        table[:90].to_parquet(file / "a.parquet")
        table[90:].to_parquet(file / "b.parquet")
    return file


@pytest.mark.parametrize("kind", ["csv.gz", "tsv", "jsonl", "ns.parquet", "utc.parquet", "folder", "nested [x]", "spark"])
def test_every_source_gives_the_same_interactions(job: Job, tmp_path: Path, table: pd.DataFrame, kind: str) -> None:
    expected = kept(job, tmp_path / "one", write(table, tmp_path, "csv"))
    found = kept(job, tmp_path / "two", write(table, tmp_path, kind))
    assert found.num_rows == table.drop_duplicates(["user_id", "item_id"]).shape[0]
    assert found.equals(expected)


def test_ids_may_be_text_and_columns_have_other_names(job: Job, tmp_path: Path, table: pd.DataFrame) -> None:
    place = tmp_path / "ratings.csv"
    named = table.assign(item_id=[f"sku-{i:03}" for i in table["item_id"]]).rename(
        columns={"user_id": "User Id", "rating": "stars.given"}
    )
    named.to_csv(place, index=False)
    found = kept(job, tmp_path / "lake", place, "input.columns.user_id=User Id", "input.columns.rating=stars.given")
    assert found.schema.field("item_id").type == pa.string()
    assert found.schema.field("user_id").type == pa.int64()


def test_lines_that_are_not_json_are_bad_rows(job: Job, capsys: Any, tmp_path: Path, table: pd.DataFrame) -> None:
    place = tmp_path / "ratings.jsonl"
    place.write_text(table.to_json(orient="records", lines=True) + '{"user_id": 3, "item\n')
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={place}") == 2
    assert "a line is not JSON" in capsys.readouterr().err
    kept(job, tmp_path / "lake", place, "input.bad_rows=drop")
    assert "1 bad rows" in capsys.readouterr().out


def test_files_with_other_headers_in_the_folder_are_named(job: Job, capsys: Any, tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "in").mkdir()
    table.to_csv(tmp_path / "in" / "ratings.csv", index=False)
    (tmp_path / "in" / "users.csv").write_text("user_id,name\n1,Ann\n")
    more = ["--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={tmp_path / 'in'}"]
    assert job("interactions", *more) == 2
    assert "users.csv has another header" in capsys.readouterr().err
    assert job("interactions", *more, "--set", "input.interactions=ratings.csv") == 0


def test_quoted_fields_may_hold_line_breaks(job: Job, tmp_path: Path, table: pd.DataFrame) -> None:
    table.assign(note='hello\n7,"8",5,7,z').to_csv(tmp_path / "notes.csv", index=False)
    table.to_csv(tmp_path / "plain.csv", index=False)
    assert kept(job, tmp_path / "one", tmp_path / "notes.csv").equals(kept(job, tmp_path / "two", tmp_path / "plain.csv"))


def test_text_in_another_encoding_is_refused_until_it_is_named(job: Job, capsys: Any, tmp_path: Path) -> None:
    place = tmp_path / "latin.csv"
    place.write_bytes("user_id,item_id,rating,timestamp\n1,é,1,1\n1,è,1,1\n".encode("latin-1"))
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={place}") == 2
    assert "set input.encoding" in capsys.readouterr().err
    assert kept(job, tmp_path / "lake", place, "input.encoding=ISO-8859-1")["item_id"].to_pylist() == ["è", "é"]
