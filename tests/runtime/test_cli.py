"""The command: what it prints without a lake, and its exit status."""

import subprocess
import sys
from pathlib import Path

import pytest

import walkgram
from walkgram.jobs.registry import JOBS
from walkgram.runtime import cli


def test_help_lists_every_command_and_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in (*cli.COMMANDS, *JOBS, "merge"):
        assert f"\n  {name} " in text


def test_keys_lists_all_sections_or_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keys"]) == 0
    every = capsys.readouterr().out
    assert cli.main(["keys", "walks"]) == 0
    walks = capsys.readouterr().out
    assert "walks.p  (float; default 1.0)" in walks
    assert walks.strip() in every
    assert "train.dim" in every
    assert "train.dim" not in walks


def test_an_unknown_command_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["wlaks"]) == 2
    assert capsys.readouterr().err == "walkgram: error: wlaks: no such command; walkgram --help lists them\n"


def test_an_empty_lake_shows_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: no table of walkgram there\n"


def test_version_and_module() -> None:
    command = [sys.executable, "-c", "import sys; from walkgram.runtime.cli import main; sys.exit(main(['--version']))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"walkgram {walkgram.__version__}\n"
