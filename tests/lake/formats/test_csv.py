"""The header of CSV files: byte order marks, compression, delimiters, and headers that differ."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.csv import read_csv, read_header
from walkgram.lake.sources.paths import list_source_files


def test_a_header_is_read_from_plain_marked_and_compressed_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeffx,y\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x,y\n3,4\n"))
    assert read_header(list_source_files(str(tmp_path)), ",", "UTF-8") == ["x", "y"]


def test_columns_without_a_name_are_numbered_and_duplicates_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,,y\n")
    assert read_header(list_source_files(str(tmp_path)), ",", "UTF-8") == ["x", "_c1", "y"]
    (tmp_path / "a.csv").write_text("x,y,x\n")
    with pytest.raises(InputError, match="has more than one column 'x': rename one"):
        read_header(list_source_files(str(tmp_path)), ",", "UTF-8")


def test_a_file_with_another_header_or_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(InputError, match=r"a\.csv: the header cannot be read .* is input\.encoding right"):
        read_header(list_source_files(str(tmp_path)), ",", "no-such-encoding")
    (tmp_path / "b.csv").write_text("x,z\n")
    with pytest.raises(InputError, match=r"b\.csv has another header"):
        read_header(list_source_files(str(tmp_path)), ",", "UTF-8")


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_tsv_files_are_split_at_tabs(spark: Any, tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.tsv").write_text("x\ty\n1\ta,b\n")
    rows = read_csv(spark, list_source_files(str(tmp_path)), Input(delimiter=delimiter)).collect()
    assert [row.asDict() for row in rows] == [{"x": "1", "y": "a,b"}]
