"""Find the files of a source, and fingerprint them so that a job runs again when they change."""

import hashlib
from typing import NamedTuple

from pyarrow import fs

from walkgram.config.locations import split_scheme
from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake import paths
from walkgram.lake.formats.base import SourceFiles, file_suffix
from walkgram.lake.sources import archive
from walkgram.lake.sources.table_formats import refuse_table_formats

__all__ = [
    "SourcePaths",
    "describe_source",
    "fingerprint_files",
    "fingerprint_source",
    "is_sample",
    "list_source_files",
    "resolve_below",
    "source_paths",
]

PATH_KEYS = "input.path (and .interactions, .items, .nodes) or walks.starts"


class SourcePaths(NamedTuple):
    """The paths or URIs of a source's tables: the interactions or edges, the items, the nodes ("" where there is none)."""

    table: str
    items: str = ""
    nodes: str = ""


def is_sample(config: Input) -> bool:
    """Return whether the source is the generated sample."""
    return config.source == "sample" and not config.path


def source_paths(config: Input) -> SourcePaths:
    """Return the paths of a source of files or of an archive, which is downloaded at first use.

    Raises `InputError` if input.path is not set and the source is no archive, or if the archive cannot be downloaded.
    """
    if config.path:
        root = config.path
    elif config.source == "archive":
        root = archive.fetch_archive(config.url, config.sha256, config.cache)
    else:
        raise InputError("input.path is empty: name the folder or file of the interactions or edges (make run INPUT=...)")
    if paths.is_file(root):  # the file is the table, and the other tables are in its folder
        table, folder = root, root.rpartition("/")[0] or "."
    else:
        table, folder = resolve_below(root, config.interactions), root
    items, nodes = (resolve_below(folder, name) if name else "" for name in (config.items, config.nodes))
    return SourcePaths(table, items, nodes)


def resolve_below(root: str, name: str) -> str:
    """Return `name` inside the folder `root`: the folder itself if the name is empty, the name if it is absolute or a URI."""
    if not name:
        return root
    return name if name.startswith("/") or split_scheme(name)[0] else paths.join_path(root, name)


def list_source_files(uri: str, key: str = PATH_KEYS) -> SourceFiles:
    """List the data files of a file or folder in order of path. key: what names the path, for the error if it is missing.

    Raises `InputError` if there are none, if all are empty, for a name that Spark cannot read, and for the files of a table
    format with a log of its own.
    """
    system, path = paths.resolve(uri)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise InputError(f"{uri}: no such file or folder: check {key}")
    if info.type == fs.FileType.File:
        if is_hidden(info.base_name):
            raise InputError(f"{uri}: Spark leaves out files whose names begin with _ or a dot: rename it")
        entries = [info]
    else:
        entries = sorted(system.get_file_info(fs.FileSelector(path, recursive=True)), key=lambda entry: entry.path)
    refuse_table_formats(uri, system, path, entries)
    visible = [entry for entry in entries if entry is info or not has_hidden_part(entry.path[len(path) :])]
    for entry in visible:
        check_name(system, entry.path[len(path) :] if entry is not info else info.base_name, entry)
    infos = [entry for entry in visible if entry.type == fs.FileType.File]
    if not infos:
        raise InputError(f"{uri}: the folder holds no files: check input.path")
    empty = [entry for entry in infos if entry.size == 0]
    if len(empty) == len(infos):
        what = "the file is empty" if len(infos) == 1 else f"all {len(infos):,} files are empty"
        raise InputError(f"{uri}: no columns could be read: {what} (0 bytes): check input.path")
    return SourceFiles(uri, system, [entry for entry in infos if entry.size != 0], path, empty)


def is_hidden(name: str) -> bool:
    """Return whether Spark ignores a file or folder by its name: .crc, _SUCCESS; but _day=1 is a partition folder."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def describe_source(uri: str) -> str:
    """Return the number, suffixes and bytes of a source's files, for the log."""
    infos = list_source_files(uri).infos
    suffixes = sorted({file_suffix(info.base_name) if "." in info.base_name else "no suffix" for info in infos})
    return f"{len(infos):,} ({', '.join(suffixes)}), {sum(info.size or 0 for info in infos):,} bytes"


def has_hidden_part(path: str) -> bool:
    """Return whether a folder or the file of a relative path is hidden: Spark ignores such files."""
    return any(is_hidden(part) for part in path.split("/") if part)


def check_name(system: fs.FileSystem, name: str, entry: fs.FileInfo) -> None:
    """Raise `InputError` for a file or folder that Spark cannot read because of its name or kind."""
    if ":" in name and isinstance(system, fs.LocalFileSystem):
        raise InputError(f"{entry.path}: Hadoop, by which Spark reads files, allows no colon in a name: rename it")
    if name.endswith("._COPYING_"):
        raise InputError(f"{entry.path}: a copy that is not complete: wait for its end, or remove it")
    if entry.type not in (fs.FileType.File, fs.FileType.Directory):
        raise InputError(f"{entry.path}: neither a file nor a folder (a broken link, or a device): remove it from the source")


def fingerprint_files(uri: str, key: str = PATH_KEYS) -> str:
    """Return the SHA-256 of the paths, sizes and modification times of a source's files. key: as of `list_source_files`."""
    lines = [f"{info.path} {info.size} {info.mtime_ns}" for info in list_source_files(uri, key).infos]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def fingerprint_source(config: Input) -> dict[str, str]:
    """Return the fingerprint of each path of a source; none for the sample, which is a function of its configuration."""
    return {} if is_sample(config) else {uri: fingerprint_files(uri) for uri in source_paths(config) if uri}
