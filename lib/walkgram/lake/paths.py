"""Folders on any file system that pyarrow.fs knows: a bare path is local, everything else is a URI (s3, hdfs, ...)."""

import contextlib
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

from walkgram.errors import LakeError

__all__ = [
    "atomic_write",
    "check_writable",
    "exists",
    "has_atomic_rename",
    "is_file",
    "is_inside",
    "join_path",
    "list_folders",
    "local_path",
    "move",
    "open_text",
    "read_bytes",
    "remove",
    "resolve",
    "spark_uri",
    "write_bytes",
]


def resolve(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the path on it. Raises `LakeError` for a scheme that pyarrow does not know."""
    local = local_path(uri)
    if local is not None:
        return fs.LocalFileSystem(), str(local)
    try:
        system, path = fs.FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    except (ValueError, OSError) as error:
        raise LakeError(f"{uri}: no such file system: {error}") from None
    return system, path


def local_path(uri: str) -> Path | None:
    """The absolute local path of a bare path or a file: URI; None for any other scheme."""
    for prefix in ("file://", "file:"):
        if uri.startswith(prefix):
            return Path(uri.removeprefix(prefix)).absolute()
    return None if "://" in uri else Path(uri).expanduser().absolute()


def spark_uri(uri: str) -> str:
    """The same place as Hadoop's libraries name it: local paths get file://, s3 becomes s3a."""
    local = local_path(uri)
    return f"file://{local}" if local is not None else uri.replace("s3://", "s3a://", 1)


def join_path(uri: str, *names: str) -> str:
    """`names` below `uri`."""
    return "/".join([uri.rstrip("/") or "/", *names])


def exists(uri: str) -> bool:
    """Whether a file or folder is there."""
    system, path = resolve(uri)
    return bool(system.get_file_info(path).type != fs.FileType.NotFound)


def is_file(uri: str) -> bool:
    """Whether a file is there."""
    system, path = resolve(uri)
    return bool(system.get_file_info(path).type == fs.FileType.File)


def read_bytes(uri: str) -> bytes:
    """The bytes of a small file."""
    system, path = resolve(uri)
    with system.open_input_stream(path) as stream:
        return bytes(stream.read())


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file, its folder made where it is missing; readers see it whole or not at all."""
    system, path = resolve(uri)
    system.create_dir(path.rpartition("/")[0], recursive=True)
    aside = f"{path}.{uuid.uuid4().hex}" if isinstance(system, fs.LocalFileSystem) else path
    with system.open_output_stream(aside) as stream:
        stream.write(data)
    if aside != path:
        system.move(aside, path)


@contextlib.contextmanager
def atomic_write(final: str, aside: str, replace: bool = False) -> Iterator[tuple[fs.FileSystem, str]]:
    """(file system, path) to write a file at, which is then at `final`, whole or not at all, however many attempts write it.

    It is written in the folder `aside` and renamed. An object store shows an object when its writing is finished, and not
    before: there it is written in its place. `replace`: what is there already is of an earlier time, not of another attempt.
    """
    system, path = resolve(final)
    local = isinstance(system, fs.LocalFileSystem)
    place = f"{resolve(aside)[1]}/{uuid.uuid4().hex}" if has_atomic_rename(final) else path
    for file in (place, path):
        system.create_dir(file.rpartition("/")[0], recursive=True)
    try:
        yield system, place
    except BaseException:
        if place != path and system.get_file_info(place).type == fs.FileType.File:
            system.delete_file(place)
        raise
    if local:
        Path(place).replace(path)
    elif place != path and exists(final) and not replace:
        system.delete_file(place)  # another attempt, with the same bytes, was first
    elif place != path:
        if exists(final):
            system.delete_file(path)
        system.move(place, path)


@contextlib.contextmanager
def open_text(folder: str, name: str) -> Iterator[io.TextIOWrapper]:
    """A text file (UTF-8, \\n) to write line by line."""
    system, path = resolve(join_path(folder, name))
    system.create_dir(path.rpartition("/")[0], recursive=True)
    with (
        system.open_output_stream(path, buffer_size=1 << 20) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="\n") as writer,
    ):
        yield writer


def list_folders(uri: str) -> list[fs.FileInfo]:
    """The folders in a folder; none where it is not there."""
    system, path = resolve(uri)
    found = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return [info for info in found if info.type == fs.FileType.Directory]


def is_inside(uri: str, folder: str) -> bool:
    """Whether a place is a folder or lies below it."""
    path, above = resolve(uri)[1].rstrip("/"), resolve(folder)[1].rstrip("/")
    return path == above or path.startswith(f"{above}/")


def remove(uri: str) -> None:
    """Remove a folder and all below it, where it is there."""
    system, path = resolve(uri)
    if system.get_file_info(path).type == fs.FileType.Directory:
        system.delete_dir(path)


def move(source: str, target: str) -> None:
    """Move a folder to a place where nothing is: a rename where the file system has one, else copy and delete."""
    system, path = resolve(source)
    _, new = resolve(target)
    system.create_dir(new.rpartition("/")[0], recursive=True)
    if has_atomic_rename(source):
        system.move(path, new)
        return
    fs.copy_files(path, new, source_filesystem=system, destination_filesystem=system)
    system.delete_dir(path)


def has_atomic_rename(uri: str) -> bool:
    """Whether the file system of a place renames a folder in one step; object stores copy."""
    system, _ = resolve(uri)
    return isinstance(system, fs.LocalFileSystem) or system.type_name in ("hdfs", "viewfs")


def check_writable(uri: str) -> None:
    """Make the lake's folder and try to write in it. Raises `LakeError` where it is a file or cannot be written."""
    system, path = resolve(uri)
    if system.get_file_info(path).type == fs.FileType.File:
        raise LakeError(f"lake.path {uri} is a file: name a folder")
    probe = join_path(uri, f"_probe-{uuid.uuid4().hex}")
    try:
        write_bytes(probe, b"")
        system.delete_file(resolve(probe)[1])
    except OSError as error:
        raise LakeError(f"lake.path {uri} cannot be written: {error}; name a folder that you may write to") from None
