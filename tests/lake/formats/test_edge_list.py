"""Edge lists: comments, blanks, encodings, and lines of another form."""

from pathlib import Path
from typing import Any

import pytest

from walkgram.config.load import load_config
from walkgram.config.source import Input
from walkgram.errors import ConfigError, InputError
from walkgram.lake.formats.edge_form import check_heads
from walkgram.lake.formats.edge_list import read_edge_list
from walkgram.lake.formats.lines import read_edge_list_heads
from walkgram.lake.sources.paths import list_source_files


def test_lines_become_edges_and_other_lines_are_faults(spark: Any, tmp_path: Path) -> None:
    text = "\ufeff# a comment\n% another\n\n 1\t 2 0.5 \n2 3\nnode\u00e9 4 1\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    rows = read_edge_list(spark, list_source_files(str(tmp_path)), Input()).collect()
    assert [tuple(row) for row in rows] == [
        ("1", "2", "0.5", None),
        (None, None, None, "a line has 2 field(s) where the first edge has 3: 2 3"),
        ("node\u00e9", "4", "1", None),
    ]


@pytest.mark.parametrize("text, expected", [("1 2\n", 2), ("1 2 3\n1 2\n", 3), ("# 1 2\n", 3), ("1\n1 2\n", 2)])
def test_the_first_edge_sets_the_number_of_fields(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert check_heads(read_edge_list_heads(list_source_files(str(tmp_path)), Input()), Input()) == expected


def test_an_encoding_that_is_no_superset_of_ascii_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1 2\n")
    with pytest.raises(InputError, match=r"input\.encoding = UTF-16: .*convert the file"):
        read_edge_list_heads(list_source_files(str(tmp_path)), Input(encoding="UTF-16"))


def test_the_keys_of_an_edge_list_can_be_set_by_the_command() -> None:
    config = load_config(
        None, ["input.edge_list.columns=['src', '_', 'dst']", r"input.edge_list.delimiter=\t", "input.edge_list.header=true"]
    ).input.edge_list
    assert (config.columns, config.delimiter, config.header) == (["src", "_", "dst"], r"\t", True)


@pytest.mark.parametrize(
    "columns", ["['src']", "['src', 'dst', 'dst']", "['src', 'dst', 'cost']", "['src', 'dst', 'weight', 'weight']"]
)
def test_columns_that_are_no_edge_are_refused(columns: str) -> None:
    with pytest.raises(ConfigError, match=r"input\.edge_list\.columns = .*name src and dst once, weight at most once"):
        load_config(None, [f"input.edge_list.columns={columns}"])
