"""Rows of text: both parsers agree, and tables that Python's csv module writes come back."""

import csv
import io
import random
from pathlib import Path

import numpy as np
import pytest

from support.text_tables import ReadTable, read_table
from walkgram.lake.formats.text import rows
from walkgram.lake.formats.text.arrow import find_unusual_lines, parse_lines
from walkgram.lake.formats.text.decode import read_chunks
from walkgram.lake.formats.text.dialect import Dialect

LETTERS = ["a", "bc", ",", ",", ",", '"', '"', '""', '","', "\n", "\n", "\r\n", "\r", "\\", "::", " ", "\u00e9", "\x1f", "\x00"]
DIALECTS = [
    Dialect(),
    Dialect(multiline=False),
    Dialect(trusts_quotes=True),
    Dialect(escape="\\"),
    Dialect(quote=""),
    Dialect(delimiter="::"),
]


def read_text(text: bytes, dialect: Dialect, size: int) -> list[dict[str, str | None]]:
    """Return the rows of a text that is read in pieces of `size` bytes."""
    pieces = (text[k : k + size] for k in range(0, len(text), size))
    reader = rows.RowReader(dialect, 3, rows.Start("t"))
    return [row for batch in reader.read(read_chunks(pieces, dialect.encoding)) for row in batch.to_pylist()]


@pytest.mark.parametrize("dialect", DIALECTS, ids=map(str, range(len(DIALECTS))))
@pytest.mark.parametrize("min_run", [1, 4])
def test_both_parsers_give_the_same_rows_and_faults(dialect: Dialect, min_run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast one where it may be used, against the strict one for every line, in pieces of any size."""
    draw, num_good, num_quoted = random.Random(17), 0, 0
    monkeypatch.setattr(rows, "MIN_RUN", min_run)
    for _ in range(400):
        lines = [
            draw.choice(["a,b,c\n", '1,"x",2\n', 'a::"b"::c\n', "".join(draw.choices(LETTERS, k=draw.randrange(9)))])
            for _ in range(8)
        ]
        text = "".join(lines).encode()
        fast = read_text(text, dialect, draw.choice([3, 11, 1000]))
        with monkeypatch.context() as patch:
            patch.setattr(rows, "find_unusual_lines", lambda chunk, _: np.arange(len(chunk.splitlines())))
            patch.setattr(rows, "parse_lines", None)
            patch.setattr(rows, "MIN_RUN", 100)
            strict = read_text(text, dialect, 1000)
        assert sorted(fast, key=str) == sorted(strict, key=str), text
        num_good += sum(row["3"] is None for row in strict)
        num_quoted += len(find_unusual_lines(text, dialect))
    assert num_good > 500
    assert num_quoted > 500 or not dialect.quote


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_table_that_the_csv_module_writes_comes_back(quoting: int, delimiter: str, tmp_path: Path) -> None:
    draw = random.Random(5)
    letters = ["a", "b", '"', ",", ";", "\t", "\n", "\r\n", " ", "\\", "\u00e9", "'", "#", "1"]
    table = [tuple("x" + "".join(draw.choices(letters, k=draw.randrange(6))) for _ in range(4)) for _ in range(500)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=draw.choice(["\n", "\r\n"])).writerows(  # type: ignore[arg-type]
        [("c1", "c2", "c3", "c4"), *table]
    )
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode())
    read = read_table(tmp_path / "a.csv", f"delimiter={delimiter}", "multiline=true")
    assert read == ReadTable(["c1", "c2", "c3", "c4"], read.rows, [])
    assert sorted(read.rows) == sorted(table)


def test_a_quoted_field_of_many_pieces_is_read_and_one_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x\n" * 400
    text = f'1,2,"{long}"\n4,5,6\n'.encode()
    assert [row["2"] for row in read_text(text, Dialect(), 50)] == [long, "6"]
    monkeypatch.setattr(rows, "MAX_RECORD_BYTES", 100)
    found = read_text(text, Dialect(), 50)
    assert "line 1: the quote that opens field 3 is not closed" in str(found[0]["3"])
    assert [row["2"] for row in found if row["3"] is None] == ["6"]


def test_usual_lines_go_to_arrow_and_the_others_do_not() -> None:
    chunk = b'a,b\n"a","b ""c"""\nx,"y\nz"\nm,n"o\nq,"r"s\nt,u\n'
    assert find_unusual_lines(chunk, Dialect()).tolist() == [2, 3, 4, 5]
    assert find_unusual_lines(b'a,b\n"a","b ""c"""\n', Dialect()).tolist() == []
    assert find_unusual_lines(b'a,"\\b"\nb,"c"\n', Dialect(escape="\\")).tolist() == [0]
    parsed = parse_lines(b'a,b\n\n"c"\n,""\n', Dialect(), 2)
    assert [column.to_pylist() for column in parsed.columns] == [["a", None], ["b", ""]]
    assert parsed.bad_lines == [(1, 1)]
