"""The documentation: links resolve, commands can be run, examples run, and generated pages are up to date."""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from support.pages import find_anchors, find_blocks, list_commands, list_links, read_pages
from walkgram import tables
from walkgram.config import markdown
from walkgram.config.load import load_config
from walkgram.runtime import cli, launch, pipeline

ROOT = Path(__file__).parent.parent
LIB = ROOT / "lib" / "walkgram"
PAGES = read_pages(ROOT)
EXAMPLES = {"conf/mine.toml"}  # files of the reader that pages name
# First words of a command -> why no test of this file runs it, even in a cheap form.
NOT_RUN = {
    "export": "sets variables of a shell",
    "torchrun": "needs four machines; tests/jobs/test_train_processes.py runs torchrun on this one",
    ".venv/bin/pre-commit install": "writes a hook into the user's repository",
}
# spark-submit: its own options need a cluster (tests/jobs/test_submit.py runs one); the job and its arguments are checked.
COMMANDS = ("make", "walkgram", "spark-submit", "python", *NOT_RUN)


LINKS, ALL_COMMANDS = list(list_links(PAGES)), list(list_commands(PAGES, COMMANDS))


@pytest.fixture(scope="module")
def example(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run the Python lines of README.md on a small DataFrame; return their folder and the names that they define."""
    folder = tmp_path_factory.mktemp("readme")
    rows = [(f"c{c}", f"B00{'XYZUVW'[(c + k) % 6]}") for c in range(30) for k in range(1 + c % 3)]
    names: dict[str, Any] = {"spark": spark, "ratings": spark.createDataFrame(rows, "customer string, sku string")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in find_blocks(PAGES["README.md"], "python"):
            exec(compile(block, "README.md", "exec"), names)
    return folder, names


@pytest.fixture
def working_folder(example: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with the configurations, README.md's mine.toml, and the example's lake as /data/lake."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "mine.toml").write_text(find_blocks(PAGES["README.md"], "toml")[0])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lake").symlink_to(example[0] / "lake")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lists_are_not_empty() -> None:
    assert {"README.md", "jobs/README.md", "conf/README.md", "lib/walkgram/README.md", "CHANGELOG.md"} <= set(PAGES)
    assert len(LINKS) > 30
    assert len(ALL_COMMANDS) > 20


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_a_link_resolves(page: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    name = str(file.resolve().relative_to(ROOT.resolve()))
    assert file.exists(), f"{page}: {target}"
    assert not anchor or anchor in find_anchors(PAGES[name]), f"{page}: {target}"


def test_code_spans_name_files_that_exist() -> None:
    """Paths with a folder and a suffix; relative to the repository, to the package or to the page. NAME is a placeholder."""
    num_paths = 0
    for page, text in PAGES.items():
        for path in re.findall(r"`([\w./]+/[\w.]+\.(?:py|toml|conf|md|ipynb|txt))[`:]", text):
            if page == "CHANGELOG.md" or "NAME" in path or path.startswith("out/") or path in EXAMPLES:
                continue
            num_paths += 1
            candidates = [base / path for base in (ROOT, LIB, ROOT / "lib", (ROOT / page).parent)]
            assert any(p.exists() for p in candidates), f"{page}: {path}"
    assert num_paths > 20


def test_the_python_lines_of_the_landing_page(example: tuple[Path, dict[str, Any]]) -> None:
    line = example[1]["line"]
    assert line.table("embeddings").count() == 6
    assert len(line.table("embeddings").first()["vector"]) == 64
    assert len(line.most_similar("B00X", k=5)) == 5


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if find_blocks(text, "toml")])
def test_a_configuration_in_a_page_is_valid(page: str) -> None:
    for block in find_blocks(PAGES[page], "toml"):
        load_config(None, base=tomllib.loads(block))


@pytest.mark.parametrize(("page", "command"), ALL_COMMANDS)
def test_a_command_can_be_run(
    page: str,
    command: str,
    working_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In a cheap form: make prints what it would do; walkgram and the jobs parse all arguments, and only run what is quick."""
    if any(command.startswith(f"{known} ") or command == known for known in NOT_RUN):
        return
    monkeypatch.setattr(pipeline, "run_pipeline", lambda *_, **__: [])
    monkeypatch.setattr(pipeline, "summarize", lambda *_: [])
    monkeypatch.setattr(cli, "run_job", lambda *_: None)
    monkeypatch.setattr(launch, "run_in_group", lambda body, _: body())
    words = [word.replace("/data/", f"{working_folder}/data/") for word in shlex.split(command)]
    scripts = [k for k, word in enumerate(words) if word.endswith(".py")]
    for word in words:
        assert not word.startswith("conf/") or Path(word).exists(), word
    if words[0] == "make":
        run_quietly(["make", "--dry-run", *words[1:]])
    elif words[0] == "walkgram":
        check_status(command, words[1:])
        expected = {"show": "embeddings", "keys": "walks.num_walks", "--help": "commands:"}
        assert expected.get(words[1], "") in capsys.readouterr().out
    elif words[0] in ("spark-submit", "python") and scripts:
        script = ROOT / words[scripts[0]]
        if script.parent.name == "jobs":
            name = re.findall(r'cli\.main\(\["(\w+)"', script.read_text())
            check_status(command, [*name, *words[scripts[0] + 1 :]])
        else:
            compile(script.read_text(), str(script), "exec")
    else:
        pytest.fail(f"{page}: {command}: run it here in a cheap form, or say in NOT_RUN why not")


def check_status(command: str, arguments: list[str]) -> None:
    """Assert that a command of walkgram ends with status 0; `--help` leaves by SystemExit."""
    try:
        status = cli.main(arguments)
    except SystemExit as exit_call:
        status = int(exit_call.code or 0)
    assert status == 0, command


def run_quietly(words: list[str]) -> str:
    """Return what a command prints, run in the repository; assert that it ends well."""
    result = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_target_of_make_that_a_page_names_is_in_its_help() -> None:
    listed = set(re.findall(r"^([a-z-]+)\s", run_quietly(["make", "help"]), re.MULTILINE))
    named = {
        (page, word)
        for page, text in PAGES.items()
        for code in [*re.findall(r"`([^`\n]+)`", text), *(command for p, command in ALL_COMMANDS if p == page)]
        for word in re.findall(r"\bmake ((?!PYTHON)[a-z][a-z-]*)", code)
    }
    assert len({word for _, word in named}) > 8
    assert not {(page, word) for page, word in named if word not in listed}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_names_no_place_of_one_machine_and_no_registry(page: str) -> None:
    text = PAGES[page]
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users|mnt)/\S*", text)
    assert not re.findall(
        r"(?i)\b(?:pypi|pythonhosted|maven|sonatype|anaconda|npmjs|jfrog|artifactory|nexus|ghcr|docker)\.\w+", text
    )
    assert not re.findall(r"(?i)(?:extra-)?index-url|https?://[^\s/)]*:\d+", text)


