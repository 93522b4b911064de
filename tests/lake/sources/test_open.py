"""Tables of a source as DataFrames: formats, columns, and errors that name the key to set."""

from pathlib import Path
from typing import Any

import pytest

from walkgram.config.source import EdgeColumns, Input
from walkgram.errors import InputError
from walkgram.lake.sources.open import open_edges, open_side_table, open_source


def write_text(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_csv_is_text_and_json_has_types(spark: Any, tmp_path: Path) -> None:
    csv = open_source(spark, write_text(tmp_path, "a.csv", "x,y\n1,2\n"), Input(), {"input.columns.user_id": "x"})
    assert (csv.frame.dtypes, csv.is_text) == ([("x", "string"), ("y", "string")], True)
    json = open_source(spark, write_text(tmp_path, "a.jsonl", '{"x": 1}\n'), Input(), {"input.columns.user_id": "x"})
    assert (json.frame.dtypes, json.is_text) == ([("x", "bigint")], False)


def test_a_missing_column_is_named_with_its_key(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "a.csv", "x,y\n1,2\n")
    with pytest.raises(InputError, match=r"a\.csv has no column 'item_id': set input\.columns\.item_id to one of x, y"):
        open_source(spark, uri, Input(), {"input.columns.item_id": "item_id"})


def test_an_edge_list_has_a_weight_if_its_lines_do(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "a.txt", "# comment\n1 2\n2 3\n")
    source, columns = open_edges(spark, uri, Input(kind="edges"))
    assert (source.frame.columns, source.is_text, columns.weight) == (["src", "dst", "_corrupt_record"], True, "")
    weighted, columns = open_edges(spark, write_text(tmp_path, "b.txt", "1 2 .5\n"), Input(kind="edges"))
    assert (weighted.frame.columns[:3], columns.weight) == (["src", "dst", "weight"], "weight")
    with pytest.raises(InputError, match=r'set input\.edge_columns\.weight to ""'):
        open_edges(spark, uri, Input(kind="edges", edge_columns=EdgeColumns(weight="weight")))


def test_an_edge_table_needs_a_weight_only_if_the_configuration_names_it(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "a.csv", "src,dst\n1,2\n")
    assert open_edges(spark, uri, Input(kind="edges"))[1].weight == ""
    with pytest.raises(InputError, match=r"set input\.edge_columns\.weight to one of src, dst"):
        open_edges(spark, uri, Input(kind="edges", edge_columns=EdgeColumns(weight="weight")))


def test_edge_lists_serve_edges_only_and_side_tables_go_by_their_suffix(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "nodes.csv", "item_id\n1\n")
    config = Input(kind="edges", format="edgelist")
    with pytest.raises(InputError, match=r"input\.format = edgelist is for the edges of a graph"):
        open_source(spark, uri, config, {})
    assert open_side_table(spark, uri, config, {"input.item_columns.item_id": "item_id"}).frame.columns == ["item_id"]
