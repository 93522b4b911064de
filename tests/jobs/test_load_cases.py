"""Sources as users have them: one row a case, with the file, the keys, and what is read, or the line of refusal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from walkgram.config.load import load_config
from walkgram.errors import WalkgramError
from walkgram.lake.sources.open import open_edges, open_source
from walkgram.stages.source import edge_table, interactions
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.source.filters import select_where


class Case(NamedTuple):
    """A file's name and bytes, keys of the section input, and the rows (user, item, rating, date) or a part of the line."""

    name: str
    content: str | bytes
    expected: list[tuple[Any, ...]] | str
    keys: tuple[str, ...] = ()


NO_TIME = ("columns.timestamp=",)
IDS_ONLY = ("columns.timestamp=", "columns.rating=")
HEAD = "user_id,item_id,rating\n"
TIMED = "user_id,item_id,rating,timestamp\n"
DROP = "bad_rows=drop"

INTERACTIONS = {
    "plain": Case("a.csv", HEAD + "1,2,3\n", [(1, 2, 3.0, None)], NO_TIME),
    "an unquoted comma in a title": Case(
        "a.csv", "title,user_id,item_id\nToy Story,u1,i1\nMonsters, Inc.,u2,i2\n",
        "line 3: 4 fields where the header has 3", IDS_ONLY
    ),
    "an unquoted comma, dropped": Case(
        "a.csv", "title,user_id,item_id\nToy Story,u1,i1\nMonsters, Inc.,u2,i2\n", [("u1", "i1", None, None)], (*IDS_ONLY, DROP)
    ),
    "a short row": Case("a.csv", HEAD + "1,2,3\n4,5\n", "line 3: 2 fields where the header has 3", NO_TIME),
    "quotes of a TSV are text": Case(
        "a.tsv",
        'user_id\titem_id\trating\n1\t"Weird Al" Yankovic\t2\n1\t"unclosed\t3\n2\t12" mix\t3\n',
        [("1", '"Weird Al" Yankovic', 2.0, None), ("1", '"unclosed', 3.0, None), ("2", '12" mix', 3.0, None)],
        (*NO_TIME, "id_type=string"),
    ),
    "a quote that is not closed costs its line": Case(
        "a.csv", HEAD + '1,"a,3\n2,b,4\n3,c,5\n',
        [("2", "b", 4.0, None), ("3", "c", 5.0, None)], (*NO_TIME, DROP, "id_type=string")
    ),
    "a backslash before quotes": Case(
        "a.csv", HEAD + '1,"Rites of \\"Passage\\"",3\n', [(1, 'Rites of "Passage"', 3.0, None)], (*NO_TIME, "escape=\\")
    ),
    "a backslash before quotes without the key": Case(
        "a.csv", HEAD + '1,"Rites of \\"Passage\\"",3\n', "input.escape", NO_TIME
    ),
    "doubled quotes, a comma and a line end in a field": Case(
        "a.csv", HEAD + '1,"a ""b"", c\nd",3\n', [(1, 'a "b", c\nd', 3.0, None)], NO_TIME
    ),
    "MovieLens 1M": Case(
        "ratings.dat",
        "1::1193::5::978300760\n",
        [(1, 1193, 5.0, "2000-12-31 22:12:40")],
        ("format=csv", "delimiter=::", "header=false", 'column_names=["user_id","item_id","rating","timestamp"]'),
    ),
    "u.data by positions": Case(
        "u.data", "196\t242\t3\t881250949\n", [(196, 242, 3.0, "1997-12-04 15:55:49")],
        ("format=csv", "delimiter=\\t", "header=false", "columns.user_id=0", "columns.item_id=1",
        "columns.rating=2", "columns.timestamp=3"),
    ),
    "a header of numbers": Case("u.csv", "196,242,3,881250949\n186,302,3,891717742\n", "input.header"),
    "semicolons without the key": Case("a.csv", "user_id;item_id;rating\n1;2;3\n", 'delimiter = ";"', NO_TIME),
    "semicolons": Case("a.csv", "user_id;item_id;rating\n1;2;3\n", [(1, 2, 3.0, None)], (*NO_TIME, "delimiter=;")),
    "latin-1": Case("a.csv", (HEAD + "café,2,3\n").encode("latin-1"), [("café", 2, 3.0, None)], (*NO_TIME, "encoding=latin-1")),
    "cp1252": Case("a.csv", (HEAD + "€5,2,3\n").encode("cp1252"), [("€5", 2, 3.0, None)], (*NO_TIME, "encoding=cp1252")),
    "utf-16": Case("a.csv", (HEAD + "é,2,3\n").encode("utf-16"), [("é", 2, 3.0, None)], (*NO_TIME, "encoding=utf-16")),
    "latin-1 read as UTF-8": Case("a.csv", (HEAD + "café,2,3\n").encode("latin-1"), "set input.encoding", NO_TIME),
    "a byte order mark": Case("a.csv", b"\xef\xbb\xbf" + (HEAD + "1,2,3\n").encode(), [(1, 2, 3.0, None)], NO_TIME),
    "a NUL byte in an id": Case("a.csv", HEAD + "u\0x,2,3\n", "which has a NUL byte", NO_TIME),
    "an unknown encoding": Case("a.csv", HEAD, "is no encoding", (*NO_TIME, "encoding=utf-9")),
    "CR LF": Case("a.csv", (HEAD + "1,2,3\n4,5,6\n").replace("\n", "\r\n"), [(1, 2, 3.0, None), (4, 5, 6.0, None)], NO_TIME),
    "text that stands for null": Case(
        "a.csv", HEAD + "\\N,2,3\nNA,2,3\n<NA>,2,3\nNone,2,3\nnull,2,3\nnan,2,3\n7,8,\\N\n",
        [(7, 8, None, None)], (*NO_TIME, DROP)
    ),
    "other text that stands for null": Case(
        "a.csv", HEAD + "missing,2,3\nNA,2,3\n", [("NA", 2, 3.0, None)], (*NO_TIME, 'null_values=["missing"]')
    ),
    "leading zeros stay text": Case("a.csv", HEAD + "007,2,3\n7,2,3\n", [("007", 2, 3.0, None), ("7", 2, 3.0, None)], NO_TIME),
    "ids of pandas' floats": Case("a.csv", HEAD + "1.0,2,3\n", [("1.0", 2, 3.0, None)], NO_TIME),
    "ids of pandas' floats as numbers": Case("a.csv", HEAD + "1.0,2,3\n", [(1, 2, 3.0, None)], (*NO_TIME, "id_type=long")),
    "text ids as numbers": Case("a.csv", HEAD + "x1,2,3\n4,5,6\n", "column 'user_id' holds x1", (*NO_TIME, "id_type=long")),
    "a second header in the middle": Case(
        "a.csv", HEAD + "1,2,3\n" + HEAD + "4,5,6\n", [(1, 2, 3.0, None), (4, 5, 6.0, None)], (*NO_TIME, DROP)
    ),
    "ids beyond 2^63": Case("a.csv", HEAD + "9223372036854775808,2,3\n", [("9223372036854775808", 2, 3.0, None)], NO_TIME),
    "a decimal comma": Case(
        "a.csv", HEAD.replace(",", ";") + "1;2;3,5\n", "column 'rating' holds 3,5", (*NO_TIME, "delimiter=;")
    ),
    "NaN ratings": Case("a.csv", HEAD + "1,2,NaN\n", "column 'rating' holds NaN", NO_TIME),
    "infinite ratings": Case("a.csv", HEAD + "1,2,inf\n", "column 'rating' holds inf", NO_TIME),
    "dates by a pattern": Case(
        "a.csv", TIMED + "1,2,3,20190412\n", [(1, 2, 3.0, "2019-04-12 00:00:00")], ("timestamp_format=yyyyMMdd",)
    ),
    "a time by a pattern": Case(
        "a.csv", TIMED + "1,2,3,12.04.2019 10:30\n",
        [(1, 2, 3.0, "2019-04-12 10:30:00")], ("timestamp_format=dd.MM.yyyy HH:mm",)
    ),
    "a time that is not as the pattern says": Case(
        "a.csv", TIMED + "1,2,3,2019-04-12\n", "timestamp_format = yyyyMMdd", ("timestamp_format=yyyyMMdd",)
    ),
    "ISO 8601 with a zone": Case("a.csv", TIMED + "1,2,3,2019-04-12T10:30:00+02:00\n", [(1, 2, 3.0, "2019-04-12 08:30:00")]),
    "milliseconds": Case(
        "a.csv", TIMED + "1,2,3,1500000000000\n", [(1, 2, 3.0, "2017-07-14 02:40:00")], ("timestamp_unit=ms",)
    ),
    "milliseconds read as seconds": Case("a.csv", TIMED + "1,2,3,1500000000000\n", "input.timestamp_unit"),
    "a predicate": Case(
        "a.csv", "user_id,item_id,event\n1,2,view\n1,3,buy\n", [(1, 3, None, None)], (*IDS_ONLY, "where=event = 'buy'")
    ),
    "a wrong predicate": Case(
        "a.csv", "user_id,item_id,event\n1,2,view\n", "over the columns", (*IDS_ONLY, "where=evnt = 'buy'")
    ),
    "nested JSON": Case(
        "a.json", '{"event": {"user": {"id": 7}, "item": "x"}}\n', [(7, "x", None, None)],
        (*IDS_ONLY, "columns.user_id=event.user.id", "columns.item_id=event.item"),
    ),
    "a list of items a row": Case(
        "a.json", '{"user_id": 7, "items": [{"id": "x"}, {"id": "y"}]}\n', [(7, "x", None, None), (7, "y", None, None)],
        (*IDS_ONLY, "explode=items", "columns.item_id=items.id"),
    ),
    "a pretty-printed array": Case(
        "a.json", '[\n  {"user_id": 7,\n   "item_id": 8},\n  {"user_id": 9, "item_id": 8}\n]\n',
        [(7, 8, None, None), (9, 8, None, None)],
        IDS_ONLY,
    ),
    "a line that is not JSON": Case(
        "a.jsonl", '{"user_id": 7, "item_id": 8}\n{"user_id": 9, "it\n', "a line is not JSON", IDS_ONLY
    ),
    "no rating column": Case("a.csv", "user_id,item_id\n1,2\n", 'or to "" if there is none', ("columns.timestamp=",)),
}  # fmt: skip

