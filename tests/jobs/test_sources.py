"""The same interactions from every format of the source."""

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
def ratings() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    ids = {"user_id": rng.integers(0, 20, 200), "item_id": 2**53 + 1 + rng.integers(0, 15, 200)}
    return pd.DataFrame(
        ids | {"rating": rng.integers(1, 6, 200).astype(float), "timestamp": rng.integers(10**9, 11 * 10**8, 200)}
    )


def read_interactions(job: Job, lake: Path, path: Path, *keys: str) -> pa.Table:
    options = [
        part
        for key in (f"lake.path={lake}", f"input.path={path}", "interactions.min_rating=none", *keys)
        for part in ("--set", key)
    ]
    assert job("interactions", *options) == 0
    return pq.read_table(lake / "interactions").sort_by([("user_id", "ascending"), ("item_id", "ascending")])


def write_source(ratings: pd.DataFrame, folder: Path, kind: str) -> Path:
    """Write the ratings in a format; returns the path."""
    file = folder / f"ratings.{kind}"
    times = pd.to_datetime(ratings["timestamp"], unit="s")
    if kind in ("csv", "csv.gz"):
        ratings.to_csv(file, index=False)
    elif kind == "tsv":
        ratings.to_csv(file, index=False, sep="\t", lineterminator="\r\n")
    elif kind == "jsonl":
        ratings.to_json(file, orient="records", lines=True)
    elif kind == "ns.parquet":
        ratings.assign(timestamp=times.astype("datetime64[ns]")).to_parquet(file)
    elif kind == "utc.parquet":
        ratings.assign(timestamp=times.dt.tz_localize("UTC").astype("datetime64[us, UTC]")).to_parquet(file)
    elif kind == "spark":
        spark = SparkSession.builder.getOrCreate()
        spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")  # Spark's own default
        spark.createDataFrame(ratings).withColumn("timestamp", F.timestamp_seconds("timestamp")).write.parquet(str(file))
    elif kind == "nested [x]":
        (file / "sub").mkdir(parents=True)
        ratings[:90].to_csv(file / "a.csv", index=False)
        ratings[90:].to_csv(file / "sub" / "b.csv", index=False)
    else:
        file.mkdir()
        ratings[:90].to_parquet(file / "a.parquet")
        ratings[90:].to_parquet(file / "b.parquet")
    return file


@pytest.mark.parametrize("kind", ["csv.gz", "tsv", "jsonl", "ns.parquet", "utc.parquet", "folder", "nested [x]", "spark"])
def test_every_format_gives_the_same_interactions(job: Job, tmp_path: Path, ratings: pd.DataFrame, kind: str) -> None:
    expected = read_interactions(job, tmp_path / "one", write_source(ratings, tmp_path, "csv"))
    interactions = read_interactions(job, tmp_path / "two", write_source(ratings, tmp_path, kind))
    assert interactions.num_rows == ratings.drop_duplicates(["user_id", "item_id"]).shape[0]
    assert interactions.equals(expected)


def test_ids_may_be_text_and_columns_have_other_names(job: Job, tmp_path: Path, ratings: pd.DataFrame) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "ratings.csv"
    renamed = ratings.assign(item_id=[f"sku-{i:03}" for i in ratings["item_id"]]).rename(
        columns={"user_id": "User Id", "rating": "stars.given"}
    )
    renamed.to_csv(path, index=False)
    interactions = read_interactions(
        job, tmp_path / "lake", path, "input.columns.user_id=User Id", "input.columns.rating=stars.given"
    )
    assert interactions.schema.field("item_id").type == pa.string()
    assert interactions.schema.field("user_id").type == pa.int64()
    plain = read_interactions(job, tmp_path / "plain", write_source(ratings, tmp_path / "in", "csv"))
    names = pa.array([f"sku-{item:03}" for item in plain["item_id"].to_pylist()])
    assert interactions.num_rows > 100
    assert interactions["item_id"].combine_chunks().equals(names)
    assert interactions.drop_columns("item_id").equals(plain.drop_columns("item_id"))


def test_lines_that_are_not_json_are_bad_rows(job: Job, capsys: Any, tmp_path: Path, ratings: pd.DataFrame) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text(ratings.to_json(orient="records", lines=True) + '{"user_id": 3, "item\n')
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={path}") == 2
    assert "a line is not JSON" in capsys.readouterr().err
    read_interactions(job, tmp_path / "lake", path, "input.bad_rows=drop")
    assert "1 bad rows" in capsys.readouterr().out


