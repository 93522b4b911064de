"""The cache of kernels: an edit of any kernel source compiles anew, and nothing else does."""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from walkgram.kernels import jit

LIB = Path(__file__).parents[2] / "lib"
OLD, YOUNG = "a" * 16, "b" * 16
WALKGRAM = "from walkgram.kernels.jit import njit"
NUMBA = "import functools, numba; njit = functools.partial(numba.njit, cache=True)"
CONSTANT = '{header}\n@njit(inline="always")\ndef {name}():\n    return {value}\n'
TOTAL = """{header}
from walkgram.kernels.graph.limits import limit
from walkgram.rng import offset
@njit(nogil=True)
def total(x):
    return x + limit() + offset()
"""
RUN = """
import json, sys, numba
from walkgram.kernels.walks.total import total
values = [total(eval(argument)) for argument in sys.argv[1:]]
hits = sum(total.stats.cache_hits.values())
print(json.dumps({"values": values, "hits": hits, "config": numba.config.CACHE_DIR}))
"""


class Package:
    """A package walkgram of three kernels in three files: total inlines limit (10) and offset (100)."""

    def __init__(self, folder: Path, header: str = WALKGRAM) -> None:
        self.root, self.header = folder / "lib", header
        self.path = str(self.root)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        # Without .pyc files: Python compares their sources by size and by second.
        self.environment |= {"PYTHONDONTWRITEBYTECODE": "1", "WALKGRAM_CACHE": str(folder / "cache")}
        for package in ("walkgram", "walkgram/kernels", "walkgram/kernels/graph", "walkgram/kernels/walks"):
            (self.root / package).mkdir(parents=True)
            (self.root / package / "__init__.py").touch()
        shutil.copy(jit.__file__, self.root / "walkgram/kernels/jit.py")
        (self.root / "walkgram/kernels/walks/total.py").write_text(TOTAL.format(header=header))
        self.edit("limit", 10)
        self.edit("offset", 100)

    def edit(self, name: str, value: int) -> None:
        file = {"limit": "walkgram/kernels/graph/limits.py", "offset": "walkgram/rng.py"}[name]
        (self.root / file).write_text(CONSTANT.format(header=self.header, name=name, value=value))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command, environment = [sys.executable, "-c", RUN, *arguments], self.environment | {"PYTHONPATH": self.path}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> SimpleNamespace:
        return finish(self.start(*(arguments or ["1"])))


def finish(process: "subprocess.Popen[str]") -> SimpleNamespace:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return SimpleNamespace(**json.loads(output.splitlines()[-1]))


def set_age(path: Path, days: int) -> None:
    path.mkdir(exist_ok=True)
    (path / jit.MARKER).touch()
    os.utime(path / jit.MARKER, (0, time.time() - days * 24 * 3600))


