"""Text tables, one case a row: the file's bytes and the keys -> its rows and faults, or the error."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from support.text_tables import read_table
from walkgram.errors import ConfigError, InputError

Row = tuple[str | None, ...]


class Case(NamedTuple):
    """A file, the keys that it is read under, the good rows, and a part of the message of each other row."""

    data: bytes
    rows: Sequence[Row] = ()
    faults: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    name: str = "a.csv"


TSV = b'u\tname\tn\n1\t"Weird Al" Yankovic\t2\n1\t"unclosed\t3\n2\t12" mix\t3\n'
QUOTED_ROWS: list[Row] = [("1", '"Weird Al" Yankovic', "2"), ("1", '"unclosed', "3"), ("2", '12" mix', "3")]
OPEN = 'the quote that opens field 2 is not closed (set input.quote = "" if quotes are plain text)'
SPANS = "that are rows by themselves: a quote is probably not closed"
MOVIES = b"1::Toy Story (1995)::A|B\n2::Jumanji: 2 (1995)::C\n"
MOVIE_ROWS: list[Row] = [("1", "Toy Story (1995)", "A|B"), ("2", "Jumanji: 2 (1995)", "C")]
CASES = {
    "more fields": Case(
        b"t,u,i\nToy Story,u1,i1\nMonsters, Inc.,u2,i2\n",
        [("Toy Story", "u1", "i1")],
        ("a.csv, line 3: 4 fields where the header has 3: Monsters, Inc.,u2,i2",),
    ),
    "fewer fields": Case(b"x,y\n1\n1,2\n", [("1", "2")], ("a.csv, line 2: 1 field where the header has 2: 1",)),
    "blank lines": Case(b"\n \nx,y\n\n1,2\r\n\r\n   \n3,4", [("1", "2"), ("3", "4")]),
    "line numbers count blank lines": Case(b"\n\nx,y\n\n1\n\n1,2\n3\n", [("1", "2")], ("line 5: 1 field", "line 8: 1 field")),
    "line numbers behind fields of two lines": Case(
        b'x,y\n1,"a\n\nb"\n1\n2,"c\n"\n3\n', [("1", "a\n\nb"), ("2", "c\n")], ("line 5: 1 field", "line 8: 1 field")
    ),
    "empty fields are null": Case(b'x,y\n,\n"",1\n', [(None, None), ("", "1")]),
    "spaces stay": Case(b"x,y\n 1 , 2\n", [(" 1 ", " 2")]),
    "one column": Case(b"x\na\n\nb\n", [("a",), ("b",)]),
    "old line ends": Case(b"x,y\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
    "no rows": Case(b"x,y\n", []),
    "NUL": Case(b"x,y\na\x00b,1\n", [("a\x00b", "1")]),
    "line separators of Unicode": Case("x,y\na\u2028b,\x0b\x0c\x85\n".encode(), [("a\u2028b", "\x0b\x0c\x85")]),
    "doubled quotes": Case(b'x,y\n1,"a ""b"" c"\n2,""""\n', [("1", 'a "b" c'), ("2", '"')]),
    "delimiter in quotes": Case(b'x,y\n1,"a,b"\n', [("1", "a,b")]),
    "line end in quotes": Case(b'x,y\n1,"a\r\nb"\n2,c\n', [("1", "a\r\nb"), ("2", "c")]),
    "line end in quotes, not allowed": Case(
        b'x,y\n1,"a\nb"\n2,c\n',
        [("2", "c")],
        ("line 2: the quote that opens field 2 is not closed on its", "line 3: 1 field"),
        ("multiline=false",),
    ),
    "quotes inside a field are text": Case(b'x,y\n1,12" mix\n2,a"b"\n', [("1", '12" mix'), ("2", 'a"b"')]),
    "open quote at the end": Case(b'x,y\n1,"a\n2,b\n', [("2", "b")], (f'a.csv, line 2: {OPEN}: 1,"a',)),
    "open quote before a quoted field": Case(b'x,y\n1,"a\n2,b\n3,"c"\n', [("2", "b"), ("3", "c")], (OPEN,)),
    "open quote and a last quote": Case(b'x,y\n1,"a\n2,b\n3,c"\n', [("2", "b"), ("3", 'c"')], (f"spans 3 lines {SPANS}",)),
    "open quote with a comma": Case(b'x,y\n1,"a, the\n2,b"\n', [("2", 'b"')], (SPANS,)),
    "lines that could be rows": Case(b'x,y\n1,"a\n2,b"\n', [("1", "a\n2,b")], keys=("multiline=true",)),
    "a field that spans lines which are no rows": Case(
        b'u,i,note\n1,2,"hello\n7,""8"",z"\n3,4,n\n', [("1", "2", 'hello\n7,"8",z'), ("3", "4", "n")]
    ),
    "text behind a quote": Case(
        b'x,y\n1,"a" b\n2,c\n', [("2", "c")], ('line 2: text follows the quote that closes field 2 (set input.quote = "" if',)
    ),
    "backslash without the key": Case(
        b'x,y\n1,"Rites of \\"Passage\\""\n2,c\n', [("2", "c")], ('(set input.escape = "\\\\" if a backslash precedes quotes)',)
    ),
    "backslash": Case(
        b'x,y\n1,"Rites of \\"Passage\\""\n2,"a\\\\"\n3,"C:\\dir ""x"""\n4,a\\b\n',
        [("1", 'Rites of "Passage"'), ("2", "a\\"), ("3", 'C:\\dir "x"'), ("4", "a\\b")],
        keys=("escape=\\",),
    ),
    "other quote": Case(b"x,y\n1,'a,b'\n2,\"c\n", [("1", "a,b"), ("2", '"c')], keys=("quote='",)),
    "no quote": Case(b'x,y\n"1,2"\n', [('"1', '2"')], keys=("quote=",)),
    "tsv": Case(TSV, QUOTED_ROWS, name="a.tsv"),
    "tsv in capitals, compressed": Case(TSV, QUOTED_ROWS, name="a.TSV"),
    "tsv with quotes": Case(b'x\ty\n1\t"a\tb"\n', [("1", "a\tb")], keys=('quote="',), name="a.tsv"),
    "tsv with escapes": Case(b'x\ty\n1\t"a\\""\n', [("1", 'a"')], keys=("escape=\\",), name="a.tsv"),
    "tab by its name": Case(b"x\ty\n1\t2\n", [("1", "2")], keys=("delimiter=\\t",)),
    "a control character by its code": Case(b"x\x01y\n1\x012\n", [("1", "2")], keys=("delimiter=\\x01",)),
    "semicolon": Case(b"x;y\n1;2,5\n", [("1", "2,5")], keys=("delimiter=;",)),
    "two colons": Case(b"m::t::g\n" + MOVIES, MOVIE_ROWS, keys=("delimiter=::",)),
    "two colons, wrong count": Case(
        b"x::y\n1::2::3\n", [], ("line 2: 3 fields where the header has 2: 1::2::3",), ("delimiter=::",)
    ),
    "two colons in quotes": Case(b'x::y\n1::"a::b"\n2::c:d\n', [("1", "a::b"), ("2", "c:d")], keys=("delimiter=::",)),
    "three colons": Case(b"x::y\n1:::2\n", [("1", ":2")], keys=("delimiter=::",)),
    "two colons, every stand-in used": Case(
        b"x::y\n\x1f\x1e\x1d\x1c\x01\x02\x03\x04\x05\x06::2\n",
        [("\x1f\x1e\x1d\x1c\x01\x02\x03\x04\x05\x06", "2")],
        keys=("delimiter=::",),
    ),
    "a delimiter beyond ASCII": Case("x\u00a6y\n1\u00a62\n".encode(), [("1", "2")], keys=("delimiter=\u00a6",)),
    "no header": Case(b"1,2\n3,4\n", [("1", "2"), ("3", "4")], keys=("header=false",)),
    "no header, a faulty first row": Case(
        b"1\n1,2\n3,4\n", [("1", "2"), ("3", "4")], ("line 1: 1 field where the table has 2: 1",), ("header=false",)
    ),
    "a header of numbers that is one": Case(b"0,1\n3,4\n", [("3", "4")], keys=("header=true",)),
    "latin-1": Case("x,y\n1,\u00fc\n".encode("latin-1"), [("1", "\u00fc")], keys=("encoding=latin-1",)),
    "cp1252": Case("x,y\n1,\u20ac\n".encode("cp1252"), [("1", "\u20ac")], keys=("encoding=cp1252",)),
    "cp1252, no character": Case(b"x,y\n1,\x81\n", [("1", "\ufffd")], keys=("encoding=windows-1252",)),
    "utf-16": Case(
        "x,y\n1,\u00fc\n\u010a,\u0d0a\n".encode("utf-16"), [("1", "\u00fc"), ("\u010a", "\u0d0a")], keys=("encoding=utf-16",)
    ),
    "utf-16 of one order": Case("\ufeffx,y\n1,2\n".encode("utf-16-be"), [("1", "2")], keys=("encoding=utf-16-be",)),
    "gb18030": Case("x,y\n1,\u4e2d\u6587\n".encode("gb18030"), [("1", "\u4e2d\u6587")], keys=("encoding=gb18030",)),
    "a byte order mark": Case(b"\xef\xbb\xbfx,y\n1,2\n", [("1", "2")]),
    "a byte order mark before a quote": Case(b'\xef\xbb\xbf"x",y\n1,2\n', [("1", "2")]),
    "not UTF-8": Case(b"x,y\n1,\xe9\n2,b\n", [("1", "\ufffd"), ("2", "b")]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("piece", [1 << 20, 5])
def test_a_text_has_these_rows_and_faults(case: Case, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file is read by a few bytes at once."""
    monkeypatch.setattr("walkgram.lake.formats.text.decode.read_pieces.__defaults__", (piece,))
    (tmp_path / case.name).write_bytes(case.data)
    table = read_table(tmp_path / case.name, *case.keys)
    assert sorted(table.rows, key=str) == sorted(case.rows, key=str)
    assert len(table.faults) == len(case.faults), table.faults
    for fault, part in zip(table.faults, case.faults, strict=True):
        assert part in fault


NUMBERS = "holds numbers, not names: set "
ERRORS = {
    "numbers": (b"1,2,3\n4,5,6\n", (), f"the first line, 1,2,3, {NUMBERS}input.header = false and input.column_names"),
    "numbers between tabs": (b"196\t242\t3\n", (), f'{NUMBERS}input.delimiter = "\\t", input.header = false'),
    "numbers between colons": (b"1::1193::5\n", (), f'{NUMBERS}input.delimiter = "::", input.header = false'),
    "one number": (b"17\n18\n", (), NUMBERS),
    "utf-16 unasked": ("x,y\n".encode("utf-16"), (), "begins with the byte order mark of UTF-16: set input.encoding = utf-16"),
    "UTF-8 read as latin-1": (b"\xef\xbb\xbfx,y\n", ("encoding=latin-1",), "set input.encoding = UTF-8"),
    "too few names": (b"1,2,3\n", ("header=false", 'column_names=["a","b"]'), "has 2 names, and the first lines have 3 fields"),
    "an open quote": (b'x,"y\n1,2\n', (), "a.csv: the header cannot be read: the quote that opens field 2 is not closed"),
}


@pytest.mark.parametrize(("data", "keys", "message"), ERRORS.values(), ids=ERRORS)
def test_a_header_that_cannot_be_used_is_an_error(data: bytes, keys: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(InputError) as error:
        read_table(tmp_path / "a.csv", *keys)
    assert message in str(error.value)


REFUSED = {
    "encoding=no-such": "input.encoding: 'no-such' is no encoding: name one of Python's, such as UTF-8, latin-1",
    "encoding=rot13": "input.encoding: 'rot13' is no encoding",
    "delimiter=": "input.delimiter",
    "delimiter=\\x0a": "input.delimiter: a delimiter holds no line end",
    "quote=''": "input.quote",
    "quote=\u00ab": "input.quote: give one character of ASCII",
    "quote=,": "input.quote ',' is in input.delimiter ','",
    "escape=,": "input.escape ',' is in input.delimiter ','",
    'column_names=["a"]': "input.column_names names the columns of files without a header: set input.header = false",
    "items_format.encoding=no-such": "input.items_format.encoding: 'no-such' is no encoding",
    'nodes_format.delimiter=a"b': "input.nodes_format.quote '\"' is in input.nodes_format.delimiter",
}


@pytest.mark.parametrize(("key", "message"), REFUSED.items(), ids=REFUSED)
def test_keys_that_cannot_be_used_are_refused_with_the_configuration(key: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n")
    with pytest.raises(ConfigError) as error:
        read_table(tmp_path / "a.csv", key)
    assert str(error.value).startswith("--set: ")
    assert message in str(error.value)


def test_columns_without_a_header_are_named_by_the_key_or_by_position(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2\n")
    assert read_table(tmp_path / "a.csv", "header=false").names == ["0", "1"]
    assert read_table(tmp_path / "a.csv", "header=false", 'column_names=["u","i"]').names == ["u", "i"]
