"""What is read is what is there: one row a case, with the files, the keys, and the expected rows or the expected line."""

import decimal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pytest

from support.source_files import Content, write_files
from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import Format, open_reader
from walkgram.lake.sources.open import open_source, read_files
from walkgram.lake.sources.paths import list_source_files

HEADER = "user,item\n"
ONE, TWO, THREE = (f"{HEADER}{i},{i}0\n" for i in (1, 2, 3))
UI = ("user", "item")
ROWS = [("1", "10"), ("2", "20"), ("3", "30")]


class Case(NamedTuple):
    """Files below the folder, the source in it, keys of the section input, the columns, and the rows or a part of the line."""

    files: Mapping[str, Content]
    expected: list[tuple[Any, ...]] | str
    columns: tuple[str, ...] = UI
    source: str = "in"
    keys: Mapping[str, Any] = {}


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def arrow(**columns: tuple[list[Any], pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})


LAYOUTS = {
    "partition folders": Case(
        {"in/dt=2024-01-01/a.csv": ONE, "in/dt=2024-01-02/a.csv": TWO},
        [("1", "2024-01-01"), ("2", "2024-01-02")],
        ("user", "dt"),
    ),
    "partition values are text": Case(
        {"in/market=007/a.csv": ONE, "in/market=7/a.csv": TWO}, [("1", "007"), ("2", "7")], ("user", "market")
    ),
    "partition values of Parquet are text": Case(
        {"in/user=007/a.parquet": frame(item=[10]), "in/user=7/a.parquet": frame(item=[20])}, [("007", 10), ("7", 20)]
    ),
    "two partition keys": Case(
        {"in/a=1/b=x/1.csv": ONE, "in/a=2/b=y/2.csv": TWO}, [("1", "1", "x"), ("2", "2", "y")], ("user", "a", "b")
    ),
    "escaped and null partition values": Case(
        {"in/k=a%3Ab +c/1.csv": ONE, "in/k=__HIVE_DEFAULT_PARTITION__/2.csv": TWO, "in/k=100%/3.csv": THREE},
        [("1", "a:b +c"), ("2", None), ("3", "100%")],
        ("user", "k"),
    ),
    "a column of the file precedes the folder's": Case({"in/user=9/a.csv": ONE}, [("1", "10")]),
    "folders below a partition": Case({"in/k=1/a.csv": ONE, "in/k=1/sub/b.csv": TWO, "in/k=2/c.csv": THREE}, ROWS),
    "nested folders": Case({"in/a.csv": ONE, "in/b/b.csv": TWO, "in/b/c/c.csv": THREE}, ROWS),
    "a stray file beside partitions": Case({"in/a.csv": ONE, "in/k=1/b.csv": TWO}, "in/k=1/b.csv lies in folders of k=, "),
    "other keys in other folders": Case({"in/j=1/a.csv": ONE, "in/k=1/b.csv": TWO}, "in/k=1/b.csv lies in folders of k=, "),
    "one key twice": Case({"in/k=1/k=2/a.csv": ONE}, "in/k=1/k=2/a.csv lies in two folders of one key"),
    "a file with = in its name beside a folder": Case({"in/x=1.csv": ONE, "in/sub/b.csv": TWO, "in/sub/c.csv": THREE}, ROWS),
    "a Parquet file with = in its name": Case(
        {"in/x=1.parquet": frame(user=[1], item=[10]), "in/sub/b.parquet": frame(user=[2], item=[20])}, [(1, 10), (2, 20)]
    ),
    "a parent folder with =": Case({"env=prod/a.csv": ONE, "env=prod/sub/b.csv": TWO}, ROWS[:2], source="env=prod"),
    "a parent folder with = is no column": Case(
        {"env=prod/in/a.csv": ONE}, "has no column 'env'", ("env",), source="env=prod/in"
    ),
    "the same key above and below the source": Case(
        {"k=up/in/k=low/a.csv": ONE}, [("1", "low")], ("user", "k"), source="k=up/in"
    ),
    "a partition key that begins with _": Case({"in/_k=1/a.csv": ONE, "in/_k=2/b.csv": TWO}, ROWS[:2]),
    "hidden files": Case({"in/a.csv": ONE, "in/_SUCCESS": "", "in/.a.csv.crc": "x", "in/_temporary/0/b.csv": TWO}, ROWS[:1]),
    "names that URIs escape": Case({"in/a b#%20+[x]{1}?.csv": ONE, "in/é.csv": TWO}, ROWS[:2]),
    "a path with ..": Case({"in/a.csv": ONE, "other/b.csv": TWO}, ROWS[:1], source="other/../in"),
    "a colon in a file's name": Case({"in/a:b.csv": ONE}, "in/a:b.csv: Hadoop, by which Spark reads files, allows no colon"),
    "a colon in a folder's name": Case(
        {"in/12:30/a.csv": ONE}, "in/12:30: Hadoop, by which Spark reads files, allows no colon"
    ),
    "a colon in the name of the source": Case({"a:b.csv": ONE}, "a:b.csv: Hadoop, by which", source="a:b.csv"),
    "a copy under way": Case({"in/a.csv": ONE, "in/b.csv._COPYING_": "x"}, "b.csv._COPYING_: a copy that is not complete"),
}
EMPTY = {
    "an empty part of CSV": Case({"in/a.csv": "", "in/b.csv": ONE}, ROWS[:1]),
    "an empty part of Parquet": Case({"in/a.parquet": b"", "in/b.parquet": frame(user=[1], item=[10])}, [(1, 10)]),
    "an empty part of JSON": Case({"in/a.json": "", "in/b.json": '{"user": 1, "item": 10}'}, [(1, 10)]),
    "only empty parts": Case({"in/a.csv": "", "in/b.csv": ""}, "no columns could be read: all 2 files are empty (0 bytes)"),
}
DELTA = "/in is a table of Delta Lake, whose files also hold deleted and replaced rows: export the table"
PART = frame(user=[1], item=[10])
TABLE_FORMATS = {
    "Delta Lake": Case({"in/a.parquet": PART, "in/_delta_log/0.json": "{}"}, DELTA),
    "a file of Delta Lake": Case({"in/a.parquet": PART, "in/_delta_log/0.json": "{}"}, DELTA, source="in/a.parquet"),
    "a partition of Delta Lake": Case({"in/k=1/a.parquet": PART, "in/_delta_log/0.json": "{}"}, DELTA, source="in/k=1"),
    "Delta Lake below the source": Case(
        {"in/t/a.parquet": PART, "in/t/_delta_log/0.json": "{}"}, "/in/t is a table of Delta Lake"
    ),
    "Hudi": Case({"in/a.parquet": PART, "in/.hoodie/hoodie.properties": "x"}, "/in is a table of Hudi"),
    "Iceberg": Case({"in/data/a.parquet": PART, "in/metadata/v1.metadata.json": "{}"}, "/in is a table of Iceberg"),
    "the data of Iceberg": Case(
        {"in/data/a.parquet": PART, "in/metadata/v1.metadata.json": "{}"}, 'spark.read.format("iceberg")', source="in/data"
    ),
    "a folder metadata of another kind": Case({"in/a.parquet": PART, "metadata/about.json": "{}"}, [(1, 10)]),
}