EDGES = {
    "blanks": Case("a.txt", "# a comment\n1 2\n2 3\n", [(1, 2, 1.0), (2, 3, 1.0)]),
    "ends that are equal as numbers": Case("a.csv", "src,dst\n1,2.0\n2,3.0\n", "(for example 2.0)|(for example 3.0)"),
    "the same, as text": Case("a.csv", "src,dst\n1,2.0\n", [("1", "2.0", 1.0)], ("id_type=string",)),
    "the same, as numbers": Case("a.csv", "src,dst\n1,2.0\n", [(1, 2, 1.0)], ("id_type=long",)),
    "commas under blanks": Case("a.txt", "1, 2\n2, 3\n", "delimiter"),
    "BlogCatalog's edges": Case(
        "edges.csv", "1,2\n1,3\n", [(1, 2, 1.0), (1, 3, 1.0)],
        ("header=false", "edge_columns.src=0", "edge_columns.dst=1", "edge_columns.weight="),
    ),
    "hashtags": Case(
        "a.txt", "#java #python 2\n#python #data 3\n", [("#java", "#python", 2.0), ("#python", "#data", 3.0)], ("comment=none",)
    ),
    "a header": Case("a.txt", "src dst\n1 2\n2 3\n", "header"),
    "KONECT's four columns": Case("a.txt", "% sym\n1 2 1 1200000000\n", "edge_list.columns"),
    "KONECT with places": Case(
        "a.txt", "% sym\n1 2 5 1200000000\n", [(1, 2, 5.0)], ('edge_list.columns=["src","dst","weight","_"]',)
    ),
    "networkx without data": Case("a.edgelist", "1 2 {}\n", [(1, 2, 1.0)]),
    "networkx with data": Case("a.edgelist", "1 2 {'weight': 0.5}\n", [(1, 2, 0.5)]),
    "MatrixMarket": Case(
        "a.mtx", "%%MatrixMarket matrix coordinate real general\n3 3 2\n1 2 0.5\n2 3 2\n", [(1, 2, 0.5), (2, 3, 2.0)]
    ),
    "null ends": Case("a.csv", "src,dst\n1,\\N\n", "column 'dst' is null"),
}  # fmt: skip


