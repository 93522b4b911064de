"""The files of a table as its manifest lists them: name, size, rows and checksum; and their check before a table is read.

The checksum is CRC-32: 4 GiB a second on one core, where SHA-256 takes more than twice the time. It finds damage, not forgery.
Names that begin with "_" or "." are no files of a table (`_SUCCESS`, `.crc` files): Spark and pyarrow do not read them either.
"""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from walkgram.errors import LakeError, name_jobs
from walkgram.lake import paths
from walkgram.lake.manifest import Manifest

__all__ = ["Checksum", "ChecksumMap", "check_files", "checksum_file", "checksum_in_threads", "describe_files", "find_files"]

BUFFER = 1 << 22


class Checksum(NamedTuple):
    """What is read of one file: its CRC-32, and its rows where it is Parquet."""

    crc32: int
    rows: int | None


ChecksumMap = Callable[[Sequence[str]], Sequence[Checksum]]
"""Checksums of files, given by path or URI, in their order."""


def find_files(folder: str) -> dict[str, int]:
    """Return the files of a table's folder and below it: relative path -> bytes."""
    return dict(sorted(_walk_files(folder)))


def _walk_files(folder: str) -> Iterator[tuple[str, int]]:
    system, path = paths.resolve(folder)
    for info in system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True)):
        name = info.path[len(path) :].lstrip("/")
        if info.type == fs.FileType.File and not any(part[0] in "._" for part in name.split("/")):
            yield name, info.size


def checksum_file(uri: str) -> Checksum:
    """Read a file once; its footer too where it is Parquet, whose rows are None where the footer is damaged."""
    system, path = paths.resolve(uri)
    crc32 = 0
    with system.open_input_stream(path) as stream:
        while data := stream.read(BUFFER):
            crc32 = zlib.crc32(data, crc32)
    rows = None
    if uri.endswith(".parquet"):
        with contextlib.suppress(pa.ArrowException, OSError):
            rows = pq.read_metadata(path, filesystem=system).num_rows
    return Checksum(crc32, rows)


def checksum_in_threads(uris: Sequence[str]) -> Sequence[Checksum]:
    """Read files in as many threads as this process has cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(checksum_file, uris))


def describe_files(folder: str, checksums: ChecksumMap) -> dict[str, dict[str, int]]:
    """Return a staged table's files for its manifest: relative path -> {"bytes", "crc32", "rows" of Parquet}."""
    sizes = find_files(folder)
    found = checksums([paths.join_path(folder, name) for name in sizes])
    return {
        name: {"bytes": size, "crc32": checksum.crc32} | ({} if checksum.rows is None else {"rows": checksum.rows})
        for (name, size), checksum in zip(sizes.items(), found, strict=True)
    }


def check_files(root: str, tables: Mapping[str, Manifest], checksums: ChecksumMap | None) -> None:
    """Compare the files of tables with their manifests: names and sizes, and checksums where `checksums` reads them.

    tables: name -> manifest. A manifest from before files were listed is not checked. Raises `LakeError` that names the file,
    what is wrong with it, and the job that makes it again.
    """
    listed = {name: manifest for name, manifest in tables.items() if manifest.files}
    for name, manifest in listed.items():
        folder, remedy = paths.join_path(root, name), f"run {name_jobs(manifest.job)} with --force to make it again"
        sizes = find_files(folder)
        for file, entry in manifest.files.items():
            if file not in sizes:
                raise LakeError(f"{paths.join_path(folder, file)}: this file of table {name} is missing: {remedy}")
            if sizes[file] != entry["bytes"]:
                raise LakeError(
                    f"{paths.join_path(folder, file)}: has {sizes[file]:,} bytes, and table {name} was written with "
                    f"{entry['bytes']:,}: {remedy}"
                )
        for file in sizes:
            if file not in manifest.files:
                raise LakeError(
                    f"{paths.join_path(folder, file)}: not a file of table {name}, whose manifest does not list it: "
                    "move it out of the folder"
                )
    if checksums is None:
        return
    files = [(name, file) for name, manifest in listed.items() for file in manifest.files]
    found = checksums([paths.join_path(root, name, file) for name, file in files])
    for (name, file), checksum in zip(files, found, strict=True):
        if checksum.crc32 != listed[name].files[file]["crc32"]:
            raise LakeError(
                f"{paths.join_path(root, name, file)}: damaged, its bytes differ from those that were written: run "
                f"{name_jobs(listed[name].job)} with --force to make table {name} again"
            )