def test_the_reference_of_keys_is_the_generated_one() -> None:
    assert PAGES["conf/README.md"] == markdown.render_reference(), "run `make keys`"


def test_every_table_stands_in_the_architecture_with_columns_key_and_jobs() -> None:
    section = PAGES["lib/walkgram/README.md"].partition("\n## Tables\n")[2].partition("\n## ")[0]
    rows = {row[0]: row for line in section.splitlines() if (row := [cell.strip() for cell in line.strip("| ").split("|")])}
    assert set(rows) - {"", "table", "---"} >= set(tables.TABLES)
    for name, table in tables.TABLES.items():
        cells = [cell.strip() for cell in re.findall(rf"^\| {name} \|(.*)\|(.*)\|(.*)\|$", section, re.MULTILINE)[0]]
        assert re.findall(r"`(\w+)`", cells[0]) == [column.name for column in table.columns], name
        assert cells[1] == ", ".join(table.key), name
        assert cells[2] == ", ".join(table.made_by), name


def test_the_notebook_is_named_and_every_page_is_linked() -> None:
    linked = {str(((ROOT / page).parent / target.partition("#")[0]).resolve().relative_to(ROOT)) for page, target in LINKS}
    assert set(PAGES) - {"README.md"} <= linked
    assert json.loads((ROOT / "tests" / "quickstart.ipynb").read_text())["cells"]