def kernel(x: int) -> int:
    return x + 1


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that decorates `kernel` as a new process does; the cache directory is tmp_path/cache."""
    monkeypatch.setattr(kernel, "__module__", "walkgram.kernels.some")
    monkeypatch.setitem(sys.modules, "walkgram.kernels.some", ModuleType("walkgram.kernels.some"))
    monkeypatch.setattr(jit, "cache_directory", lambda: tmp_path / "cache")
    return lambda: jit.njit(kernel)


def call(dispatcher: Any) -> tuple[int, int]:
    return dispatcher(1), sum(dispatcher.stats.cache_hits.values())


@pytest.mark.parametrize(
    ("header", "zipped", "value", "hits"),
    [(WALKGRAM, False, 121, 0), (WALKGRAM, True, 121, 0), (NUMBA, False, 111, 1)],
    ids=["walkgram", "zip", "numba alone runs the old code"],
)
def test_an_edit_in_another_file_compiles_anew(header: str, zipped: bool, value: int, hits: int, tmp_path: Path) -> None:
    package = Package(tmp_path, header)
    results: list[SimpleNamespace] = []
    for limit in (10, 10, 20):
        package.edit("limit", limit)
        if zipped:  # at another path each time, as in Spark's applications
            package.path = shutil.make_archive(str(tmp_path / f"{len(results)}" / "walkgram"), "zip", package.root)
        results.append(package.run())
    assert [(result.values, result.hits) for result in results] == [([111], 0), ([111], 1), ([value], hits)]
    assert {result.config for result in results} == {""}


def test_the_digest_covers_names_and_bytes_in_a_folder_and_in_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(root: Any) -> str:
        monkeypatch.setattr("importlib.resources.files", lambda name: root.joinpath(*name.split(".")))
        return jit.source_digest.__wrapped__()

    package = Package(tmp_path)
    first = digest(package.root)
    assert digest(zipfile.Path(shutil.make_archive(str(tmp_path / "one"), "zip", package.root))) == first
    kernels = package.root / "walkgram/kernels"
    (kernels / ".#limits.py").symlink_to("nowhere")  # the lock of an editor
    assert digest(package.root) == first
    (kernels / "walks/total.py").rename(kernels / "graph/total.py")
    moved = digest(package.root)
    package.edit("offset", 200)
    assert len({first, moved, digest(package.root)}) == 3


def test_processes_that_start_together_share_a_cache(tmp_path: Path) -> None:
    package = Package(tmp_path)
    processes = [package.start(argument) for argument in ("1", "1.5", "1")]
    assert [finish(process).values for process in processes] == [[111], [111.5], [111]]
    after = package.run("1", "1.5")
    # The index of one process may have replaced that of another.
    assert (after.values, after.hits >= 1) == ([111, 111.5], True)


@pytest.mark.parametrize(("index", "loaded"), [(IndexDataCacheFile, "code of one"), (jit.KernelIndex, "code of two")])
def test_two_signatures_saved_at_the_same_time_do_not_share_a_file(index: Any, loaded: str, tmp_path: Path) -> None:
    """numba gives both the number 1: the data of the slower process overwrite those of the faster one."""
    slow, fast = (index(str(tmp_path), "kernel", "stamp") for _ in range(2))
    save_data = slow._save_data

    def save_late(name: str, data: Any) -> None:
        (tmp_path / "kernel.nbi").unlink()  # the fast process read the index before the slow one wrote it
        fast.save("two", "code of two")
        save_data(name, data)

    slow._save_data = save_late
    slow.save("one", "code of one")
    assert index(str(tmp_path), "kernel", "stamp").load("two") == loaded


def test_a_new_directory_removes_unused_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, days in {OLD: 15, YOUNG: 13, f"walkgram-{OLD}": 15, "foreign": 15}.items():
        set_age(tmp_path / name, days)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: (tmp_path / "none").stat())  # raises OSError
    jit.open_directory(tmp_path / ("c" * 16))
    monkeypatch.undo()
    set_age(tmp_path / ("c" * 16), 15)
    jit.open_directory(tmp_path / ("c" * 16))
    assert (tmp_path / OLD).exists()
    jit.open_directory(tmp_path / ("d" * 16))
    assert {entry.name[:10] for entry in tmp_path.iterdir()} == {YOUNG[:10], "walkgram-a", "foreign", "c" * 10, "d" * 10}


def test_bases_that_cannot_be_written_fall_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("WALKGRAM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private = tmp_path / f"walkgram-{os.getuid()}"
    assert jit.cache_directory.__wrapped__() == private / "kernels" / jit.source_digest()[:16]
    private.chmod(0o777)  # another user could put code there
    assert jit.cache_directory.__wrapped__() is None


def test_each_variable_goes_before_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {
        "HOME": ".cache/walkgram/kernels/x",
        "XDG_CACHE_HOME": "walkgram/kernels/x",
        "WALKGRAM_CACHE": "kernels/x",
        "NUMBA_CACHE_DIR": "walkgram-x",
    }
    for name in folders:
        monkeypatch.setenv(name, "")
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(tmp_path / name))
        monkeypatch.setattr(numba.config, "CACHE_DIR", os.environ["NUMBA_CACHE_DIR"])
        assert next(jit.candidate_directories("x")) == tmp_path / name / folder


def test_other_locators_compile_anew(compiled: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator", raising=False)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "numba"))
    for digest, hits in (("one", 0), ("one", 1), ("two", 0), ("two", 1)):
        monkeypatch.setattr(jit, "source_digest", lambda digest=digest: digest)
        assert call(compiled()) == (2, hits)


def test_a_cache_that_fails_does_not_stop_a_kernel(compiled: Callable[[], Any], tmp_path: Path) -> None:
    assert call(compiled()) == (2, 0)
    next((tmp_path / "cache").rglob("*.nbi")).write_bytes(b"")
    assert [call(compiled()), call(compiled())] == [(2, 0), (2, 1)]
    for file in (tmp_path / "cache").rglob("*.nbc"):
        file.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="kernel cache"):
        assert call(compiled()) == (2, 0)
    assert call(compiled()) == (2, 1)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").touch()
    with pytest.warns(RuntimeWarning, match="kernel cache"):
        assert call(compiled()) == (2, 0)


def test_without_a_directory_or_without_compilation(compiled: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "cache_directory", lambda: None)
    assert compiled().stats.cache_path is None
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert compiled() is kernel


def test_what_cannot_be_cached_safely_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"kernel is not in walkgram\.kernels"):
        jit.njit(kernel)
    space: dict[str, Any] = {"__name__": "walkgram.kernels.some"}
    exec("def generated(x): return x", space)
    with pytest.raises(ValueError, match="generated has no source file"):
        jit.njit(nogil=True)(space["generated"])
    monkeypatch.setattr(kernel, "__module__", "walkgram.kernels.some")
    with pytest.raises(TypeError, match="cache"):
        jit.njit(cache=False)(kernel)


def test_no_other_file_compiles_with_numba_directly() -> None:
    compilers = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil"}
    calls = []
    for file in set((LIB / "walkgram").rglob("*.py")) - {LIB / "walkgram/kernels/jit.py"}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in compilers and ast.unparse(node.value) == "numba":
                calls.append(f"{file.relative_to(LIB)}:{node.lineno}")
            elif isinstance(node, ast.ImportFrom) and node.module == "numba":
                calls += [f"{file.relative_to(LIB)}:{node.lineno}" for alias in node.names if alias.name in compilers]
    assert not sorted(calls)
