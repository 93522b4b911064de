"""The files of a source: where they lie, and fingerprints that change with them."""

import os
from pathlib import Path

import pytest

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.sources.paths import (
    fingerprint_files,
    fingerprint_source,
    is_sample,
    list_source_files,
    resolve_below,
    source_paths,
)


def write_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("user_id\n1\n")


def test_tables_lie_below_the_folder_of_the_source(tmp_path: Path) -> None:
    config = Input(path=str(tmp_path), interactions="ratings.csv", items="/other/items.csv")
    assert source_paths(config) == (f"{tmp_path}/ratings.csv", "/other/items.csv", "")
    assert source_paths(Input(path=str(tmp_path), nodes="s3://b/nodes.csv")) == (str(tmp_path), "", "s3://b/nodes.csv")


def test_side_tables_of_a_single_file_lie_in_its_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "ratings.csv")
    config = Input(path=f"{tmp_path}/ratings.csv", interactions="ignored.csv", items="items.csv")
    assert source_paths(config) == (f"{tmp_path}/ratings.csv", f"{tmp_path}/items.csv", "")


def test_a_source_without_a_path_is_refused() -> None:
    with pytest.raises(InputError, match=r"input\.path is empty"):
        source_paths(Input(source="files"))


@pytest.mark.parametrize("name, expected", [("", "/a"), ("b", "/a/b"), ("/b", "/b"), ("s3://b", "s3://b")])
def test_a_name_is_resolved_below_a_folder_unless_it_is_absolute(name: str, expected: str) -> None:
    assert resolve_below("/a", name) == expected


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    write_files(tmp_path, "b.csv", "sub/a.csv", "_SUCCESS", ".crc", "_temporary/c.csv")
    files = list_source_files(str(tmp_path))
    assert [info.path for info in files.infos] == [f"{tmp_path}/b.csv", f"{tmp_path}/sub/a.csv"]


@pytest.mark.parametrize(
    "name, message", [("nowhere", "no such file or folder"), ("empty", "the folder holds no files"), ("_a.csv", "begin with _")]
)
def test_a_source_without_files_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    write_files(tmp_path, "_a.csv")
    with pytest.raises(InputError, match=message):
        list_source_files(str(tmp_path / name))


def test_a_fingerprint_changes_with_the_name_the_size_and_the_time_of_a_file(tmp_path: Path) -> None:
    write_files(tmp_path, "a.csv")
    file = tmp_path / "a.csv"
    fingerprints = [fingerprint_files(str(tmp_path))]
    assert fingerprint_files(str(tmp_path)) == fingerprints[0]
    os.utime(file, ns=(0, 10**18))
    fingerprints.append(fingerprint_files(str(tmp_path)))
    file.write_text("longer than before")
    os.utime(file, ns=(0, 10**18))
    fingerprints.append(fingerprint_files(str(tmp_path)))
    file.rename(tmp_path / "b.csv")
    fingerprints.append(fingerprint_files(str(tmp_path)))
    assert len(set(fingerprints)) == 4


def test_a_source_has_one_fingerprint_for_each_path_and_the_sample_has_none(tmp_path: Path) -> None:
    write_files(tmp_path, "ratings.csv", "items.csv")
    config = Input(path=str(tmp_path), interactions="ratings.csv", items="items.csv")
    assert fingerprint_source(config) == {uri: fingerprint_files(uri) for uri in source_paths(config)[:2]}
    sample = Input(source="sample")
    assert is_sample(sample)
    assert fingerprint_source(sample) == {}
    assert not is_sample(Input(source="sample", path=str(tmp_path)))
