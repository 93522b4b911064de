"""Messages that tell the user to run a job name it by its name and its command, not by a file of the repository."""

import ast
import re
from pathlib import Path

import pytest

from walkgram.errors import name_jobs
from walkgram.jobs.registry import JOBS
from walkgram.runtime import cli

LIB = Path(__file__).parent.parent / "lib" / "walkgram"
NAMES_THE_FILE = {"runtime/launch.py": "torchrun starts jobs/train.py"}  # torchrun is given a file


def test_a_job_is_named_with_its_command() -> None:
    assert name_jobs("walks") == "the job walks (walkgram walks)"
    assert name_jobs("baskets", "pairs") == "the jobs baskets and pairs (walkgram baskets, walkgram pairs)"


@pytest.mark.parametrize("job", JOBS)
def test_the_command_of_every_job_exists(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = re.search(r"\((?:walkgram) (\w+)\)", name_jobs(job))
    assert command is not None
    with pytest.raises(SystemExit) as exit_status:
        cli.main([command[1], "--help"])
    assert exit_status.value.code == 0
    assert f"walkgram {job}" in capsys.readouterr().out


def list_messages(file: Path) -> list[str]:
    """Return the string constants of a file, the parts of f-strings too, without its docstrings."""
    tree = ast.parse(file.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and node.body
                  and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings]  # fmt: skip


def test_no_message_names_a_file_of_jobs() -> None:
    found = []
    for file in sorted(LIB.rglob("*.py")):
        name = file.relative_to(LIB).as_posix()
        texts = [text for text in list_messages(file) if re.search(r"\bjobs/(\w+\.py|$)", text)]
        found += [(name, text) for text in texts if NAMES_THE_FILE.get(name, "\0") not in text]
    assert found == []
