"""Block files: named numpy arrays in folders `block-00000`, ..., which readers map into memory.

All workers of a host share the same pages. A local block is mapped in place. A remote one is copied once a host
(`block_cache.py`).
"""

import contextlib
import functools
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
from walkgram.lake.block_cache import fetch_block

__all__ = ["Blocks"]

Arrays = Mapping[str, np.ndarray]
NewArray = Callable[[str, Any, int | tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Blocks:
    """The blocks of one table. `version` identifies the run that wrote them (the manifest's `run`)."""

    folder: str
    version: str

    def write(self, number: int, arrays: Arrays) -> None:
        """Write a complete block or none; under retries and speculation the first attempt to finish stays."""
        with self._stage(number) as folder:
            for name, array in arrays.items():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @contextlib.contextmanager
    def create(self, number: int) -> Iterator[NewArray]:
        """Yield new(name, dtype, shape), which adds an array of zeros to the block, mapped into memory, to be filled in place.

        Otherwise as `write`.
        """
        maps = []
        with self._stage(number) as folder:

            def new(name: str, dtype: Any, shape: int | tuple[int, ...]) -> np.ndarray:
                file = folder / f"{name}.npy"
                if np.prod(shape) == 0:  # an empty file cannot be mapped
                    np.save(file, np.empty(shape, dtype), allow_pickle=False)
                    return np.empty(shape, dtype)
                maps.append(np.lib.format.open_memmap(file, "w+", dtype, shape if isinstance(shape, tuple) else (shape,)))
                return maps[-1]

            yield new
            for array in maps:
                array.flush()

    @contextlib.contextmanager
    def _stage(self, number: int) -> Iterator[Path]:
        """Yield a local folder that becomes the block once its files are written."""
        with tempfile.TemporaryDirectory(prefix="walkgram-") as temporary:
            local = paths.local_path(self.folder)
            staged = Path(temporary) if local is None else local.parent / f".block-{uuid.uuid4().hex}"
            for folder in (staged, local or staged):
                folder.mkdir(parents=True, exist_ok=True)
            try:
                yield staged
            except BaseException:
                shutil.rmtree(staged, ignore_errors=True)
                raise
            if local is None:
                system, path = paths.resolve(paths.join_path(self.folder, block_name(number)))
                fs.copy_files(str(staged), path, destination_filesystem=system)
                return
            try:
                staged.rename(local / block_name(number))
            except OSError:
                shutil.rmtree(staged)
                if not (local / block_name(number)).is_dir():
                    raise

    def open(self, number: int) -> Arrays:
        """Map the arrays of a block, read-only. Raises `LakeError` if it is missing or truncated."""
        return open_block(self.folder, self.version, number)

    def count(self) -> int:
        """Count the blocks."""
        system, path = paths.resolve(self.folder)
        infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sum(info.base_name.startswith("block-") for info in infos)


def block_name(number: int) -> str:
    """Return the folder name of a block."""
    return f"block-{number:05d}"


@functools.lru_cache(maxsize=64)
def open_block(folder: str, version: str, number: int) -> Arrays:
    """Map the arrays of a block, once a process."""
    block = paths.local_path(paths.join_path(folder, block_name(number)))
    if block is None:
        block = fetch_block(folder, version, block_name(number))
    arrays = {}
    for file in sorted(block.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise LakeError(f"{file}: damaged block ({error}): run the job that wrote it again with --force") from None
    if not arrays:
        raise LakeError(f"{block}: no such block: run the job that writes it again with --force")
    return arrays
