"""The job train by several processes: started as torchrun starts them, by torchrun itself, and by Spark."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support import lakes, processes
from support.lakes import vectors
from walkgram.jobs.train import count_tokens
from walkgram.runtime.launch import RemoteCall

ROOT = Path(__file__).parent.parent.parent
N, GROUPS = 120, 4
KEYS = (
    *("train.dim=16", "train.epochs=3", "train.window=3", "train.skipgram.batch_walks=16", "train.skipgram.learning_rate=0.1"),
    *("train.sync_tokens=30", "train.validation_walks=100"),
)
Results = list[tuple[int, str, str]]  # of each process: status, output, errors


@pytest.fixture(scope="module")
def walks_lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with walks over a graph of GROUPS communities: item i belongs to community i % GROUPS."""
    folder = tmp_path_factory.mktemp("processes")
    rng = np.random.default_rng(4)
    pairs = {(int(a), int(b)) for a, b in rng.integers(0, N, (6000, 2)) if a < b and (a % GROUPS == b % GROUPS or not a % 10)}
    edges = [(f"i{a:03}", f"i{b:03}") for a, b in sorted(pairs)]
    return lakes.write_walks_lake(folder, edges, "walks.num_walks=10", "walks.walk_length=30")


@pytest.fixture
def lake(walks_lake: Path, tmp_path: Path) -> Path:
    """Copy the lake with the walks, so that a test may change it."""
    return Path(shutil.copytree(walks_lake, tmp_path / "lake"))


def start(lake: Path, world: int, *keys: str) -> list[subprocess.Popen[str]]:
    """Start the job's processes with the environment variables that torchrun sets."""
    command = [sys.executable, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS, *keys)]
    return processes.start_command(command, world)


def wait_for(children: list[subprocess.Popen[str]]) -> Results:
    results = []
    for process in children:
        out, error = process.communicate(timeout=120)
        results.append((process.returncode, out, error))
    return results


