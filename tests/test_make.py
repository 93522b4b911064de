"""The Makefile with harmful and odd values: the commands get them as they are, and nothing in them is run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUB = """#!{python}
import json, os, sys
if sys.argv[1:2] == ["-c"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
print("ARGV", json.dumps(sys.argv[1:]))
"""
VALUES = [
    "it's",
    "x'; touch P1; echo '",
    'x"; touch P1; echo "',
    "a; touch P1",
    "a b  c",
    "`touch P1`",
    "$(touch P1)",
    "$(shell touch P1)",
    "$(CURDIR) $HOME ${HOME} $$",
    "a\\b",
    "-n",
    "a && touch P1 | touch P2 > P3",
    "a*b?[c]",
    "é",
    "#x",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the Makefile into a folder with a blank and a quote in its name, where each program prints its arguments."""
    folder = tmp_path_factory.mktemp("make") / "a folder's"
    for name in (".venv/bin", ".tools/peers/bin", "bin", "tests/benchmarks"):
        (folder / name).mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "tests/benchmarks/requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
        os.utime(folder / name, (1, 1))
    for name in (".venv/.ready", ".tools/peers/.ready"):
        (folder / name).touch()
    for name in ("spark-submit", "python"):
        (folder / ".venv" / "bin" / name).write_text(STUB.format(python=sys.executable))
    (folder / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    for program in (*folder.glob(".venv/bin/*"), *folder.glob("bin/*")):
        program.chmod(0o755)
    return folder


# Set by the make that runs these tests, or by the user.
OUTER = {
    *("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "JAVA_HOME"),
    *("PYTHON", "CONFIG", "SPARK_CONF", "INPUT", "OUTPUT", "ARGS", "SCALE", "CASES"),
}


def run_make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with the stubs; assert that no file P1, P2, ... appears."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if name not in OUTER}
    done = subprocess.run(
        ["make", "-C", str(folder), *arguments], env={**clean, "PATH": path, **environment},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert list(folder.rglob("P?")) == []
    return done


def read_argv(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the arguments that the one program printed."""
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ARGV "))
    argv: list[str] = json.loads(line.removeprefix("ARGV "))
    return argv


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("from_environment", [False, True])
def test_a_value_reaches_the_command_as_it_is(folder: Path, value: str, from_environment: bool) -> None:
    values = dict.fromkeys(("INPUT", "OUTPUT", "CONFIG", "SPARK_CONF"), value)
    arguments = [] if from_environment else [f"{name}={text}" for name, text in values.items()]
    argv = read_argv(run_make(folder, "run", *arguments, **(values if from_environment else {})))
    assert argv == [
        "--properties-file", value, "jobs/pipeline.py", "--config", value,
        "--set", f"input.path={value}", "--set", f"lake.path={value}",
    ]  # fmt: skip


def test_without_values_the_defaults_are_given(folder: Path) -> None:
    command = ["--properties-file", "conf/spark/local.conf", "jobs/pipeline.py", "--config", "conf/sample.toml"]
    assert read_argv(run_make(folder, "run")) == command
    assert read_argv(run_make(folder, "run", "INPUT=", "ARGS=")) == command


WORDS = {
    "--set walks.p=0.5 --force": ["--set", "walks.p=0.5", "--force"],
    "--set 'input.path=a b' \"it's\" c\\ d": ["--set", "input.path=a b", "it's", "c d"],
    "x; touch P1": ["x;", "touch", "P1"],
    "`touch P1` $(touch P2) $(shell touch P3) $$HOME ${HOME} > P4": [
        *("`touch", "P1`", "$(touch", "P2)", "$(shell", "touch", "P3)", "$$HOME", "${HOME}", ">", "P4"),
    ],
    "*": ["*"],
    "''": [""],
}


@pytest.mark.parametrize(("text", "words"), WORDS.items(), ids=WORDS)
@pytest.mark.parametrize(
    ("target", "name", "before"),
    [
        ("run", "ARGS", 5),
        ("test", "ARGS", 4),
        ("test-slow", "ARGS", 4),
        ("bench-pairs", "SCALE", 1),
        ("bench-walks", "SCALE", 2),
        ("bench-train", "CASES", 2),
    ],
)
def test_a_list_of_words_is_split_as_a_shell_would_without_one(
    folder: Path, target: str, name: str, before: int, text: str, words: list[str]
) -> None:
    assert read_argv(run_make(folder, target, f"{name}={text}"))[before:] == words


def test_the_scale_stands_before_the_cases(folder: Path) -> None:
    argv = read_argv(run_make(folder, "bench-train", "SCALE=small; touch P1", "CASES=gensim 'g p u'"))
    assert argv == ["bench_train.py", f"{folder}/.tools/peers/bin/python", "small; touch P1", "gensim", "g p u"]


def test_an_open_quotation_mark_is_one_line(folder: Path) -> None:
    done = run_make(folder, "run", "ARGS=--set it's")
    assert done.returncode != 0
    assert "make: ARGS: a quotation mark is not closed: --set it's" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


def test_the_interpreter_may_have_a_blank_in_its_path(folder: Path) -> None:
    python = folder / "bin" / "my python"
    python.write_text(STUB.format(python=sys.executable).replace('["-c"]', '["never"]'))
    python.chmod(0o755)
    (folder / ".tools" / "peers" / ".ready").unlink()
    try:
        done = run_make(folder, ".tools/peers/.ready", f"PYTHON={python}")
    finally:
        (folder / ".tools" / "peers" / ".ready").touch()
    assert 'ARGV ["-m", "venv", ".tools/peers"]' in done.stdout
