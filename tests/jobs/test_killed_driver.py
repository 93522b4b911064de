"""The driver of the line killed inside a stage and between two: the rerun repeats no job that was done; tables are equal."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.lakes import key_options
from support.spark_submit import BIN, ROOT, SMALL, environment
from support.table_digests import read_digests

pytestmark = pytest.mark.slow
Job = Callable[..., int]
KEYS = (*SMALL, "train.dim=8", "train.epochs=1", "pairs.write_table=true", "export.plots=false")
LINE = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export")
CASES = [("before", "graph"), ("inside", "walks")]


@pytest.fixture(scope="module")
def undisturbed(spark: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the line; return the digests of its tables."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("undisturbed") / "lake"
    assert cli.main(["run", *key_options(lake, *KEYS)]) == 0
    return read_digests(lake)


def run_killed(moment: str, name: str, lake: Path) -> subprocess.CompletedProcess[str]:
    """Submit the line in a process group of its own, which is killed at the moment."""
    return subprocess.run(
        [
            str(BIN / "spark-submit"), "--properties-file", str(ROOT / "conf" / "spark" / "local.conf"),
            *("--driver-memory", "1g", str(ROOT / "tests" / "support" / "killed_pipeline.py"), moment, name),
            *key_options(lake, *KEYS),
        ],
        cwd=ROOT, env=environment(), text=True, capture_output=True, check=False, timeout=300, start_new_session=True,
    )  # fmt: skip


def list_staged(lake: Path) -> list[Path]:
    return [file for file in lake.glob("_staging/**/*") if file.is_file()]


@pytest.mark.parametrize("moment, name", CASES, ids=[f"{moment} {name}" for moment, name in CASES])
def test_a_line_whose_driver_is_killed_goes_on(
    undisturbed: dict[str, str], job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], moment: str, name: str
) -> None:
    lake, done = tmp_path / "lake", LINE[: LINE.index(name)]
    killed = run_killed(moment, name, lake)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr[-2000:]
    assert bool(list_staged(lake)) == (moment == "inside")
    before = read_digests(lake)
    assert before, "killed before any job was done"
    assert before == {table: undisturbed[table] for table in before}
    times = {table: (lake / table / "_manifest.json").stat().st_mtime_ns for table in before}
    capsys.readouterr()
    assert job("run", *key_options(lake, *KEYS)) == 0
    shown = capsys.readouterr().out
    assert shown.count("up to date") == len(done)
    assert all(f"{each}: up to date" in shown for each in done)
    assert read_digests(lake) == undisturbed
    assert {table: (lake / table / "_manifest.json").stat().st_mtime_ns for table in before} == times
    assert list_staged(lake) == []