def separation(lake: Path) -> float:
    """Return the mean cosine within communities minus that between them."""
    by_item = vectors(lake)
    rows = np.array([by_item[item][0] for item in sorted(by_item)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    group = np.array([int(item[1:]) % GROUPS for item in sorted(by_item)])
    same, cosines = group[:, None] == group[None, :], rows @ rows.T
    return float(cosines[same & ~np.eye(len(rows), dtype=bool)].mean() - cosines[~same].mean())


@pytest.fixture(scope="module")
def single_process_lake(walks_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with one process; return the lake."""
    lake = Path(shutil.copytree(walks_lake, tmp_path_factory.mktemp("alone") / "lake"))
    assert lakes.run("train", lake, *KEYS) == 0
    return lake


@pytest.fixture(scope="module")
def two_process_lake(walks_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with two processes; return the lake."""
    lake = Path(shutil.copytree(walks_lake, tmp_path_factory.mktemp("together") / "lake"))
    results = wait_for(start(lake, 2))
    assert [status for status, *_ in results] == [0, 0], results
    assert "2 processes" in results[0][1]
    assert (results[1][1], results[1][2]) == ("", "")
    return lake


def test_two_processes_reach_what_one_does(single_process_lake: Path, two_process_lake: Path) -> None:
    assert vectors(two_process_lake).keys() == vectors(single_process_lake).keys()
    assert vectors(two_process_lake) != vectors(single_process_lake)
    assert separation(single_process_lake) > 0.3
    assert separation(two_process_lake) > 0.9 * separation(single_process_lake)
    one, two = (pq.read_table(lake / "losses").to_pylist()[-1] for lake in (single_process_lake, two_process_lake))
    assert two["validation_loss"] == pytest.approx(one["validation_loss"], rel=0.03)
    ends = [json.loads(line) for line in (two_process_lake / "_logs" / "train.jsonl").read_text().splitlines()]
    assert (
        ends[-1]["tokens"] == json.loads((single_process_lake / "_logs" / "train.jsonl").read_text().splitlines()[-1])["tokens"]
    )
    assert ends[0]["processes"] == 2
    done, total = count_tokens(str(two_process_lake), 0.0)()
    assert (done, ends[-1]["of"]) == (ends[-1]["tokens"], total)
    assert done == pytest.approx(total, rel=0.05)  # about so many walks are held out
    assert count_tokens(str(two_process_lake), time.time())() == (0, 0)


@pytest.mark.slow
def test_a_rerun_under_torchrun_is_up_to_date_and_a_forced_one_gives_the_same_vectors(
    two_process_lake: Path, tmp_path: Path
) -> None:
    lake, before = Path(shutil.copytree(two_process_lake, tmp_path / "lake")), vectors(two_process_lake)
    for more in ([], ["--force"]):
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = [*torchrun, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS), *more]
        result = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False)
        assert result.returncode == 0, result.stderr
        assert ("up to date" in result.stdout) == (not more)
    assert vectors(lake) == before


def start_and_wait_for_checkpoint(lake: Path) -> list[subprocess.Popen[str]]:
    """Start two processes; return them once the first checkpoint is written."""
    children = start(lake, 2, "train.checkpoint_minutes=0.0001")
    deadline = time.monotonic() + 120
    while not (lake / "_checkpoints" / "train.pt").exists():
        assert time.monotonic() < deadline
        assert [process.poll() for process in children] == [None, None]
        time.sleep(0.01)
    return children


def assert_resumes_to(expected: Path, lake: Path) -> None:
    """Assert that nothing is visible, and that a rerun resumes to the vectors of another lake."""
    assert not (lake / "embeddings").exists()
    assert not (lake / "losses").exists()
    results = wait_for(start(lake, 2))
    assert [status for status, *_ in results] == [0, 0], results
    assert "resuming from" in results[0][2]
    assert vectors(lake) == vectors(expected)


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_signal_to_one_stops_all_and_they_resume_to_the_same_vectors(two_process_lake: Path, lake: Path, rank: int) -> None:
    children = start_and_wait_for_checkpoint(lake)
    children[rank].send_signal(signal.SIGTERM)
    results = wait_for(children)
    assert [status for status, *_ in results] == [143, 143], results
    by = "SIGTERM" if rank == 0 else "a signal to another process"
    assert f"stopped by {by} in epoch" in results[0][2].splitlines()[-1]
    assert results[1][2] == ""
    assert_resumes_to(two_process_lake, lake)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_other_with_one_line_and_they_resume(
    two_process_lake: Path, lake: Path, rank: int
) -> None:
    children = start_and_wait_for_checkpoint(lake)
    children[rank].kill()
    results = wait_for(children)
    status, _, error = results[1 - rank]
    assert (results[rank][0], status) == (-signal.SIGKILL, 2), results
    lines = [line for line in error.splitlines() if "error" in line.lower()]
    assert len(lines) == 1, error
    assert f"process {1 - rank} of 2: another process has failed, or did not answer" in lines[0]
    assert lines[0].startswith("walkgram train")  # and not behind the progress bar
    assert error.splitlines()[-1] == lines[0]
    assert "Traceback" not in error
    assert_resumes_to(two_process_lake, lake)


def test_a_shard_that_cannot_be_read_ends_all_and_is_named(lake: Path) -> None:
    path = sorted((lake / "walks").glob("*.parquet"))[1]
    path.write_bytes(path.read_bytes()[:-200])
    lakes.restate_files(lake, "walks")
    results = wait_for(start(lake, 2))
    assert [status for status, *_ in results] == [2, 2], results
    assert f"{path}: truncated or damaged" in results[0][2]
    assert not (lake / "embeddings").exists()


def test_an_error_before_training_ends_the_others_quietly(lake: Path) -> None:
    results = wait_for(start(lake, 2, "train.dim=none"))
    assert [status for status, *_ in results] == [2, 0], results
    assert "train.dim" in results[0][2]
    assert (results[1][1], results[1][2]) == ("", "")
    results = wait_for(start(lake, 2, "train.num_processes=3"))
    assert "train.num_processes = 3 is the number that Spark starts, but torchrun has started 2: leave it out" in results[0][2]
    assert [status for status, *_ in results] == [2, 0], results


def test_processes_of_spark_and_of_torchrun_come_to_the_same_vectors(two_process_lake: Path, lake: Path) -> None:
    assert lakes.run("train", lake, *KEYS, "train.num_processes=2") == 0
    assert vectors(lake) == vectors(two_process_lake)
    assert not (lake / "_checkpoints").exists()


def test_the_import_path_of_a_spark_task_reaches_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    pickled = pickle.dumps(RemoteCall())
    monkeypatch.setattr(sys, "path", ["/somewhere/walkgram.zip", *sys.path])
    pickle.loads(pickled)
    assert os.environ["PYTHONPATH"].startswith("/somewhere/walkgram.zip" + os.pathsep)


@pytest.mark.slow
def test_an_error_in_sparks_processes_is_one_line(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lakes.run("train", lake, *KEYS, "train.num_processes=3") == 2
    assert "train.num_processes = 3 needs as many of Spark's tasks at once, and there are 2" in capsys.readouterr().err
    path = sorted((lake / "walks").glob("*.parquet"))[1]
    path.write_bytes(path.read_bytes()[:-200])
    lakes.restate_files(lake, "walks")
    assert lakes.run("train", lake, *KEYS, "train.num_processes=2") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("walkgram train: error: ")
    assert f"{path}: truncated or damaged" in last