def load(folder: Path, case: Case, kind: str) -> Any:
    content = case.content.encode() if isinstance(case.content, str) else case.content
    (folder / case.name).write_bytes(content)
    keys = [f"input.{key}" for key in (f"path={folder / case.name}", f"kind={kind}", *case.keys)]
    return load_config(None, keys).input


def assert_refused(error: pytest.ExceptionInfo[WalkgramError], expected: str) -> None:
    line = str(error.value)
    assert any(part in line for part in expected.split("|")), line
    assert "\n" not in line
    assert not any(word in line for word in ("Exception", "org.apache", "Traceback"))


def assert_case(case: Case, read: Callable[[], list[tuple[Any, ...]]]) -> None:
    if isinstance(case.expected, str):
        with pytest.raises(WalkgramError) as error:
            read()
        assert_refused(error, case.expected)
    else:
        assert read() == case.expected


@pytest.mark.parametrize("case", INTERACTIONS.values(), ids=INTERACTIONS)
def test_interactions_are_read_right_or_refused(spark: Any, tmp_path: Path, case: Case) -> None:
    def read() -> list[tuple[Any, ...]]:
        config = load(tmp_path, case, "interactions")
        columns, rules = config.columns, ValueRules.from_config(config)
        source = open_source(spark, config.path, config, interactions.required_columns(columns))
        frame = select_where(source.frame, config.where).localCheckpoint()  # the file is split once
        rows = interactions.parse(frame, columns, rules, interactions.find_ids(frame, columns, source.is_text, rules))
        interactions.validate(interactions.profile(rows, columns), config.path, columns, config.bad_rows)
        kept = interactions.drop_invalid(rows).selectExpr("user_id", "item_id", "rating", "cast(timestamp as string)")
        return [tuple(row) for row in kept.collect()]

    assert_case(case, read)


@pytest.mark.parametrize("case", EDGES.values(), ids=EDGES)
def test_edges_are_read_right_or_refused(spark: Any, tmp_path: Path, case: Case) -> None:
    def read() -> list[tuple[Any, ...]]:
        config = load(tmp_path, case, "edges")
        rules = ValueRules.from_config(config)
        source, columns = open_edges(spark, config.path, config)
        frame = source.frame.localCheckpoint()
        ids = edge_table.find_ids(frame, columns, source.is_text, rules, None, config.path)
        rows = edge_table.parse(frame, columns, rules, ids)
        edge_table.validate(edge_table.profile(rows, columns), config.path, config.bad_rows)
        return [tuple(row) for row in rows.where("bad IS NULL").select("src", "dst", "weight").collect()]

    assert_case(case, read)
