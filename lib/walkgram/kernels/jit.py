"""Compile kernels with numba, and cache the machine code by a digest of all kernel sources.

numba's cache compares the source file of the cached function only. A function inlined or called from another file may
have changed since, and the old machine code runs without a warning. Here the cache directory, the freshness stamp and
the key of every cache entry contain a SHA-256 digest of all kernel sources: an edit of any of them compiles anew.

The cache belongs to the decorated function, by subclasses of numba's cache classes (the same from numba 0.61 to 0.68):
`numba.config` stays as the program has set it. The locator needs no source file, so that kernels in a zip (Spark's
`--py-files`) are cached, and entries do not depend on the folder into which Spark unpacks the zip of each application.

The directory is the first of these that can be written: NUMBA_CACHE_DIR/walkgram-DIGEST, then
WALKGRAM_CACHE/kernels/DIGEST (if it is not set: XDG_CACHE_HOME or ~/.cache, /walkgram/kernels/DIGEST), then a private
folder of the user in the temporary directory. Without any, kernels are compiled in every process.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
import numba.core.caching

__all__ = ["njit"]

Function = TypeVar("Function", bound=Callable[..., Any])

# Some versions of numba ship types and some do not: Any gives mypy the same answer for all.
caching: Any = numba.core.caching
config: Any = numba.config

PACKAGE = __name__.rpartition(".")[0]
ROOT = PACKAGE.rpartition(".")[0]
DIGEST_LENGTH = 16  # hexadecimal digits in the directory's name; the stamp and the keys contain all 64
MARKER = "last-used"
UNUSED_DAYS = 14


@overload
def njit(function: Function, /) -> Function: ...
@overload
def njit(**options: Any) -> Callable[[Function], Function]: ...
def njit(function: Callable[..., Any] | None = None, /, **options: Any) -> Callable[..., Any]:
    """Compile a kernel as `numba.njit` does, with the options of numba, and cache it.

    Raises `ValueError` for a function outside walkgram.kernels and walkgram.rng, whose source the digest does not cover,
    and for a function without a source file.
    """
    if function is None:
        return functools.partial(compile_kernel, options=options)
    return compile_kernel(function, options)


def compile_kernel(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    """Return numba's dispatcher of the function, with a cache where a cache directory can be written."""
    module = function.__module__
    if not (module == f"{ROOT}.rng" or f"{module}.".startswith(f"{PACKAGE}.")):
        raise ValueError(f"{module}.{function.__qualname__} is not in {PACKAGE}: move it there, or use numba.njit")
    if function.__code__.co_filename.startswith("<"):
        # numba's key has the bytecode but not its constants: two generated functions could share an entry.
        raise ValueError(f"{module}.{function.__qualname__} has no source file: write it in a module of {PACKAGE}")
    dispatcher: Any = numba.njit(cache=False, **options)(function)
    if dispatcher is not function and cache_directory():  # NUMBA_DISABLE_JIT returns the function
        dispatcher._cache = KernelCache(function)  # as Dispatcher.enable_caching does
    return dispatcher  # type: ignore[no-any-return]


