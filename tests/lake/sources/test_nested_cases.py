"""JSON in all its forms, and nested values of JSON and Parquet: one row a case."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from support.source_files import Content, write_files
from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.json import has_more_values
from walkgram.lake.sources.open import open_edges, open_nodes, open_source

LINES = '{"user": 1, "item": 10}\n{"user": 2, "item": 20}\n'
RECORDS = [{"user": 1, "item": 10}, {"user": 2, "item": 20}]
ROWS = [(1, 10), (2, 20)]
EVENTS = [
    {"event": {"user": {"id": user}, "items": [{"id": 10 * user, "n": 1}, {"id": 10 * user + 1, "n": 2}]}} for user in (1, 2)
]
EVENT_ROWS = [(1, 10), (1, 11), (2, 20), (2, 21)]
EVENT_COLUMNS = ("event.user.id", "event.items.id")


class Case(NamedTuple):
    """Files of the source, the expected rows or a part of the line, the columns, the key input.explode."""

    files: Mapping[str, Content]
    expected: list[tuple[Any, ...]] | str
    columns: tuple[str, ...] = ("user", "item")
    explode: str = ""


def to_lines(records: list[Any]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


CASES = {
    "lines": Case({"a.json": LINES}, ROWS),
    "lines after a byte order mark": Case({"a.json": "\ufeff" + LINES}, ROWS),
    "a pretty-printed array": Case({"a.json": json.dumps(RECORDS, indent=2)}, ROWS),
    "a compressed array": Case({"a.json.gz": gzip.compress(json.dumps(RECORDS, indent=2).encode())}, ROWS),
    "an array after a byte order mark and blanks": Case({"a.json": "\ufeff\n " + json.dumps(RECORDS, indent=2)}, ROWS),
    "an array on one line": Case({"a.json": json.dumps(RECORDS)}, ROWS),
    "an array with an object a line": Case({"a.json": '[\n{"user": 1, "item": 10},\n{"user": 2, "item": 20}\n]\n'}, ROWS),
    "an array that begins on the first object's line": Case({"a.json": json.dumps(RECORDS).replace("}, ", "},\n")}, ROWS),
    "a pretty-printed object": Case({"a.json": json.dumps(RECORDS[0], indent=2)}, ROWS[:1]),
    "an object around the rows": Case(
        {"a.json": json.dumps({"rows": RECORDS}, indent=2)}, ROWS, ("rows.user", "rows.item"), "rows"
    ),
    "two arrays": Case({"a.json": json.dumps(RECORDS[:1], indent=2), "b.json": json.dumps(RECORDS[1:], indent=2)}, ROWS),
    "several pretty-printed objects": Case(
        {"a.json": "\n".join(json.dumps(record, indent=2) for record in RECORDS)},
        "a.json: several JSON values over several lines",
    ),
    "an array and lines": Case({"a.json": json.dumps(RECORDS, indent=2), "b.json": LINES}, "b.json and "),
    "dotted names": Case({"a.json": to_lines([{"e": {"u": {"id": 1}}, "item": 10}])}, [(1, 10)], ("e.u.id", "item")),
    "a column of a dotted name comes first": Case(
        {"a.json": to_lines([{"e": {"u": 1}, "e.u": 7, "item": 10}])}, [(7, 10)], ("e.u", "item")
    ),
    "a field below a column of a dotted name": Case({"a.json": to_lines([{"a.b": {"c": 1}}])}, [(1,)], ("a.b.c",)),
    "a dotted name that is missing": Case(
        {"a.json": to_lines([{"e": {"u": 1}}])}, "has no column 'e.v': set input.columns.e.v", ("e.v",)
    ),
    "a list that is not exploded": Case(
        {"a.json": to_lines(EVENTS)},
        "'event.items' in 'event.items.id' is a list: set input.explode = \"event.items\"",
        EVENT_COLUMNS,
    ),
    "a list of structs": Case({"a.json": to_lines(EVENTS)}, EVENT_ROWS, EVENT_COLUMNS, "event.items"),
    "a list of structs in Parquet": Case({"a.parquet": pd.DataFrame(EVENTS)}, EVENT_ROWS, EVENT_COLUMNS, "event.items"),
    "structs in Parquet": Case({"a.parquet": pd.DataFrame({"e": [{"u": 1}, {"u": 2}]})}, [(1,), (2,)], ("e.u",)),
    "a list of values": Case(
        {"a.json": to_lines([{"user": 1, "items": [7, 8]}, {"user": 2, "items": []}, {"user": 3}])},
        [(1, 7), (1, 8)],
        ("user", "items"),
        "items",
    ),
    "a partition folder and a list": Case(
        {"day=01/a.json": to_lines([{"items": [7, 8]}])}, [("01", 7), ("01", 8)], ("day", "items"), "items"
    ),
    "explode without a list": Case({"a.json": LINES}, "column 'item' is bigint, no list: set input.explode", explode="item"),
    "explode without a column": Case(
        {"a.json": LINES}, "has no column 'rows': set input.explode to one of item, user", explode="rows"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nested_values_become_columns_and_rows(spark: Any, tmp_path: Path, case: Case) -> None:
    write_files(tmp_path, case.files)
    required, config = {f"input.columns.{name}": name for name in case.columns}, Input(explode=case.explode)
    if isinstance(case.expected, str):
        with pytest.raises(InputError) as error:
            open_source(spark, str(tmp_path), config, required)
        assert case.expected in str(error.value)
        assert len(str(error.value).splitlines()) == 1
        return
    table = open_source(spark, str(tmp_path), config, required).frame
    rows = table.select(*[f"`{name}`" for name in case.columns]).collect()
    assert sorted(tuple(row) for row in rows) == case.expected


def test_a_line_that_is_not_json_is_the_complete_fault_and_outlives_explode(spark: Any, tmp_path: Path) -> None:
    torn = '{"user": 3, "items": [1, ' + "x" * 200
    write_files(tmp_path, {"a.json": f'{{"user": 1, "items": [7]}}\n{torn}\n{{"user": 2, "items": []}}\n'})
    columns = {"input.columns.user_id": "user", "input.columns.item_id": "items"}
    table = open_source(spark, str(tmp_path), Input(explode="items"), columns).frame
    rows = table.select("user", "items", "_corrupt_record").collect()
    assert sorted((tuple(row) for row in rows), key=str) == [(1, 7, None), (None, None, f"a line is not JSON: {torn[:100]}")]


def test_a_first_line_that_is_cut_short_does_not_make_lines_an_array(spark: Any, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.json": '{"user": 3, "it\n' + LINES})
    table = open_source(spark, str(tmp_path), Input(), {"input.columns.user_id": "user"}).frame
    faults = [row["_corrupt_record"] for row in table.select("user", "_corrupt_record").collect()]
    assert faults == ['a line is not JSON: {"user": 3, "it', None, None]


def test_explode_is_for_edges_and_not_for_side_tables(spark: Any, tmp_path: Path) -> None:
    write_files(tmp_path, {"edges.json": to_lines([{"a": 1, "to": [{"b": 2}, {"b": 3}]}]), "nodes.json": to_lines([{"id": 1}])})
    config = Input.model_validate({"kind": "edges", "explode": "to", "edge_columns": {"src": "a", "dst": "to.b", "weight": ""}})
    source, columns = open_edges(spark, f"{tmp_path}/edges.json", config)
    assert sorted(tuple(row) for row in source.frame.select(columns.src, f"`{columns.dst}`").collect()) == [(1, 2), (1, 3)]
    nodes = open_nodes(spark, f"{tmp_path}/nodes.json", config, {"input.item_columns.item_id": "id"})
    assert [tuple(row) for row in nodes.frame.collect()] == [(1,)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "text, expected",
    [
        ('[{"a": "]}\\" [{"}, {"b": []}] \n', False),
        ('{"a": "\\\\"} {"b": 1}', True),
        ('{"a": 1}\n"b"', True),
        ("[1, 2] 3", True),
        ('[{"a": "x', False),
    ],
)
def test_values_after_the_first_are_found_in_chunks_of_any_size(text: str, expected: bool, size: int) -> None:
    data = text.encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert has_more_values(iter(chunks)) is expected