def test_the_error_names_a_file_with_another_header(job: Job, capsys: Any, tmp_path: Path, ratings: pd.DataFrame) -> None:
    (tmp_path / "in").mkdir()
    ratings.to_csv(tmp_path / "in" / "ratings.csv", index=False)
    (tmp_path / "in" / "users.csv").write_text("user_id,name\n1,Ann\n")
    options = ["--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={tmp_path / 'in'}"]
    assert job("interactions", *options) == 2
    assert "users.csv has another header" in capsys.readouterr().err
    assert job("interactions", *options, "--set", "input.interactions=ratings.csv") == 0


def test_quoted_fields_may_hold_line_breaks(job: Job, tmp_path: Path, ratings: pd.DataFrame) -> None:
    ratings.assign(note='hello\n7,"8",5,7,z').to_csv(tmp_path / "notes.csv", index=False)
    ratings.to_csv(tmp_path / "plain.csv", index=False)
    assert read_interactions(job, tmp_path / "one", tmp_path / "notes.csv").equals(
        read_interactions(job, tmp_path / "two", tmp_path / "plain.csv")
    )


def test_text_in_another_encoding_needs_the_key(job: Job, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("user_id,item_id,rating,timestamp\n1,é,1,1\n1,è,1,1\n".encode("latin-1"))
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={path}") == 2
    assert "set input.encoding" in capsys.readouterr().err
    assert read_interactions(job, tmp_path / "lake", path, "input.encoding=ISO-8859-1")["item_id"].to_pylist() == ["è", "é"]


def test_movielens_as_it_is_published(job: Job, tmp_path: Path) -> None:
    """1M (.dat, two colons) and 100k (u.data with tabs, u.item with bars) have no header; the items have keys of their own."""
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n2::661::3::978302109\n")
    (tmp_path / "u.item").write_bytes('1193|Am\u00e9lie|x\n661|Heat, "The"|y\n'.encode("latin-1"))
    keys = ("format=csv", "delimiter=::", "header=false", 'column_names=["user_id","item_id","rating","timestamp"]')
    side = ("items=u.item", "items_format.delimiter=|", "items_format.encoding=latin-1", "items_format.quote=")
    columns = ("item_columns.item_id=0", "item_columns.title=1", "item_columns.lists=[]", "item_columns.keep=[]")
    interactions = read_interactions(
        job, tmp_path / "lake", tmp_path / "ratings.dat", "report.group=", *(f"input.{key}" for key in (*keys, *side, *columns))
    )
    assert interactions.select(["user_id", "item_id", "rating"]).to_pylist() == [
        {"user_id": 1, "item_id": 1193, "rating": 5.0},
        {"user_id": 2, "item_id": 661, "rating": 3.0},
    ]
    items = pq.read_table(tmp_path / "lake" / "items").sort_by("item_id")
    assert items["title"].to_pylist() == ['Heat, "The"', "Am\u00e9lie"]


def test_rows_that_do_not_fit_the_header_are_counted(job: Job, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("title,user_id,item_id,rating,timestamp\nToy Story,u1,i1,5,1\nMonsters, Inc.,u2,i2,5,1\n")
    interactions = read_interactions(job, tmp_path / "lake", path, "input.bad_rows=drop")
    assert interactions["user_id"].to_pylist() == ["u1"]
    assert "1 bad rows" in capsys.readouterr().out


def test_partition_folders_give_ids_as_text(job: Job, tmp_path: Path) -> None:
    for user, item in (("007", 1), ("7", 1), ("7", 2)):
        folder = tmp_path / "env=prod" / f"user_id={user}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{item}.csv").write_text(f"item_id\n{item}\n")
    keys = ("input.columns.rating=", "input.columns.timestamp=")
    interactions = read_interactions(job, tmp_path / "lake", tmp_path / "env=prod", *keys)
    assert interactions.select(["user_id", "item_id"]).to_pylist() == [
        {"user_id": "007", "item_id": 1},
        {"user_id": "7", "item_id": 1},
        {"user_id": "7", "item_id": 2},
    ]
