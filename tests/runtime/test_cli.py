"""The command: what it prints without a lake, and its exit status."""

import subprocess
import sys
from pathlib import Path

import pytest

import walkgram
from support.keys import list_keys
from walkgram.jobs.registry import JOBS, UPDATE, load_job
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


def test_the_package_runs_as_a_module() -> None:
    for arguments, status, output in ((["--version"], 0, f"walkgram {walkgram.__version__}\n"), (["wlaks"], 2, "")):
        done = subprocess.run([sys.executable, "-m", "walkgram", *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (status, output), done.stderr


@pytest.mark.parametrize("name", [*JOBS, UPDATE, "run"])
def test_help_lists_the_keys_of_the_job(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert exit_info.value.code == 0
    assert "--config FILE" in text
    jobs = [load_job(each) for each in (JOBS if name == "run" else (name,))]
    keys = list_keys({"lake", *(section for each in jobs for section in each.sections)})
    assert len(keys) > 1
    assert [key for key in keys if f"  {key}  (" not in text] == []