def two(first: Content, second: Content) -> dict[str, Content]:
    return {"in/a.parquet": first, "in/b.parquet": second}


TIME = pd.Timestamp("2024-01-01 12:00:00")
RATED = {"columns": {"user_id": "user", "item_id": "item"}}
PARQUET = {
    "int32 and int64": Case(
        two(arrow(user=([1], pa.int32()), item=([10], pa.int64())), arrow(user=([2**40], pa.int64()), item=([20], pa.int8()))),
        [(1, 10), (2**40, 20)],
    ),
    "unsigned": Case(
        two(
            arrow(user=([2**32 - 1], pa.uint32()), item=([255], pa.uint8())),
            arrow(user=([-1], pa.int64()), item=([-1], pa.int16())),
        ),
        [(-1, -1), (2**32 - 1, 255)],
    ),
    "unsigned of 64 bits": Case(
        two(frame(user=[1], item=[10]), arrow(user=([2**64 - 1], pa.uint64()), item=([20], pa.int64()))),
        [(1, 10), (decimal.Decimal(2**64 - 1), 20)],
    ),
    "float and double": Case(
        two(frame(user=[1], item=pd.array([0.5], "float32")), frame(user=[2], item=[0.1])), [(1, 0.5), (2, 0.1)]
    ),
    "longs and pandas' doubles": Case(two(frame(user=[1], item=[10]), frame(user=[2.0], item=[20])), [(1, 10), (2, 20)]),
    "longs that no double holds": Case(
        two(frame(user=[2**53 + 1], item=[10]), frame(user=[2.0], item=[20])),
        "column 'user' is in {0}/in/a.parquet as bigint and in {0}/in/b.parquet as double, which no type holds without loss",
        keys=RATED,
    ),
    "decimals": Case(
        two(
            arrow(user=([decimal.Decimal("1.5")], pa.decimal128(5, 1)), item=([10], pa.int64())),
            arrow(user=([2], pa.int64()), item=([20], pa.int64())),
        ),
        [(decimal.Decimal("1.5"), 10), (decimal.Decimal("2.0"), 20)],
    ),
    "dictionaries and text": Case(
        two(frame(user=pd.Categorical(["x"]), item=[10]), frame(user=["y"], item=[20])), [("x", 10), ("y", 20)]
    ),
    "a column of None": Case(two(frame(user=[None], item=[10]), frame(user=["y"], item=[20])), [("y", 20), (None, 10)]),
    "dates and times": Case(
        two(
            frame(user=[1], item=[TIME.date()]),
            frame(user=[2], item=pd.Series([TIME]).astype("datetime64[us]").dt.tz_localize("UTC")),
        ),
        [(1, TIME.normalize().to_pydatetime()), (2, TIME.to_pydatetime())],
    ),
    "columns in another order": Case(two(frame(user=[1], item=[10]), frame(item=[20], user=[2])), [(1, 10), (2, 20)]),
    "a renamed column": Case(
        two(frame(user=[1], item=[10]), frame(uid=[2], item=[20])),
        "{0}/in/b.parquet has no column 'user', which {0}/in/a.parquet has: write the files with equal columns",
        keys=RATED,
    ),
    "a lost column": Case(
        two(frame(item=[10]), frame(user=[2], item=[20])),
        "{0}/in/a.parquet has no column 'user', which {0}/in/b.parquet has",
        keys=RATED,
    ),
    "text and numbers": Case(
        two(frame(user=[1], item=[10]), frame(user=["007"], item=[20])),
        "column 'user' is in {0}/in/a.parquet as bigint and in {0}/in/b.parquet as string, which no type holds",
        keys=RATED,
    ),
    "columns that are not used may differ": Case(
        two(frame(user=[1], item=[10], note=["x"]), frame(user=[2], item=[20], note=[3.5], more=[1])), [(1, 10), (2, 20)]
    ),
    "a damaged file": Case(two(PART, b"PAR1 no footer"), "in/b.parquet"),
}
CASES = LAYOUTS | EMPTY | TABLE_FORMATS | PARQUET


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_source_is_read_whole_or_refused(spark: Any, tmp_path: Path, case: Case) -> None:
    write_files(tmp_path, case.files)
    required = {f"input.columns.{name}": name for name in case.columns}
    if isinstance(case.expected, str):
        with pytest.raises(InputError) as error:
            open_source(spark, f"{tmp_path}/{case.source}", Input(**case.keys), required)
        assert case.expected.replace("{0}", str(tmp_path)) in str(error.value)
        assert len(str(error.value).splitlines()) == 1
        return
    rows = open_source(spark, f"{tmp_path}/{case.source}", Input(**case.keys), required).frame.select(*case.columns).collect()
    assert sorted((tuple(row) for row in rows), key=str) == sorted(case.expected, key=str)


def test_empty_parts_are_counted(spark: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_files(tmp_path, {"a.csv": "", "b.csv": ONE, "c/d.csv": ""})
    open_source(spark, str(tmp_path), Input(), {})
    assert f"{tmp_path}: 2 of 3 files are empty (0 bytes) and left out" in caplog.text


@pytest.mark.parametrize(
    "name, message", [("c.csv", "was added while the source was read"), ("a.csv", "does not read this file")]
)
def test_a_file_that_only_one_of_spark_and_the_listing_has_is_named(
    spark: Any, tmp_path: Path, name: str, message: str
) -> None:
    write_files(tmp_path, {"a.csv": ONE, "b.csv": TWO})
    files = list_source_files(str(tmp_path))
    text = Format("text", (".csv",), lambda spark, files, _: open_reader(spark, files).text(files.spark_uri))
    if name == "c.csv":
        write_files(tmp_path, {name: THREE})
    else:
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name}: .*{message}"):
        read_files(spark, text, files, Input(), {})
