"""Block files: named numpy arrays in folders `block-00000`, ..., opened by mapping them into memory.

Every worker of a host shares the same pages. A local block is mapped where it lies; a remote one is copied once for
each host into a cache folder (WALKGRAM_CACHE, else the system's temporary folder), under a lock.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import fs

from walkgram.errors import LakeError
from walkgram.lake import paths

__all__ = ["Blocks"]

Arrays = Mapping[str, np.ndarray]
NewArray = Callable[[str, Any, int | tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Blocks:
    """The blocks of one table. `version` tells one making of the table from the next (the manifest's run)."""

    folder: str
    version: str

    def write(self, number: int, arrays: Arrays) -> None:
        """Write a block whole: safe under retries and speculation, since the first finished attempt stays."""
        with self._placed(number) as place:
            for name, array in arrays.items():
                np.save(place / f"{name}.npy", array, allow_pickle=False)

    @contextlib.contextmanager
    def create(self, number: int) -> Iterator[NewArray]:
        """`write` for arrays that are filled where they lie: gives new(name, dtype, shape), all zeros."""
        made = []
        with self._placed(number) as place:

            def new(name: str, dtype: Any, shape: int | tuple[int, ...]) -> np.ndarray:
                file = place / f"{name}.npy"
                if np.prod(shape) == 0:
                    np.save(file, np.empty(shape, dtype), allow_pickle=False)
                    return np.empty(shape, dtype)
                made.append(np.lib.format.open_memmap(file, "w+", dtype, shape if isinstance(shape, tuple) else (shape,)))
                return made[-1]

            yield new
            for array in made:
                array.flush()

    @contextlib.contextmanager
    def _placed(self, number: int) -> Iterator[Path]:
        """A local folder that becomes the block once its files are written."""
        with tempfile.TemporaryDirectory(prefix="walkgram-") as scratch:
            local = paths.local_path(self.folder)
            place = Path(scratch) if local is None else local.parent / f".block-{uuid.uuid4().hex}"
            for folder in (place, local or place):
                folder.mkdir(parents=True, exist_ok=True)
            try:
                yield place
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            if local is None:
                system, path = paths.resolve(paths.join_path(self.folder, block_name(number)))
                fs.copy_files(str(place), path, destination_filesystem=system)
                return
            try:
                place.rename(local / block_name(number))
            except OSError:
                shutil.rmtree(place)
                if not (local / block_name(number)).is_dir():
                    raise

    def open(self, number: int) -> Arrays:
        """The arrays of a block, mapped read-only. Raises `LakeError` where it is missing or truncated."""
        return open_block(self.folder, self.version, number)

    def count(self) -> int:
        """How many blocks there are."""
        system, path = paths.resolve(self.folder)
        infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sum(info.base_name.startswith("block-") for info in infos)


def block_name(number: int) -> str:
    """The folder of a block."""
    return f"block-{number:05d}"


@functools.lru_cache(maxsize=64)
def open_block(folder: str, version: str, number: int) -> Arrays:
    """`Blocks.open`, once for each process."""
    place = paths.local_path(paths.join_path(folder, block_name(number)))
    if place is None:
        place = fetch_block(folder, version, number)
    arrays = {}
    for file in sorted(place.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LakeError(f"{file}: damaged block ({error}): run the job that wrote it again with --force") from None
    if not arrays:
        raise LakeError(f"{place}: no block there: run the job that writes it again with --force")
    return arrays


def fetch_block(folder: str, version: str, number: int) -> Path:
    """Copy a remote block into this host's cache, once however many workers ask."""
    root = Path(os.environ.get("WALKGRAM_CACHE") or Path(tempfile.gettempdir()) / f"walkgram-cache-{os.getuid()}")
    place = root / hashlib.sha256(f"{folder} {version}".encode()).hexdigest()[:24] / block_name(number)
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            aside = place.with_suffix(f".{uuid.uuid4().hex}")
            system, path = paths.resolve(paths.join_path(folder, block_name(number)))
            aside.mkdir()
            fs.copy_files(path, str(aside), source_filesystem=system)
            aside.rename(place)
    return place
