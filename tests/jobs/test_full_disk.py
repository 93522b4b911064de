"""A full disk: one line with the path, the bytes staged and free; former tables complete; with room the rerun finishes."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.lakes import key_options
from support.spark_submit import environment
from support.table_digests import read_digests

pytestmark = pytest.mark.slow
Job = Callable[..., int]
KEYS = (
    "sample.users=60", "sample.items=40", "sample.ratings=900", "sample.groups=4", "edges.min_weight=0.5", "train.dim=8",
    "train.epochs=1", "walks.num_walks=3", "walks.num_shards=3",
)  # fmt: skip
LINE = ("interactions", "baskets", "edges", "graph", "walks")


def arguments(lake: Path, *keys: str) -> list[str]:
    return key_options(lake, *KEYS, *keys)


def mount(folder: Path, size: str, *options: str) -> None:
    """Mount a disk of this size in memory."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "3m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("keys", [("walks.engine=replicated",), ("walks.engine=partitioned", "walks.p=0.5")])
def test_a_lake_on_a_full_disk(disk: Path, job: Job, capsys: Any, keys: tuple[str, ...]) -> None:
    lake = disk / "lake"
    for name in LINE:
        assert job(name, *arguments(lake)) == 0
    before = read_digests(lake)
    capsys.readouterr()
    large = arguments(lake, "walks.num_walks=4000", "walks.walk_length=40", *keys)
    assert job("walks", *large) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    found = re.search(r"no space left on the disk: this run has staged ([\d,]+) bytes; ([\d,]+) bytes are free at", line)
    assert found, line
    assert str(disk) in line
    assert int(found[2].replace(",", "")) < 3 << 20
    assert not re.search(r"Error|Exception|java|Traceback", line)
    assert read_digests(lake) == before
    mount(disk, "300m", "remount")
    assert job("walks", *large) == 0
    assert pq.read_table(lake / "walks").num_rows > 4000
    assert not [file for file in (lake / "_staging").rglob("*") if file.is_file()]


def test_sparks_local_folder_on_a_full_disk(disk: Path, tmp_path: Path) -> None:
    """The interactions are shuffled, and the shuffle does not fit."""
    source = tmp_path / "ratings.csv"
    rows = (f"{user},{(user * 7 + k * 13) % 50000},{k % 5 + 1}.0,{user + k}\n" for user in range(20_000) for k in range(20))
    source.write_text("user_id,item_id,rating,timestamp\n" + "".join(rows))
    command = ["interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"input.path={source}"]
    done = subprocess.run(
        [sys.executable, "-m", "walkgram", *command], text=True, capture_output=True, check=False, timeout=300,
        env=environment(SPARK_LOCAL_DIRS=str(disk), SPARK_LOCAL_IP="127.0.0.1", SPARK_DRIVER_MEMORY="1g"),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr[-2000:]
    (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
    assert "no space left on the disk" in line
    assert f"bytes are free at {disk}" in line
    assert not (tmp_path / "lake" / "interactions").exists()
    assert os.environ.get("SPARK_LOCAL_DIRS") != str(disk)
