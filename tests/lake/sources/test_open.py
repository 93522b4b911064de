"""Tables of a source as DataFrames: formats, columns, and errors that name the key to set."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from walkgram.config.source import EdgeColumns, Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import Format, open_reader
from walkgram.lake.formats.registry import FORMATS
from walkgram.lake.sources.open import find_cause, open_edges, open_items, open_nodes, open_source, read_files
from walkgram.lake.sources.paths import list_source_files

ORC = Format("orc", (".orc",), lambda spark, files, config: open_reader(spark, files).orc(files.spark_uri))


def write_text(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_csv_is_text_and_json_has_types(spark: Any, tmp_path: Path) -> None:
    csv = open_source(spark, write_text(tmp_path, "a.csv", "x,y\n1,2\n"), Input(), {"input.columns.user_id": "x"})
    assert (csv.frame.dtypes, csv.is_text) == ([(name, "string") for name in ("x", "y", "_corrupt_record")], True)
    json = open_source(spark, write_text(tmp_path, "a.jsonl", '{"x": 1}\n'), Input(), {"input.columns.user_id": "x"})
    assert (json.frame.dtypes, json.is_text) == ([("x", "bigint")], False)


def test_a_missing_column_is_named_with_its_key(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "a.csv", "x,y\n1,2\n")
    with pytest.raises(
        InputError, match=r"a\.csv has no column 'item_id': set input\.columns\.item_id to one of x, y; set input\.header"
    ):
        open_source(spark, uri, Input(), {"input.columns.item_id": "item_id"})


@pytest.mark.parametrize(
    ("text", "config", "hint"),
    [
        ("x,y\n", Input(), "to one of x, y; set input.header = false if the first line is a row"),
        ("user\titem\n", Input(), 'is the delimiter right? set input.delimiter = "\\t"; set input.header = false if'),
        ("user::item\n", Input(), 'set input.delimiter = "::"'),
        ("1,2\n", Input(header=False), "set input.columns.user_id to one of 0, 1"),
        ("1,2\n", Input(header=False, column_names=["a", "b"]), "set input.columns.user_id to one of a, b"),
    ],
)
def test_a_column_that_text_lacks_is_named_with_the_keys_that_may_be_wrong(
    spark: Any, tmp_path: Path, text: str, config: Input, hint: str
) -> None:
    with pytest.raises(InputError) as error:
        open_source(spark, write_text(tmp_path, "a.csv", text), config, {"input.columns.user_id": "user_id"})
    assert hint in str(error.value)
    assert ("input.header" in str(error.value)) == config.header


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


@pytest.mark.parametrize(
    "name, source_format", [("a.parquet", FORMATS["parquet"]), ("a.orc", ORC), ("a.json.gz", FORMATS["json"])]
)
def test_a_file_that_a_format_cannot_read_is_named_with_cause_and_remedy(
    spark: Any, tmp_path: Path, name: str, source_format: Format
) -> None:
    """The file is truncated, as by a stopped copy."""
    table, file = pa.table({"x": list(range(100))}), tmp_path / name
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(b'{"x": 1}\n' * 100))
    else:
        (orc if source_format is ORC else pq).write_table(table, file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError) as error:
        read_files(spark, source_format, list_source_files(str(tmp_path)), Input(), {})
    message = str(error.value)
    assert message.startswith(f"{tmp_path}: cannot be read as {source_format.name} (")
    assert name in message
    assert message.endswith("replace the file if it is truncated or damaged, or set input.format to the format that it has")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "text, cause",
    [
        ("An error occurred while calling o1.orc.\n: java.io.IOException: type id 0\n\tat org.apache", "type id 0"),
        (": a.B: [X] reading file s3://b/c d.gz. Hint\n\tat a\nCaused by: c.D: the end\n\tat e", "s3://b/c d.gz: the end"),
        ("[PATH_NOT_FOUND] Path does not exist", "[PATH_NOT_FOUND] Path does not exist"),
        ("", "no cause is given"),
    ],
)
def test_the_cause_is_the_innermost_one_with_its_file(text: str, cause: str) -> None:
    assert find_cause(text) == cause


def test_edge_lists_serve_edges_only_and_side_tables_go_by_their_suffix(spark: Any, tmp_path: Path) -> None:
    uri = write_text(tmp_path, "nodes.csv", "item_id\n1\n")
    config = Input(kind="edges", format="edgelist")
    with pytest.raises(InputError, match=r"input\.format = edgelist is for the edges of a graph"):
        open_source(spark, uri, config, {})
    assert open_nodes(spark, uri, config, {"input.item_columns.item_id": "item_id"}).frame.columns[0] == "item_id"


SIDE_TABLES = {
    "keys of their own": ("m.csv", b"i;t\n1;a,b\n", {"delimiter": "::", "header": False}, {"delimiter": ";", "header": True}),
    "keys of the ratings": (
        "m.dat",
        b"1::a,b\n",
        {"format": "csv", "delimiter": "::", "header": False},
        {"column_names": ["i", "t"]},
    ),
    "a format of their own": ("m.json", b'{"i": 1, "t": "a,b"}\n', {"format": "csv"}, {}),
    "a format without a suffix": ("m.item", b"i|t\n1|a,b\n", {}, {"format": "csv", "delimiter": "|"}),
    "an encoding of their own": ("m.csv", "i,t\n1,'a,b'\n".encode("utf-16"), {}, {"encoding": "utf-16", "quote": "'"}),
    "quotes as text": ("m.tsv", b"i\tt\n1\ta,b\n", {"column_names": ["x"], "header": False}, {"header": True}),
}


@pytest.mark.parametrize("opener", [open_items, open_nodes])
@pytest.mark.parametrize(("name", "data", "keys", "own_keys"), SIDE_TABLES.values(), ids=SIDE_TABLES)
def test_side_tables_are_read_by_their_own_keys_and_else_by_those_of_the_ratings(
    spark: Any, tmp_path: Path, opener: Any, name: str, data: bytes, keys: dict[str, Any], own_keys: dict[str, Any]
) -> None:
    (tmp_path / name).write_bytes(data)
    side = "items_format" if opener is open_items else "nodes_format"
    config = Input.model_validate(keys | {side: own_keys})
    frame = opener(spark, str(tmp_path / name), config, {"input.item_columns.item_id": "i"}).frame
    assert [(str(row["i"]), row["t"]) for row in frame.collect()] == [("1", "a,b")]


def test_a_side_table_of_unknown_format_asks_for_its_own_key(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"set input\.items_format\.format to csv"):
        open_items(spark, write_text(tmp_path, "m.item", "i\n1\n"), Input(), {})
    with pytest.raises(InputError, match=r"set input\.items_format\.header = false if the first line is a row"):
        open_items(spark, write_text(tmp_path, "m.csv", "x\n1\n"), Input(), {"input.item_columns.item_id": "i"})
