"""The code identity of a small synthetic package, and of walkgram itself."""

import sys
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from walkgram.runtime.code_identity import digest_code, list_reachable

FILES = {
    "walks/__init__.py": '"""Export lazily."""\n__version__ = "1.0"\ndef load():\n    from walks import api\n    return api\n',
    "walks/api.py": "from walks import report\n",
    "walks/report.py": "TITLE = 'walks'\n",
    "walks/job.py": (
        '"""Run the job."""\nfrom walks import __version__\nfrom walks.stages import graph\n\n\n'
        'def run():\n    """Return the number of steps."""\n    return graph.walk(2)  # two steps\n'
    ),
    "walks/stages/__init__.py": "",
    "walks/stages/graph.py": "from walks.kernels.alias import draw\n\n\ndef walk(n):\n    return [draw(i) for i in range(n)]\n",
    "walks/kernels/__init__.py": "",
    "walks/kernels/alias.py": "BIAS = 1\n\n\ndef draw(i):\n    return i + BIAS\n",
    "walks/kernels/unused.py": "LIMIT = 1\n",
}
CODE = "from walks.stages import graph\nimport sys\n"

Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Write FILES with some of them replaced (`{path: source}`) to a new folder, and return it."""
    numbers = count()

    def write(replaced: dict[str, str] | None = None) -> str:
        folder = tmp_path / str(next(numbers))
        for name, source in {**FILES, **(replaced or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(source)
        return str(folder)

    return write


def reach(folder: str, module: str = "walks.job") -> set[str]:
    return set(list_reachable(module, folder))


def test_the_closure_is_the_imports_and_their_parents(package: Package) -> None:
    expected = ["walks", "walks.job", "walks.kernels", "walks.kernels.alias", "walks.stages", "walks.stages.graph"]
    assert list(list_reachable("walks.job", package())) == expected
    assert not [name for name in sys.modules if name.partition(".")[0] == "walks"]


@pytest.mark.parametrize(
    "source",
    [
        "# a comment\n" + FILES["walks/job.py"],
        FILES["walks/job.py"].replace('"""Run the job."""\n', ""),
        FILES["walks/job.py"].replace("Return the number of steps.", "Count the steps.\n\n    In two lines.\n    "),
        FILES["walks/job.py"].replace("\n\n\n", "\n\n\n\n\n"),
        FILES["walks/job.py"].replace("graph.walk(2)", "graph.walk(\n        (2),\n    )"),
    ],
    ids=["comment", "no docstring", "docstring", "blank lines", "formatting"],
)
def test_the_digest_ignores(source: str, package: Package) -> None:
    assert source != FILES["walks/job.py"]
    assert digest_code("walks.job", package({"walks/job.py": source})) == digest_code("walks.job", package())


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("walks/kernels/alias.py", "BIAS = 1", "BIAS = 2"),
        ("walks/kernels/alias.py", "i + BIAS", "i - BIAS"),
        ("walks/stages/graph.py", "def walk(n)", "def walk(n=None)"),
        ("walks/__init__.py", "1.0", "1.1"),
        ("walks/job.py", "from walks.stages import graph", "from walks.stages import graph\nfrom walks.kernels import unused"),
    ],
)
def test_the_digest_depends_on_reachable_code(name: str, old: str, new: str, package: Package) -> None:
    changed = {name: FILES[name].replace(old, new)}
    assert digest_code("walks.job", package(changed)) != digest_code("walks.job", package())


def test_the_digest_depends_on_the_name_of_a_module(package: Package) -> None:
    folder = package({"walks/copy.py": FILES["walks/job.py"]})
    assert digest_code("walks.copy", folder) != digest_code("walks.job", folder)


@pytest.mark.parametrize("name", ["walks/report.py", "walks/api.py", "walks/kernels/unused.py"])
def test_the_digest_ignores_a_module_that_is_not_reachable(name: str, package: Package) -> None:
    assert digest_code("walks.job", package({name: "SIZE = 9\n"})) == digest_code("walks.job", package())


@pytest.mark.parametrize(
    "statement",
    [
        "import walks.kernels.unused",
        "import walks.kernels.unused as u",
        "from walks.kernels import unused",
        "from walks.kernels.unused import LIMIT",
        "from .kernels.unused import LIMIT",
        "def f():\n    from walks.kernels.unused import LIMIT\n    return LIMIT",
        "try:\n    from walks.kernels import unused\nexcept ImportError:\n    unused = None",
        "import importlib\nm = importlib.import_module('walks.kernels.unused')",
        "from importlib import import_module\nm = import_module(name='walks.kernels.unused')",
        "if not TYPE_CHECKING:\n    import walks.kernels.unused",
        "if TYPE_CHECKING:\n    x = 1\nelse:\n    import walks.kernels.unused",
    ],
)
def test_an_import_counts_wherever_it_runs(statement: str, package: Package) -> None:
    assert "walks.kernels.unused" in reach(package({"walks/job.py": f"{CODE}{statement}\n"}))


@pytest.mark.parametrize("condition", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_an_import_for_type_checkers_does_not_count(condition: str, package: Package) -> None:
    with_types = package({"walks/job.py": f"{CODE}if {condition}:\n    from walks.kernels import unused\n"})
    without = package({"walks/job.py": CODE})
    assert digest_code("walks.job", with_types) == digest_code("walks.job", without)
    assert "walks.kernels.unused" not in reach(with_types)


def test_an_import_of_another_package_does_not_count(package: Package) -> None:
    source = "import numpy\nimport walksandmore.parts\nfrom absent import job\nm = __import__('absent.job')\n"
    assert reach(package({"walks/job.py": source})) == {"walks", "walks.job"}


def test_cyclic_imports_end_and_their_order_does_not_count(package: Package) -> None:
    cycle = {"walks/kernels/alias.py": "import walks.stages.graph\nimport walks.job\n"}
    folder = package(cycle)
    assert reach(folder) == reach(folder, "walks.kernels.alias") == reach(package())
    assert digest_code("walks.job", folder) == digest_code("walks.kernels.alias", folder)


def test_a_zip_archive_gives_the_digest_of_the_folder(package: Package, tmp_path: Path) -> None:
    archive = tmp_path / "walks.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for name, source in sorted(FILES.items(), reverse=True):
            out.writestr(name, source)
    assert list_reachable("walks.job", str(archive)) == list_reachable("walks.job", package())
    assert digest_code("walks.job", str(archive)) == digest_code("walks.job", package())


def test_the_package_may_lie_on_the_import_path(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package()
    monkeypatch.syspath_prepend(folder)
    assert digest_code("walks.job") == digest_code("walks.job", folder)
    assert "walks" not in sys.modules


@pytest.mark.parametrize("statement", ["import walks.kernels.absent", "from walks.kernels.absent import draw"])
def test_a_missing_module_is_an_error_that_names_the_importer(statement: str, package: Package) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"walks\.kernels\.absent: no such module, but walks\.job imports it"):
        digest_code("walks.job", package({"walks/job.py": statement}))


@pytest.mark.parametrize("module", ["walks.absent", "walks.job.absent", "absent.job"])
def test_a_missing_start_is_an_error(module: str, package: Package) -> None:
    with pytest.raises(ModuleNotFoundError, match="no such module: check its name"):
        digest_code(module, package())


def test_a_folder_without_init_is_not_a_module(package: Package) -> None:
    files = {"walks/kernels/data/notes.txt": "", "walks/job.py": "from walks.kernels import data\n"}
    assert "walks.kernels.data" not in reach(package(files))


def test_a_name_exported_by_the_top_level_package_is_an_error(package: Package) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"walks\.Pipeline: .* import a name from the module that defines it"):
        digest_code("walks.job", package({"walks/job.py": "from walks import Pipeline\n"}))


def test_import_module_of_a_relative_name_is_an_error(package: Package) -> None:
    source = "from importlib import import_module\nm = import_module('.alias', 'walks.kernels')\n"
    with pytest.raises(ValueError, match="give the module's full name"):
        digest_code("walks.job", package({"walks/job.py": source}))


def test_a_module_without_source_is_an_error(package: Package) -> None:
    import py_compile

    folder = Path(package())
    source = folder / "walks/kernels/alias.py"
    py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")))
    source.unlink()
    with pytest.raises(ImportError, match=r"walks\.kernels\.alias: its source is not installed"):
        digest_code("walks.job", str(folder))


def test_a_stage_of_walkgram_reaches_its_kernels_and_not_the_report() -> None:
    reached = list_reachable("walkgram.stages.pairs.counting")
    assert {"walkgram", "walkgram.stages", "walkgram.kernels"} <= set(reached)
    assert any(name.startswith("walkgram.kernels.") for name in reached)
    assert not [name for name in reached if name.startswith(("walkgram.report", "walkgram.train", "walkgram.lake"))]
    assert len(digest_code("walkgram.stages.pairs.counting")) == 64
