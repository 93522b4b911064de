"""Tables with a log of their own: Delta Lake, Hudi and Iceberg.

Their folders hold Parquet files, but the log says which of the files belong to the table: the others hold deleted or replaced
rows. Read as plain Parquet, such rows come back.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from pyarrow import fs

from walkgram.errors import InputError

__all__ = ["refuse_table_formats"]

LOG_FOLDERS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}
ICEBERG_FOLDER = "metadata"
ICEBERG_FILE = ".metadata.json"
READERS = {"Delta Lake": "delta", "Hudi": "hudi", "Iceberg": "iceberg"}


def refuse_table_formats(uri: str, system: fs.FileSystem, root: str, entries: Sequence[fs.FileInfo]) -> None:
    """Raise `InputError` if the source lies in, or holds, a table of Delta Lake, Hudi or Iceberg.

    entries: all files and folders of the source at the path `root`.
    """
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name in LOG_FOLDERS:
            refuse(uri, LOG_FOLDERS[name], folder)
        if name.endswith(ICEBERG_FILE) and folder.rpartition("/")[2] == ICEBERG_FOLDER:
            refuse(uri, "Iceberg", folder.rpartition("/")[0])
    for folder in list_parents(root):
        for name, table_format in LOG_FOLDERS.items():
            if is_folder(system, f"{folder}/{name}"):
                refuse(uri, table_format, folder)
        if has_iceberg_metadata(system, f"{folder}/{ICEBERG_FOLDER}"):
            refuse(uri, "Iceberg", folder)


def list_parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, the nearest first; not the root, nor the bucket of an object store."""
    folder = path.rstrip("/").rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def is_folder(system: fs.FileSystem, path: str) -> bool:
    """Return whether a folder exists and may be seen: rights on a source need not extend to the folders above it."""
    try:
        return bool(system.get_file_info(path).type == fs.FileType.Directory)
    except OSError:
        return False


def has_iceberg_metadata(system: fs.FileSystem, path: str) -> bool:
    """Return whether a folder exists and holds metadata of Iceberg."""
    try:
        infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    except OSError:
        return False
    return any(info.base_name.endswith(ICEBERG_FILE) for info in infos)


def refuse(uri: str, table_format: str, folder: str) -> NoReturn:
    """Raise the `InputError` that says what the folder is, and how to proceed."""
    raise InputError(
        f"{uri}: {folder} is a table of {table_format}, whose files also hold deleted and replaced rows: export the table to "
        "Parquet files outside this folder and name those, or pass a DataFrame to the Python API: "
        f'Pipeline(...).run(spark.read.format("{READERS[table_format]}").load(...))'
    )
