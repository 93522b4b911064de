"""The arrows of the house, read from the imports: who may use whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIB = ROOT / "lib"

# Package -> what of walkgram it may import (itself always).
ALLOWED = {
    "walkgram.errors": set(),
    "walkgram.tables": set(),
    "walkgram.rng": {"walkgram.kernels"},  # the decorator, kernels/jit.py, alone
    "walkgram.config": {"walkgram.errors"},
    "walkgram.kernels": {"walkgram.rng", "walkgram.errors"},
    "walkgram.stages": {"walkgram.tables", "walkgram.config", "walkgram.kernels", "walkgram.errors"},
    "walkgram.train": {"walkgram.tables", "walkgram.config", "walkgram.kernels", "walkgram.rng", "walkgram.errors"},
    "walkgram.lake": {"walkgram", "walkgram.tables", "walkgram.config", "walkgram.errors"},
    "walkgram.report": {"walkgram.stages", "walkgram.config", "walkgram.errors"},
    "walkgram.runtime": {
        "walkgram.config",
        "walkgram.errors",
        "walkgram.lake",
        "walkgram.report",
        "walkgram.tables",
        "walkgram.train",
    },
}


def modules() -> dict[str, Path]:
    """Module name -> file, of the whole package."""
    found = {}
    for file in sorted((LIB / "walkgram").rglob("*.py")):
        parts = file.relative_to(LIB).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, `from x import y` as x.y where y is a module, else x."""
    known = modules()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def package(module: str) -> str:
    """walkgram.kernels.graph.csr -> walkgram.kernels."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", [m for m in modules() if m != "walkgram"])
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    used = {package(i) for i in imports(modules()[module]) if i.split(".")[0] == "walkgram"}
    assert used - {package(module)} <= ALLOWED[package(module)], module


@pytest.mark.parametrize(
    "module", [m for m in modules() if package(m) in ("walkgram.kernels", "walkgram.rng", "walkgram.train")]
)
def test_kernels_and_trainer_never_import_spark(module: str) -> None:
    assert not [i for i in imports(modules()[module]) if i.split(".")[0] in ("pyspark", "graphframes")]


@pytest.mark.parametrize("module", [m for m in modules() if package(m) == "walkgram.kernels"])
def test_kernels_touch_no_files_and_log_nothing(module: str) -> None:
    if module == "walkgram.kernels.jit":
        return  # it keeps numba's cache
    outside = {"os", "pathlib", "io", "logging", "shutil", "tempfile", "pyarrow", "requests", "tqdm"}
    assert not [i for i in imports(modules()[module]) if i.split(".")[0] in outside]


def test_the_trainers_job_loads_no_spark() -> None:
    import os
    import subprocess
    import sys

    code = "import sys, train; sys.exit(any(m.split('.')[0] == 'pyspark' for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "jobs")}, check=False)
    assert done.returncode == 0


def test_nothing_imports_jobs_but_the_pipeline_and_the_lines_beside_it_only_the_pipeline() -> None:
    names = {file.stem for file in (ROOT / "jobs").glob("*.py")}
    may = {"pipeline": names, "embed_graph": {"pipeline"}, "update": {"pipeline"}}
    for file in [*modules().values(), *(ROOT / "jobs").glob("*.py")]:
        allowed = may.get(file.stem, set()) if file.parent.name == "jobs" else set()
        assert (names - allowed).isdisjoint(i.split(".")[0] for i in imports(file)), file


@pytest.mark.parametrize("file", sorted((ROOT / "jobs").glob("*.py")), ids=lambda f: f.name)
def test_a_job_is_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 60


@pytest.mark.parametrize(
    "file", sorted([*LIB.rglob("*.py"), *(ROOT / "jobs").glob("*.py"), *(ROOT / "tests").rglob("*.py")]), ids=lambda f: f.name
)
def test_files_and_functions_keep_their_length(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 250
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 62, f"{file.name}: {node.name}"
