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
Done = list[tuple[int, str, str]]  # of each process: status, output, errors


@pytest.fixture(scope="module")
def walked(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with walks over a graph of GROUPS communities: item i belongs to community i % GROUPS."""
    folder = tmp_path_factory.mktemp("processes")
    rng = np.random.default_rng(4)
    pairs = {(int(a), int(b)) for a, b in rng.integers(0, N, (6000, 2)) if a < b and (a % GROUPS == b % GROUPS or not a % 10)}
    edges = [(f"i{a:03}", f"i{b:03}") for a, b in sorted(pairs)]
    return lakes.walked(folder, edges, "walks.num_walks=10", "walks.walk_length=30")


@pytest.fixture
def lake(walked: Path, tmp_path: Path) -> Path:
    """Copy the lake with the walks, so that a test may change it."""
    return Path(shutil.copytree(walked, tmp_path / "lake"))


def start(lake: Path, world: int, *keys: str) -> list[subprocess.Popen[str]]:
    """Start the job's processes with the environment variables that torchrun sets."""
    command = [sys.executable, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS, *keys)]
    return processes.start_command(command, world)


def wait_for(running: list[subprocess.Popen[str]]) -> Done:
    results = []
    for process in running:
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
def alone(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with one process; return the lake."""
    lake = Path(shutil.copytree(walked, tmp_path_factory.mktemp("alone") / "lake"))
    assert lakes.run("train", lake, *KEYS) == 0
    return lake


@pytest.fixture(scope="module")
def together(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with two processes; return the lake."""
    lake = Path(shutil.copytree(walked, tmp_path_factory.mktemp("together") / "lake"))
    done = wait_for(start(lake, 2))
    assert [status for status, *_ in done] == [0, 0], done
    assert "2 processes" in done[0][1]
    assert (done[1][1], done[1][2]) == ("", "")
    return lake


def test_two_processes_reach_what_one_does(alone: Path, together: Path) -> None:
    assert vectors(together).keys() == vectors(alone).keys()
    assert vectors(together) != vectors(alone)
    assert separation(alone) > 0.3
    assert separation(together) > 0.9 * separation(alone)
    one, two = (pq.read_table(lake / "losses").to_pylist()[-1] for lake in (alone, together))
    assert two["validation_loss"] == pytest.approx(one["validation_loss"], rel=0.03)
    ends = [json.loads(line) for line in (together / "_logs" / "train.jsonl").read_text().splitlines()]
    assert ends[-1]["tokens"] == json.loads((alone / "_logs" / "train.jsonl").read_text().splitlines()[-1])["tokens"]
    assert ends[0]["processes"] == 2
    done, total = count_tokens(str(together), 0.0)()
    assert (done, ends[-1]["of"]) == (ends[-1]["tokens"], total)
    assert done == pytest.approx(total, rel=0.05)  # about so many walks are held out
    assert count_tokens(str(together), time.time())() == (0, 0)


@pytest.mark.slow
def test_a_rerun_under_torchrun_is_up_to_date_and_a_forced_one_gives_the_same_vectors(together: Path, tmp_path: Path) -> None:
    lake, before = Path(shutil.copytree(together, tmp_path / "lake")), vectors(together)
    for more in ([], ["--force"]):
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = [*torchrun, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS), *more]
        done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert ("up to date" in done.stdout) == (not more)
    assert vectors(lake) == before


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_signal_to_one_stops_all_and_they_resume_to_the_same_vectors(together: Path, lake: Path, rank: int) -> None:
    running = start(lake, 2, "train.checkpoint_minutes=0.0001")
    until = time.monotonic() + 120
    while not (lake / "_checkpoints" / "train.pt").exists():
        assert time.monotonic() < until
        assert [process.poll() for process in running] == [None, None]
        time.sleep(0.01)
    running[rank].send_signal(signal.SIGTERM)
    done = wait_for(running)
    assert [status for status, *_ in done] == [143, 143], done
    by = "SIGTERM" if rank == 0 else "a signal to another process"
    assert f"stopped by {by} in epoch" in done[0][2].splitlines()[-1]
    assert done[1][2] == ""
    assert not (lake / "embeddings").exists()
    done = wait_for(start(lake, 2))
    assert [status for status, *_ in done] == [0, 0], done
    assert "resuming from" in done[0][2]
    assert vectors(lake) == vectors(together)


def test_a_shard_that_cannot_be_read_ends_all_and_is_named(lake: Path) -> None:
    place = sorted((lake / "walks").glob("*.parquet"))[1]
    place.write_bytes(place.read_bytes()[:-200])
    done = wait_for(start(lake, 2))
    assert [status for status, *_ in done] == [2, 2], done
    assert f"{place}: truncated or damaged" in done[0][2]
    assert not (lake / "embeddings").exists()


def test_an_error_before_training_ends_the_others_quietly(lake: Path) -> None:
    done = wait_for(start(lake, 2, "train.dim=none"))
    assert [status for status, *_ in done] == [2, 0], done
    assert "train.dim" in done[0][2]
    assert (done[1][1], done[1][2]) == ("", "")
    done = wait_for(start(lake, 2, "train.num_processes=3"))
    assert "train.num_processes = 3 is the number that Spark starts, but torchrun has started 2: leave it out" in done[0][2]
    assert [status for status, *_ in done] == [2, 0], done


def test_processes_of_spark_and_of_torchrun_come_to_the_same_vectors(together: Path, lake: Path) -> None:
    assert lakes.run("train", lake, *KEYS, "train.num_processes=2") == 0
    assert vectors(lake) == vectors(together)
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
    place = sorted((lake / "walks").glob("*.parquet"))[1]
    place.write_bytes(place.read_bytes()[:-200])
    assert lakes.run("train", lake, *KEYS, "train.num_processes=2") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("walkgram train: error: ")
    assert f"{place}: truncated or damaged" in last
