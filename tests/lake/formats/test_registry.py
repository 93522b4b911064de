"""The registry of formats, and detection by suffix."""

from typing import get_args

import pytest
from pyarrow import fs

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles, file_suffix
from walkgram.lake.formats.registry import FORMATS, detect_format, list_formats


def source_files(*names: str) -> SourceFiles:
    infos = [fs.FileInfo(f"/in/{name}", fs.FileType.File) for name in names]
    return SourceFiles("/in", fs.LocalFileSystem(), infos)


def test_the_configuration_allows_the_formats_of_the_registry() -> None:
    assert set(get_args(Input.model_fields["format"].annotation)) == {"auto", *FORMATS}


def test_names_and_suffixes_are_unique() -> None:
    assert all(name == source_format.name for name, source_format in FORMATS.items())
    suffixes = [suffix for source_format in FORMATS.values() for suffix in source_format.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_edge_lists_are_formats_of_edges_only() -> None:
    assert list(list_formats(is_edges=True)) == list(FORMATS)
    assert {"csv", "parquet", "json"} <= set(list_formats(is_edges=False)) <= set(FORMATS) - {"edgelist"}


@pytest.mark.parametrize(
    "name, suffix",
    [("a.csv", ".csv"), ("a.CSV.gz", ".csv"), ("a.b.jsonl.zst", ".jsonl"), ("a.snappy.parquet", ".parquet")],
)
def test_a_suffix_ignores_case_and_compression(name: str, suffix: str) -> None:
    assert file_suffix(name) == suffix


@pytest.mark.parametrize(
    "names, expected",
    [(["a.csv", "b.tsv.gz"], "csv"), (["a.parquet"], "parquet"), (["a.ndjson", "b.json"], "json"), (["a.el"], "edgelist")],
)
def test_a_format_is_detected_by_the_suffixes_of_all_files(names: list[str], expected: str) -> None:
    assert detect_format(source_files(*names), FORMATS).name == expected


@pytest.mark.parametrize("names", [["a.dat"], ["a.csv", "b.parquet"], ["a.csv", "b"]])
def test_unknown_or_mixed_suffixes_ask_for_the_format(names: list[str]) -> None:
    known = [FORMATS[name] for name in ("csv", "parquet", "json", "edgelist")]
    with pytest.raises(InputError, match=r"set input\.format to csv, parquet, json or edgelist, and input\.interactions"):
        detect_format(source_files(*names), {source_format.name: source_format for source_format in known})
    with pytest.raises(InputError, match=r"set input\.format to csv, parquet or json, and"):
        detect_format(source_files("a.txt"), {source_format.name: source_format for source_format in known[:3]})
