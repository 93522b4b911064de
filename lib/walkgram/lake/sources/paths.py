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

__all__ = [
    "SourcePaths",
    "describe_files",
    "fingerprint_files",
    "fingerprint_source",
    "is_sample",
    "list_source_files",
    "resolve_below",
    "source_paths",
]


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


def list_source_files(uri: str) -> SourceFiles:
    """List the data files of a file or folder in order of path. Raises `InputError` if there are none."""
    system, path = paths.resolve(uri)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise InputError(f"{uri}: no such file or folder: check input.path (and .interactions, .items, .nodes) or walks.starts")
    if info.type == fs.FileType.File:
        if info.base_name[0] in "._":
            raise InputError(f"{uri}: Spark leaves out files whose names begin with _ or a dot: rename it")
        return SourceFiles(uri, system, [info])
    entries = sorted(system.get_file_info(fs.FileSelector(path, recursive=True)), key=lambda entry: entry.path)
    infos = [entry for entry in entries if entry.type == fs.FileType.File and not has_hidden_part(entry.path[len(path) :])]
    if not infos:
        raise InputError(f"{uri}: the folder holds no files: check input.path")
    return SourceFiles(uri, system, infos)


def describe_files(uri: str) -> str:
    """Return the number, suffixes and bytes of a source's files, for the log."""
    infos = list_source_files(uri).infos
    suffixes = sorted({file_suffix(info.base_name) if "." in info.base_name else "no suffix" for info in infos})
    return f"{len(infos):,} ({', '.join(suffixes)}), {sum(info.size or 0 for info in infos):,} bytes"


def has_hidden_part(path: str) -> bool:
    """Return whether a folder or the file of a relative path begins with a dot or underscore: Spark ignores such files."""
    return any(part[0] in "._" for part in path.split("/") if part)


def fingerprint_files(uri: str) -> str:
    """Return the SHA-256 of the paths, sizes and modification times of a source's files."""
    lines = [f"{info.path} {info.size} {info.mtime_ns}" for info in list_source_files(uri).infos]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def fingerprint_source(config: Input) -> dict[str, str]:
    """Return the fingerprint of each path of a source; none for the sample, which is a function of its configuration."""
    return {} if is_sample(config) else {uri: fingerprint_files(uri) for uri in source_paths(config) if uri}
