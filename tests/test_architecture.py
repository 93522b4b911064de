"""The arrows of the house, read from the imports (who may use whom), and what can be asserted of the language."""

import ast
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIB = ROOT / "lib"

BELOW = {"walkgram.tables", "walkgram.config", "walkgram.errors", "walkgram.redaction"}
# Package -> what of walkgram it may import (itself always). Top down: api, runtime, jobs, then stages, train, lake, report.
ALLOWED = {
    "walkgram.__main__": {"walkgram.runtime"},
    "walkgram.api": {"walkgram.runtime", "walkgram.jobs", "walkgram.lake", *BELOW},
    "walkgram.runtime": {"walkgram", "walkgram.jobs", "walkgram.lake", "walkgram.report", "walkgram.train", *BELOW},
    "walkgram.jobs": {
        *("walkgram.stages", "walkgram.train", "walkgram.lake", "walkgram.report", "walkgram.kernels", "walkgram.rng"),
        *BELOW,
    },
    "walkgram.report": {"walkgram.stages", *BELOW},
    "walkgram.stages": {"walkgram.kernels", "walkgram.rng", *BELOW},
    "walkgram.train": {"walkgram.kernels", "walkgram.rng", *BELOW},
    "walkgram.lake": {*BELOW},
    "walkgram.kernels": {"walkgram.rng", "walkgram.errors"},
    "walkgram.rng": {"walkgram.kernels"},  # kernels/jit.py and arrays.py, which import nothing of walkgram
    "walkgram.config": {"walkgram.errors", "walkgram.redaction"},
    "walkgram.tables": set(),
    "walkgram.errors": {"walkgram.redaction"},
    "walkgram.redaction": set(),
}


def list_modules() -> dict[str, Path]:
    """Return module name -> file, of the whole package."""
    found = {}
    for file in sorted((LIB / "walkgram").rglob("*.py")):
        parts = file.relative_to(LIB).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = list_modules()


def imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports anywhere, `from x import y` as x.y where y is a module, else x."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def package(module: str) -> str:
    """Return walkgram.kernels of walkgram.kernels.graph.csr."""
    return ".".join(module.split(".")[:2])


def modules_of(*packages: str) -> list[str]:
    """Return the modules of packages, each of which must have one."""
    for name in packages:
        assert any(package(module) == name for module in MODULES), name
    return [module for module in MODULES if package(module) in packages]


def test_every_package_has_its_arrows() -> None:
    assert {package(module) for module in MODULES} - {"walkgram"} <= set(ALLOWED)


@pytest.mark.parametrize("module", [m for m in MODULES if m != "walkgram"])
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    used = {package(i) for i in imports(MODULES[module]) if i.split(".")[0] == "walkgram"}
    assert used - {package(module)} <= ALLOWED[package(module)], module


def test_rng_imports_only_the_decorator_and_the_array_types() -> None:
    used = {"walkgram.kernels.jit", "walkgram.kernels.arrays"}
    assert {i for i in imports(MODULES["walkgram.rng"]) if i.startswith("walkgram")} == used
    assert not [i for module in used for i in imports(MODULES[module]) if i.startswith("walkgram")]


@pytest.mark.parametrize("module", modules_of("walkgram.kernels", "walkgram.rng", "walkgram.train"))
def test_kernels_and_trainer_never_import_spark(module: str) -> None:
    assert not [i for i in imports(MODULES[module]) if i.split(".")[0] in ("pyspark", "graphframes")]


@pytest.mark.parametrize("module", [m for m in modules_of("walkgram.kernels") if m != "walkgram.kernels.jit"])
def test_kernels_touch_no_files_and_log_nothing(module: str) -> None:
    outside = {"os", "pathlib", "io", "logging", "shutil", "tempfile", "pyarrow", "requests", "tqdm"}
    assert not [i for i in imports(MODULES[module]) if i.split(".")[0] in outside]


def test_the_trainers_job_loads_no_spark() -> None:
    code = "import sys, walkgram.jobs.train, walkgram.runtime.cli; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, cwd=LIB, check=False).returncode == 0


def test_nothing_imports_the_files_of_the_top_level_jobs() -> None:
    names = {file.stem for file in (ROOT / "jobs").glob("*.py")}
    assert len(names) > 10
    for file in [*MODULES.values(), *(ROOT / "jobs").glob("*.py")]:
        assert names.isdisjoint(i.split(".")[0] for i in imports(file)), file


@pytest.mark.parametrize("file", sorted((ROOT / "jobs").glob("*.py")), ids=lambda f: f.name)
def test_a_file_of_jobs_is_a_few_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 12


# One name, one meaning: names that several modules export because they mean the same in all of them.
SHARED_NAMES = {
    "find_ids",
    "profile",
    "parse",
    "validate",
    "required_columns",
    "JOB",
    "MODEL",
    "FORMAT",
    "apply_bounded_update",
    "step_batch",
}


def test_a_public_name_is_exported_by_one_module() -> None:
    modules = defaultdict(list)
    for module, file in MODULES.items():
        if module == "walkgram":
            continue
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]:
                for name in ast.literal_eval(node.value):
                    modules[name].append(module)
    assert len(modules) > 100
    assert not {name: found for name, found in modules.items() if len(found) > 1 and name not in SHARED_NAMES}


# Module -> the calls that it alone may make.
COMMAND = {"walkgram.runtime.cli": {"print"}, "walkgram.__main__": {"sys.exit"}}


@pytest.mark.parametrize("module", MODULES)
def test_the_command_alone_prints_and_exits(module: str) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)}
    assert called & {"print", "exit", "sys.exit", "SystemExit"} == COMMAND.get(module, set())


@pytest.mark.parametrize(
    "file", sorted([*LIB.rglob("*.py"), *(ROOT / "jobs").glob("*.py"), *(ROOT / "tests").rglob("*.py")]), ids=lambda f: f.name
)
def test_files_and_functions_keep_their_length(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 250
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 62, f"{file.name}: {node.name}"