class KernelLocator(caching._CacheLocator):  # type: ignore[misc]
    """Place the cache of a function by the name of its module, not by the path of its file."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file = file  # numba names it in its warnings
        self._module = function.__module__
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        """Return the folder of the module."""
        return str(Path(cache_directory() or "") / self._module)

    def get_source_stamp(self) -> str:
        """Return the digest: numba ignores an index with another stamp."""
        return source_digest()

    def get_disambiguator(self) -> str:
        """Return the line number: it distinguishes functions of one name."""
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "KernelLocator":
        """Return a locator for any function: `cache_directory` has checked the directory."""
        return cls(py_func, py_file)


class KernelCacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """Serialize compiled functions as numba does, located by `KernelLocator`."""

    _locator_classes = (KernelLocator,)


class KernelIndex(caching.IndexDataCacheFile):  # type: ignore[misc]
    """Name every data file anew, and replace an index that cannot be read.

    numba numbers the files: two processes that compile two signatures at the same time choose the same number, and one
    signature then loads the code of the other. With unique names the later index wins, and the other entry is compiled again.
    """

    def _data_name(self, number: int) -> str:
        return str(super()._data_name(number)).replace(".nbc", f".{uuid.uuid4().hex[:16]}.nbc")

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()  # type: ignore[no-any-return]
        except Exception:  # pickle raises anything: a truncated file, or a key whose tuple class cannot be imported here
            return {}


class KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Cache one kernel under the digest; where the cache fails, warn and compile."""

    _impl_class = KernelCacheImpl

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = KernelIndex(self._cache_path, self._impl.filename_base, source_digest())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # NUMBA_CACHE_LOCATOR_CLASSES may replace the locator: the digest in the key rejects old code there too.
        return (*super()._index_key(sig, codegen), source_digest())

    @contextlib.contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        # numba reads and writes under this guard, and forgives errors on Windows only: a full disk would stop the kernel.
        try:
            yield
        except Exception as error:
            message = (
                f"the kernel cache {self._cache_path} failed ({error!r}): remove it, or set WALKGRAM_CACHE to another folder"
            )
            warnings.warn(message, RuntimeWarning, stacklevel=2)


def read_sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every .py file under a folder or zip; hidden files (editors' locks) are left out."""
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.name.endswith(".py"):
            yield name, entry.read_bytes()
        elif entry.is_dir():
            yield from read_sources(entry, name)


@functools.cache
def source_digest() -> str:
    """Return the SHA-256 digest, in hexadecimal digits, of the names and bytes of all kernel sources."""
    sources = dict(read_sources(resources.files(PACKAGE), "kernels"))
    rng = resources.files(ROOT).joinpath("rng.py")
    if rng.is_file():
        sources["rng.py"] = rng.read_bytes()
    digest = hashlib.sha256()
    for name, content in sorted(sources.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@functools.cache
def cache_directory() -> Path | None:
    """Return the directory of this digest, created and marked as used; None where no candidate can be written."""
    for directory in candidate_directories(source_digest()[:DIGEST_LENGTH]):
        with contextlib.suppress(OSError):
            open_directory(directory)
            return directory
    return None


def candidate_directories(digest: str) -> Iterator[Path]:
    """Yield where the cache may lie, the preferred place first."""
    if config.CACHE_DIR:  # the variable NUMBA_CACHE_DIR, numba's configuration file or the program
        yield Path(config.CACHE_DIR).absolute() / f"walkgram-{digest}"
    base = os.environ.get("WALKGRAM_CACHE")
    cache = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "walkgram"
    with contextlib.suppress(RuntimeError):  # a container's user may have no home
        cache = cache.expanduser()
    if base or cache.is_absolute():
        yield cache.absolute() / "kernels" / digest
    private = private_temporary_folder()
    if private:
        yield private / "kernels" / digest


def private_temporary_folder() -> Path | None:
    """Return the user's folder in the temporary directory; None unless the user alone can write to it.

    A cache is read by pickle: a folder that another user created in advance would run that user's code.
    """
    try:
        folder = Path(tempfile.gettempdir()).absolute() / f"walkgram-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return folder if is_private else None


def open_directory(directory: Path) -> None:
    """Create the directory if it is missing, mark it as used now, and clear old ones if it is new. Raises `OSError`."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.mkdir()
        is_new = True
    except FileExistsError:
        is_new = False
    (directory / MARKER).touch()
    tempfile.TemporaryFile(dir=directory).close()  # the marker may be writable where the directory is not
    if is_new:
        remove_unused(directory)


def remove_unused(directory: Path) -> None:
    """Remove the directories of other digests beside this one that no process has used for `UNUSED_DAYS`."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    pattern = directory.name[:-DIGEST_LENGTH] + "[0-9a-f]" * DIGEST_LENGTH
    with contextlib.suppress(OSError):
        for other in directory.parent.glob(pattern):
            with contextlib.suppress(OSError):  # another process may remove it at the same time
                marker = other / MARKER
                used = (marker if marker.exists() else other).stat().st_mtime
                if used < oldest:
                    shutil.rmtree(other, ignore_errors=True)
