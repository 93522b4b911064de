"""The keys of partition folders (market=007/), equal for all files of a source."""

from collections.abc import Sequence

from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles

__all__ = ["list_partition_keys"]


def list_partition_keys(files: SourceFiles) -> list[str]:
    """Return the keys of the folders key=value between the source and its files, in order.

    Raises `InputError` that names a file which lies in folders of other keys, or twice in a folder of one key.
    """
    expected: list[str] | None = None
    for info in files.infos:
        folders = info.path[len(files.root) :].split("/")[:-1]
        keys = [key for key, equals, _ in (folder.partition("=") for folder in folders) if key and equals]
        if len(set(keys)) != len(keys):
            raise InputError(f"{info.path} lies in two folders of one key: rename one")
        if expected is not None and set(keys) != set(expected):
            first = files.infos[0].path
            raise InputError(
                f"{info.path} lies in {describe_keys(keys)}, {first} in {describe_keys(expected)}: move one of them, or set "
                "input.interactions to the table's folder"
            )
        expected = keys if expected is None else expected
    return expected or []


def describe_keys(keys: Sequence[str]) -> str:
    """Describe the partition folders of a file."""
    return f"folders of {', '.join(f'{key}=' for key in keys)}" if keys else "no partition folder"
