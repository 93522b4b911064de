"""Paths and URIs, and files that appear complete or not at all."""

from pathlib import Path

import pytest

from support.files import list_files
from walkgram.errors import LakeError
from walkgram.lake import paths


def test_a_bare_path_is_local_and_other_paths_are_uris(tmp_path: Path) -> None:
    assert paths.spark_uri(str(tmp_path)) == f"file://{tmp_path}"
    assert paths.spark_uri("s3://bucket/lake") == "s3a://bucket/lake"
    assert paths.resolve(f"file://{tmp_path}/a b")[1] == f"{tmp_path}/a b"
    with pytest.raises(LakeError, match="no such file system"):
        paths.resolve("nothing://x/y")


def test_a_file_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    final, temp_folder = str(tmp_path / "to" / "file"), str(tmp_path / "temp")
    with paths.atomic_write(final, temp_folder) as (_, path):
        Path(path).write_text("first")
        assert list_files(tmp_path) == [f"temp/{Path(path).name}"]
    assert list_files(tmp_path) == ["to/file"]
    with pytest.raises(KeyboardInterrupt), paths.atomic_write(final, temp_folder) as (_, path):
        Path(path).write_text("half")
        raise KeyboardInterrupt
    assert list_files(tmp_path) == ["to/file"]
    assert Path(final).read_text() == "first"
    with pytest.raises(ValueError, match="before a byte"), paths.atomic_write(str(tmp_path / "other"), temp_folder):
        raise ValueError("before a byte was written")
    assert list_files(tmp_path) == ["to/file"]


def test_two_attempts_at_once_write_separate_files(tmp_path: Path) -> None:
    final, temp_folder = str(tmp_path / "to" / "file"), str(tmp_path / "temp")
    with paths.atomic_write(final, temp_folder) as (_, first), paths.atomic_write(final, temp_folder) as (_, second):
        assert first != second
        Path(first).write_text("same")
        Path(second).write_text("same")
    assert list_files(tmp_path) == ["to/file"]
    assert Path(final).read_text() == "same"
