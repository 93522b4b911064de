"""Delimited text as a DataFrame: several files, headers that differ, partition folders, ranges of bytes."""

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from support.text_tables import read_table
from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles
from walkgram.lake.formats.csv import read_csv
from walkgram.lake.formats.text.decode import ends_lines_by_byte
from walkgram.lake.formats.text.tasks import Split, group_splits
from walkgram.lake.sources.paths import list_source_files


def test_files_are_read_plain_marked_and_compressed(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeffx,y\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x,y\n3,4\n") + gzip.compress(b"5,6,7\n"))
    (tmp_path / "c.csv").write_text("")
    frame = read_csv(spark, list_source_files(str(tmp_path)), Input())
    assert frame.columns == ["x", "y", "_corrupt_record"]
    fault = "b.csv.gz, line 3: 3 fields where the header has 2: 5,6,7"
    assert sorted(map(tuple, frame.collect()), key=str) == [("1", "2", None), ("3", "4", None), (None, None, fault)]


def test_columns_without_a_name_are_numbered_and_duplicates_refused(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,,y\n")
    assert read_csv(spark, list_source_files(str(tmp_path)), Input()).columns[:3] == ["x", "_c1", "y"]
    for header, name in (("x,y,x", "x"), ("x,_corrupt_record", "_corrupt_record")):
        (tmp_path / "a.csv").write_text(f"{header}\n")
        with pytest.raises(InputError, match=f"has more than one column '{name}': rename one"):
            read_csv(spark, list_source_files(str(tmp_path)), Input())


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ("x,z", "it lacks y and it has z"),
        ("x", "it lacks y"),
        ("y,x", "the same names in another order"),
        ("x,y,z", "it has z"),
        ("x,y,y", "names are repeated"),
    ],
)
def test_the_file_with_another_header_is_named_wherever_it_stands(tmp_path: Path, other: str, difference: str) -> None:
    for name, header in (("a", other), ("b", "x,y"), ("c", "x,y")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(InputError) as error:
        read_table(tmp_path)
    assert f"{tmp_path}/a.csv has another header than 2 of the 3 files ({difference})" in str(error.value)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_tsv_files_are_split_at_tabs(spark: Any, tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.tsv").write_text('x\ty\n1\t"a,b\n')
    rows = read_csv(spark, list_source_files(str(tmp_path)), Input(delimiter=delimiter)).collect()
    assert [row.asDict() for row in rows] == [{"x": "1", "y": '"a,b', "_corrupt_record": None}]


def test_folders_are_columns_of_text_the_same_for_all_files(tmp_path: Path) -> None:
    root = tmp_path / "env=prod"
    for folder in ("market=007/day=a%20b", "day=1/market=7"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "x=1.csv").write_text("u\n1\n2,3\n")
    table = read_table(root)
    assert table.names == ["u", "day", "market"]
    assert set(table.rows) == {("1", "a b", "007"), ("1", "1", "7")}
    assert "day=1/market=7/x=1.csv, line 3: 2 fields where the header has 1: 2,3" in table.faults
    (root / "y.csv").write_text("u\n1\n")
    with pytest.raises(InputError, match=r"y\.csv lies in no partition folder"):
        read_table(root)


@pytest.mark.parametrize("encoding", ["UTF-8", "cp1252"])
@pytest.mark.parametrize("key", ["multiline=false", "quote="])
def test_ranges_of_a_file_hold_each_row_once(encoding: str, key: str, tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [(str(k), "\u00e9" * draw.randrange(30)) for k in range(200)]
    text = "x,y\n" + "".join(f"{x},{y}{draw.choice(['', '', '', ',z'])}\r\n" for x, y in rows)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    whole = read_table(tmp_path / "a.csv", key, f"encoding={encoding}")
    assert len(whole.rows) > 100
    assert len(whole.faults) > 20
    for max_bytes in (40, 97, 1000):
        parts = read_table(tmp_path / "a.csv", key, f"encoding={encoding}", max_bytes=max_bytes)
        assert sorted(parts.rows, key=str) == sorted(whole.rows, key=str)
        lines = (tmp_path / "a.csv").read_bytes().splitlines(keepends=True)
        for fault in parts.faults:
            place, _, line = fault.partition(": 3 fields where the header has 2: ")
            number, _, byte = place.removeprefix("a.csv, line ").removesuffix(" on").partition(" from byte ")
            start = lines if not byte else (tmp_path / "a.csv").read_bytes()[int(byte) :].splitlines(keepends=True)
            assert start[int(number) - 1].decode(encoding).strip() == line


def test_files_are_cut_only_where_a_byte_ends_lines_and_no_field_spans_them(tmp_path: Path) -> None:
    assert [
        name for name in ("utf8", "utf_8_sig", "latin-1", "cp1252", "cp437", "koi8-r") if not ends_lines_by_byte(name)
    ] == []
    assert [
        name for name in ("utf-16", "gb18030", "shift_jis", "cp037", "utf-7", "iso2022_jp", "hz") if ends_lines_by_byte(name)
    ] == []
    (tmp_path / "a.csv").write_text("x,y\n" + '1,"a\nb"\n' * 50)
    table = read_table(tmp_path / "a.csv", max_bytes=20)
    assert table.rows == [("1", "a\nb")] * 50


def test_small_files_share_a_task() -> None:
    splits = [Split(f"/{k}", str(k), 1 << 20) for k in range(100)] + [Split("/big", "big", 1 << 30)]
    tasks = group_splits(splits, 128 << 20)
    assert [split for task in tasks for split in task] == splits
    assert [len(task) for task in tasks] == [26, 26, 26, 22, 1]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n" + random.Random(1).randbytes(10**6).hex().encode())[:-20])
    with pytest.raises(InputError, match=r"a\.csv\.gz: truncated or damaged file \(Truncated compressed stream"):
        read_table(tmp_path / "a.csv.gz")


def test_messages_name_the_section_that_the_table_is_read_by(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x,y\n1,"a\n')
    files: SourceFiles = list_source_files(str(tmp_path))._replace(keys="input.items_format")
    fault = read_csv(spark, files, Input()).collect()[0]["_corrupt_record"]
    assert '(set input.items_format.quote = "" if quotes are plain text)' in fault
