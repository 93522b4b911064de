"""Files and folders on any file system of pyarrow.fs: a bare path is local, everything else is a URI (s3, hdfs, ...)."""

import contextlib
import io
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyarrow import fs

from walkgram.config.locations import split_scheme
from walkgram.errors import LakeError
from walkgram.lake.remote import REMOTE_ERRORS, ask_path, explain_failure, open_file_system

__all__ = [
    "atomic_write",
    "check_reachable",
    "check_writable",
    "copy_folder",
    "exists",
    "has_atomic_rename",
    "is_file",
    "is_inside",
    "join_path",
    "list_files",
    "list_folders",
    "local_path",
    "modified_ns",
    "move",
    "open_text",
    "read_bytes",
    "read_record",
    "remove",
    "remove_file",
    "resolve",
    "spark_uri",
    "write_bytes",
]


def resolve(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a path or URI, and the path on it. Raises `LakeError` if pyarrow does not know the scheme."""
    local = local_path(uri)
    if local is not None:
        return fs.LocalFileSystem(), str(local)
    return open_file_system(uri)


def local_path(uri: str) -> Path | None:
    """Return the absolute local path of a bare path or a file: URI, None for any other scheme."""
    scheme, path = split_scheme(uri)
    if scheme == "file":
        return Path(path.removeprefix("localhost") if path.startswith("localhost/") else path).absolute()
    return None if scheme else Path(uri).expanduser().absolute()


def spark_uri(uri: str) -> str:
    """Return the URI in the form of Hadoop's libraries: local paths get file://, s3 becomes s3a."""
    local = local_path(uri)
    return f"file://{local}" if local is not None else uri.replace("s3://", "s3a://", 1)


def join_path(uri: str, *names: str) -> str:
    """Append `names` to `uri`, separated by slashes."""
    return "/".join([uri.rstrip("/") or "/", *names])


def exists(uri: str) -> bool:
    """Return whether a file or folder exists."""
    system, path = resolve(uri)
    return bool(system.get_file_info(path).type != fs.FileType.NotFound)


def is_file(uri: str) -> bool:
    """Return whether a file exists."""
    system, path = resolve(uri)
    return bool(system.get_file_info(path).type == fs.FileType.File)


def read_bytes(uri: str) -> bytes:
    """Return the bytes of a small file."""
    system, path = resolve(uri)
    with system.open_input_stream(path) as stream:
        return bytes(stream.read())


def read_record(uri: str) -> dict[str, Any] | None:
    """Return the JSON object of a small file, None where it does not exist. Raises `ValueError` where it is damaged.

    HDFS shows a file that is written again as empty for a moment, so a damaged one is read again for a second.
    """
    for attempt in range(20):
        try:
            found: dict[str, Any] = json.loads(read_bytes(uri))
            return found
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:
            if attempt == 19:
                raise
            time.sleep(0.05)
    return None


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file and create its folder; readers see the complete file or none.

    On HDFS this holds for a new file; one that exists is written in place.
    """
    system, path = resolve(uri)
    system.create_dir(path.rpartition("/")[0], recursive=True)
    is_renamed = isinstance(system, fs.LocalFileSystem) or (has_atomic_rename(uri) and not exists(uri))
    temporary = f"{path}.{uuid.uuid4().hex}" if is_renamed else path
    with system.open_output_stream(temporary) as stream:
        stream.write(data)
    if temporary != path:
        system.move(temporary, path)


@contextlib.contextmanager
def atomic_write(final: str, temp_folder: str, replace: bool = False) -> Iterator[tuple[fs.FileSystem, str]]:
    """Yield (file system, path) to write a file at; the complete file then appears at `final`, or none if the body raises.

    The path is in `temp_folder`, and the file is renamed at the end, so any number of attempts can write at once. An object
    store shows an object when it is complete and not before: there the path is that of `final` itself. Without `replace`
    an existing file is taken for that of another attempt and stays; with it, an existing file is replaced.
    """
    system, path = resolve(final)
    is_local = isinstance(system, fs.LocalFileSystem)
    temporary = f"{resolve(temp_folder)[1]}/{uuid.uuid4().hex}" if has_atomic_rename(final) else path
    for file in (temporary, path):
        system.create_dir(file.rpartition("/")[0], recursive=True)
    try:
        yield system, temporary
    except BaseException:
        if temporary != path and system.get_file_info(temporary).type == fs.FileType.File:
            system.delete_file(temporary)
        raise
    if is_local:
        Path(temporary).replace(path)
    elif temporary != path and exists(final) and not replace:
        system.delete_file(temporary)  # another attempt has finished first, with the same bytes
    elif temporary != path:
        if exists(final):
            system.delete_file(path)
        system.move(temporary, path)


@contextlib.contextmanager
def open_text(folder: str, name: str) -> Iterator[io.TextIOWrapper]:
    """Yield a text file (UTF-8, \\n) to write line by line."""
    system, path = resolve(join_path(folder, name))
    system.create_dir(path.rpartition("/")[0], recursive=True)
    with (
        system.open_output_stream(path, buffer_size=1 << 20) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="\n") as writer,
    ):
        yield writer


def list_folders(uri: str) -> list[fs.FileInfo]:
    """Return the folders in a folder, an empty list if it does not exist."""
    system, path = resolve(uri)
    infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return [info for info in infos if info.type == fs.FileType.Directory]


def list_files(uri: str) -> list[str]:
    """Return the names of the files in a folder, in order; an empty list if it does not exist."""
    system, path = resolve(uri)
    infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted(info.base_name for info in infos if info.type == fs.FileType.File)


def modified_ns(uri: str) -> int | None:
    """Return when a file was written last, in nanoseconds by the file system's clock; None where it does not exist."""
    system, path = resolve(uri)
    time_ns: int | None = system.get_file_info(path).mtime_ns
    return time_ns


def is_inside(uri: str, folder: str) -> bool:
    """Return whether a path equals a folder or lies below it."""
    path, parent = resolve(uri)[1].rstrip("/"), resolve(folder)[1].rstrip("/")
    return path == parent or path.startswith(f"{parent}/")


def remove(uri: str) -> None:
    """Remove a folder and all below it, if it exists."""
    system, path = resolve(uri)
    if system.get_file_info(path).type == fs.FileType.Directory:
        system.delete_dir(path)


def remove_file(uri: str) -> None:
    """Remove a file, if it exists."""
    system, path = resolve(uri)
    with contextlib.suppress(FileNotFoundError):
        if system.get_file_info(path).type == fs.FileType.File:
            system.delete_file(path)


def copy_folder(source: str, target: str) -> None:
    """Copy the files of a folder and below it, on the same file system."""
    system, source_path = resolve(source)
    _, target_path = resolve(target)
    system.create_dir(target_path, recursive=True)
    fs.copy_files(source_path, target_path, source_filesystem=system, destination_filesystem=system)


def move(source: str, target: str) -> None:
    """Rename a folder to a path that does not exist, on a file system that renames (`has_atomic_rename`)."""
    system, source_path = resolve(source)
    _, target_path = resolve(target)
    system.create_dir(target_path.rpartition("/")[0], recursive=True)
    system.move(source_path, target_path)


def has_atomic_rename(uri: str) -> bool:
    """Return whether the file system renames a folder in one step; object stores copy it."""
    system, _ = resolve(uri)
    return isinstance(system, fs.LocalFileSystem) or system.type_name in ("hdfs", "viewfs")


def check_reachable(key: str, uri: str) -> None:
    """Ask the remote file system of a key once, before anything is written. Raises `LakeError` where it does not answer."""
    if local_path(uri) is not None:
        return
    try:
        ask_path(uri)
    except LakeError as error:
        raise LakeError(f"{key} {error}") from None


def check_writable(uri: str) -> None:
    """Create the lake's folder and write a probe. Raises `LakeError` if it is a file or cannot be written."""
    system, _ = resolve(uri)
    if is_file(uri):
        raise LakeError(f"lake.path {uri} is a file: name a folder")
    probe = join_path(uri, f"_probe-{uuid.uuid4().hex}")
    try:
        write_bytes(probe, b"")
        system.delete_file(resolve(probe)[1])
    except REMOTE_ERRORS as error:
        raise LakeError(
            f"lake.path {uri} cannot be written: {explain_failure(error)}; name a folder that you may write to"
        ) from None
