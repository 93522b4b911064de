"""Every job killed while it works and at the steps of its commit: readers see one run's tables, and the rerun makes them equal.

WALKGRAM_KILLS is the number of kills over all jobs (default 40; 200 for a night).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.lakes import key_options
from support.spark_submit import environment
from support.table_digests import read_digests
from walkgram.lake.commit_record import read_lake

pytestmark = pytest.mark.slow
Job = Callable[..., int]
NUM_KILLS = int(os.environ.get("WALKGRAM_KILLS", "40"))
SCRIPT = Path(__file__).parent.parent / "support" / "killed_job.py"
LINE = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export")
KEYS = (
    "sample.users=60", "sample.items=40", "sample.ratings=900", "sample.groups=4", "edges.min_frequency=2",
    "edges.min_weight=0.5", "walks.num_walks=6", "walks.walk_length=8", "walks.num_shards=4", "train.dim=8", "train.epochs=2",
    "train.checkpoint_minutes=0.0001", "neighbours.block_rows=16", "pairs.write_table=true", "pairs.blocks=3", "pairs.tasks=3",
    "interactions.keep_rejected=true",
)  # fmt: skip
# Case -> the job, and the keys that are new to it: its tables are there already, made with other values.
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "interactions": ("interactions", ("interactions.min_rating=2",)),
    "load_edges": ("load_edges", ("input.kind=edges", "input.path={folder}/edges.csv")),
    "baskets": ("baskets", ("pairs.max_items_per_user=9",)),
    "pairs": ("pairs", ("pairs.min_frequency=2",)),
    "edges": ("edges", ("edges.min_weight=0.7",)),
    "graph": ("graph", ("graph.partitions=3",)),
    "walks": ("walks", ("walks.seed=99",)),
    "walks in partitions": ("walks", ("walks.engine=partitioned", "walks.p=0.5")),
    "train": ("train", ("train.seed=99",)),
    "neighbours": ("neighbours", ("neighbours.k=3",)),
    "export": ("export", ("export.plots=false",)),
    "merge": ("merge", ("merge.upserts={folder}/day.parquet",)),
}
MOMENTS = [(case, moment) for case in CASES for moment in ("work", "commit")]


@pytest.fixture(scope="module")
def folder(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with the tables of all jobs, a day to merge, and edges to load."""
    from walkgram.runtime import cli

    place = tmp_path_factory.mktemp("kills")
    for name in LINE:
        assert cli.main([name, *arguments(place / "lake")]) == 0
    rng = np.random.default_rng(4)
    day = pd.DataFrame({"user_id": rng.integers(1, 80, 60), "item_id": rng.integers(1, 45, 60), "rating": 4.5})
    day.assign(timestamp=pd.to_datetime(2_000_000_000, unit="s", utc=True)).to_parquet(place / "day.parquet")
    ends = pd.DataFrame(np.sort(rng.integers(0, 30, (90, 2)), axis=1), columns=["src", "dst"]).drop_duplicates()
    ends[ends["src"] < ends["dst"]].to_csv(place / "edges.csv", index=False)
    return place


def arguments(lake: Path, *keys: str) -> list[str]:
    return key_options(lake, *KEYS, *(key.format(folder=lake.parent) for key in keys))


def run_killed(moment: str, number: int, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a job in a process group of its own, with a Spark of its own."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), moment, str(number), name, *command], text=True, capture_output=True, check=False,
        env=environment(SPARK_DRIVER_MEMORY="1g", SPARK_LOCAL_IP="127.0.0.1"), start_new_session=True, timeout=300,
    )  # fmt: skip


def digest_tables(lake: Path) -> dict[str, str]:
    """Return the digest of every table; of the export also the names of its files, for its pictures have no digest."""
    names = sorted(file.name for file in (lake / "export").glob("*.*"))
    return read_digests(lake) | {"files of export": " ".join(names)}


def list_leftovers(lake: Path) -> list[Path]:
    """Return the files in the lake's own folders, logs excepted."""
    return [file for place in lake.glob("_*") if place.name != "_logs" for file in place.rglob("*") if file.is_file()]


_undisturbed: dict[str, tuple[dict[str, str], int, int]] = {}


def run_undisturbed(folder: Path, case: str) -> tuple[dict[str, str], int, int]:
    """Return the digests of the tables after a run that nothing disturbs, its staged files, and the calls of its commit."""
    if case not in _undisturbed:
        name, keys = CASES[case]
        lake = folder / f"undisturbed {case}"
        shutil.copytree(folder / "lake", lake)
        done = run_killed("commit", 0, name, *arguments(lake, *keys))
        assert done.returncode == 0, done.stderr[-2000:]
        found = re.search(r"staged (\d+), (\d+) in the commit", done.stdout)
        assert found, done.stdout
        digests = digest_tables(lake)
        assert digests != digest_tables(folder / "lake"), "the run changes no table"
        _undisturbed[case] = (digests, int(found[1]), int(found[2]))
        shutil.rmtree(lake)
    return _undisturbed[case]


def choose_numbers(count: int, total: int) -> list[int]:
    """Return `count` of the numbers 1 to `total`, evenly, both ends among them."""
    return sorted({int(number) for number in np.linspace(1, total, count).round()})


@pytest.mark.parametrize("case, moment", MOMENTS, ids=[f"{case}, {moment}" for case, moment in MOMENTS])
def test_a_killed_job_shows_one_runs_tables_and_the_rerun_makes_them_equal(
    folder: Path, job: Job, case: str, moment: str
) -> None:
    name, keys = CASES[case]
    after, staged, calls = run_undisturbed(folder, case)
    before = digest_tables(folder / "lake")
    numbers = choose_numbers(max(1, -(-NUM_KILLS // len(MOMENTS))), max(1, staged // 2) if moment == "work" else calls)
    seen = []
    for number in numbers:
        lake = folder / f"{case} {moment} {number}"
        shutil.copytree(folder / "lake", lake)
        done = run_killed(moment, number, name, *arguments(lake, *keys))
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr[-2000:]
        if moment == "work":
            assert list_leftovers(lake), "killed before it had begun to work"
            assert not list((lake / "_commits").glob("*.json")), "killed after the commit was decided"
        read_lake(str(lake))  # completes the commit where it was decided
        digests = digest_tables(lake)
        assert digests in (before, after), f"{name} killed at {moment} {number}: tables of two runs, or a part of one"
        seen.append(digests == after)
        assert job(name, *arguments(lake, *keys)) == 0
        assert digest_tables(lake) == after
        assert list_leftovers(lake) == []
        shutil.rmtree(lake)
    assert seen == sorted(seen)  # nothing is visible up to the decision, and all from it on
    if moment == "work":
        assert not any(seen)
