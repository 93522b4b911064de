"""The cache of remote blocks on this host: one copy for all workers, in a folder that only its user may write.

    <WALKGRAM_CACHE, else walkgram-cache-UID in the system's temporary folder>/blocks/<table>/<version>/block-00000/

A version (the run that wrote the table) has a lock file beside it. Processes that map its blocks hold the lock shared, for as
long as they live. Whoever comes to a table with a new version removes those of its former versions that nobody holds, and
every version that was not used for UNUSED_SECONDS.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

from walkgram.errors import LakeError
from walkgram.lake import paths
from walkgram.lake.remote import REMOTE_ERRORS, explain_failure

__all__ = ["fetch_block"]

UNUSED_SECONDS = 7 * 24 * 3600
RUN = re.compile(r"(/_staging/[^/]*?)-[0-9a-f]{32}(?=/|$)")


def fetch_block(folder: str, version: str, name: str) -> Path:
    """Copy a block of a remote folder into this host's cache, unless it is there with the sizes that it has remotely.

    Return the local folder. Raises `LakeError` where the block is missing, or where the cache could be written by others.
    """
    cached = hold_version(cache_folder(), folder, version)
    block = cached / name
    sizes = remote_sizes(paths.join_path(folder, name))
    with lock_file(cached / f"{name}.lock", fcntl.LOCK_EX):
        if not sizes or local_sizes(block) != sizes:
            for stale in (block, *cached.glob(f"{name}.copy-*")):
                shutil.rmtree(stale, ignore_errors=True)
            copy_block(paths.join_path(folder, name), block, sizes)
    return block


def cache_folder() -> Path:
    """Create the folder of the cache. Raises `LakeError` where another user owns it, or others may write in it."""
    chosen = os.environ.get("WALKGRAM_CACHE")
    root = Path(chosen).expanduser() if chosen else Path(tempfile.gettempdir()) / f"walkgram-cache-{os.getuid()}"
    for folder in (root, root / "blocks"):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat() if chosen and folder == root else folder.lstat()
        except OSError as error:
            raise LakeError(
                f"{folder}: no folder for the cache ({error.strerror}): set WALKGRAM_CACHE to another one"
            ) from None
        if not folder.is_dir() or folder.is_symlink() > bool(chosen and folder == root):
            raise LakeError(
                f"{folder}: the cache must be a folder, not a link: remove it, or set WALKGRAM_CACHE to another one"
            )
        if status.st_uid != os.getuid():
            raise LakeError(f"{folder}: another user owns this cache: set WALKGRAM_CACHE to a folder of your own")
        if status.st_mode & 0o022:
            raise LakeError(f"{folder}: others may write in this cache: chmod go-w, or set WALKGRAM_CACHE to another folder")
    return root / "blocks"


@functools.cache
def hold_version(cache: Path, folder: str, version: str) -> Path:
    """Return the folder of a version, which this process now holds until it ends; clear what nobody needs."""
    table = cache / digest_name(RUN.sub(r"\1", folder))
    cached = table / digest_name(f"{folder} {version}")
    table.mkdir(mode=0o700, exist_ok=True)
    hold_lock(Path(f"{cached}.lock"), fcntl.LOCK_SH)
    cached.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):  # another process clears too
        clear_unused(cache, cached)
    return cached


def clear_unused(cache: Path, used: Path) -> None:
    """Remove the other versions of a table, and versions of any table unused for long, as far as no process holds them."""
    for lock in cache.glob("*/*.lock"):
        other = lock.with_suffix("")
        if other == used or (other.parent != used.parent and time.time() - lock.stat().st_mtime < UNUSED_SECONDS):
            continue
        with contextlib.suppress(BlockingIOError, FileNotFoundError), lock_file(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(other, ignore_errors=True)
            lock.unlink()


def hold_lock(file: Path, mode: int) -> int:
    """Lock a file, created where it is missing; return its descriptor. Raises `BlockingIOError` with LOCK_NB."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, mode)
            if file.exists() and file.stat().st_ino == os.fstat(descriptor).st_ino:  # else it was cleared meanwhile
                os.utime(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def lock_file(file: Path, mode: int) -> Iterator[None]:
    """Hold the lock of a file inside the block."""
    descriptor = hold_lock(file, mode)
    try:
        yield
    finally:
        os.close(descriptor)


def copy_block(uri: str, block: Path, sizes: dict[str, int]) -> None:
    """Copy a block, complete or not at all. Raises `LakeError` where it is missing, or its copy has other sizes."""
    if not sizes:
        raise LakeError(f"{uri}: no such block: run the job that writes it again with --force")
    temporary = block.with_name(f"{block.name}.copy-{uuid.uuid4().hex}")
    temporary.mkdir(mode=0o700)
    system, path = paths.resolve(uri)
    try:
        fs.copy_files(path, str(temporary), source_filesystem=system)
    except REMOTE_ERRORS as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise LakeError(f"{uri} cannot be copied to {block}: {explain_failure(error)}") from None
    if local_sizes(temporary) != sizes:
        shutil.rmtree(temporary, ignore_errors=True)
        raise LakeError(
            f"{uri}: its copy in {block.parent} is not complete: is the disk full? Set WALKGRAM_CACHE to another folder"
        )
    temporary.rename(block)


def remote_sizes(uri: str) -> dict[str, int]:
    """Return the files of a remote block and their bytes."""
    system, path = paths.resolve(uri)
    infos = system.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return {info.base_name: info.size for info in infos if info.type == fs.FileType.File}


def local_sizes(block: Path) -> dict[str, int]:
    """Return the files of a cached block and their bytes; none where it does not exist."""
    return {file.name: file.stat().st_size for file in block.iterdir()} if block.is_dir() else {}


def digest_name(text: str) -> str:
    """Return the name of a folder in the cache."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
