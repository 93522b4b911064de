"""The job train as a process: stopped, killed and resumed; bad shards; a warm start; the log."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import lakes
from support.lakes import vectors
from walkgram.train.models.skipgram import Skipgram
from walkgram.train.state import StepResult

ROOT = Path(__file__).parent.parent.parent
KEYS = ("train.dim=16", "train.epochs=40", "train.window=3", "train.skipgram.batch_walks=16", "train.checkpoint_minutes=0.0001")
N = 60


@pytest.fixture(scope="module")
def walks_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with a graph and its walks."""
    folder = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(4)
    node_pairs = {(i, (i + 1) % N) for i in range(N)} | {(int(a), int(b)) for a, b in rng.integers(0, N, (150, 2)) if a != b}
    edges = [(f"i{a:02}", f"i{b:02}") for a, b in sorted(node_pairs)]
    return lakes.write_walks_lake(folder, edges, "walks.num_walks=20", "walks.walk_length=40")


@pytest.fixture
def lake(walks_lake: Path, tmp_path: Path) -> Path:
    """Copy the lake with the walks, so that a test may change it."""
    return Path(shutil.copytree(walks_lake, tmp_path / "lake"))


def log(lake: Path) -> list[dict[str, Any]]:
    path = lake / "_logs" / "train.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def start(lake: Path, *keys: str) -> subprocess.Popen[str]:
    """Start the job as a process; return it once its first batch is done and a checkpoint exists."""
    command = [sys.executable, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS, *keys)]
    child = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 120
    while not (lake / "_checkpoints" / "train.pt").exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return child


def assert_rerun_resumes(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the job again; equal vectors do not show that it resumes, since training is deterministic."""
    capsys.readouterr()
    assert lakes.run("train", lake, *KEYS) == 0
    assert "train: resuming from " in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_reports_its_progress_and_resumes_to_the_same_vectors(
    walks_lake: Path, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int, status: int
) -> None:
    uninterrupted = Path(shutil.copytree(walks_lake, tmp_path / "uninterrupted"))
    assert lakes.run("train", uninterrupted, *KEYS) == 0
    stopped = start(lake)
    stopped.send_signal(number)
    _, error = stopped.communicate(timeout=60)
    assert stopped.returncode == status
    assert f"stopped by {signal.Signals(number).name} in epoch" in error.splitlines()[-1]
    assert "a rerun resumes from it" in error
    assert log(lake)[-1]["event"] == "stopped"
    assert not (lake / "embeddings").exists()
    assert_rerun_resumes(lake, capsys)
    assert vectors(lake) == vectors(uninterrupted)
    assert not (lake / "_checkpoints").exists()


def test_a_killed_run_resumes_from_its_last_checkpoint(
    walks_lake: Path, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uninterrupted = Path(shutil.copytree(walks_lake, tmp_path / "uninterrupted"))
    assert lakes.run("train", uninterrupted, *KEYS) == 0
    killed = start(lake)
    time.sleep(0.3)
    killed.kill()
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert not (lake / "embeddings").exists()
    assert_rerun_resumes(lake, capsys)
    assert vectors(lake) == vectors(uninterrupted)


def test_the_log_names_the_run_and_counts_tokens(lake: Path) -> None:
    assert lakes.run("train", lake, *KEYS, "train.epochs=2", "train.validation_walks=100") == 0
    lines = log(lake)
    assert [line["event"] for line in lines] == ["start", "epoch", "epoch", "end"]
    assert lines[0]["run"] == lakes.manifest(lake, "embeddings")["id"][:12]
    assert lines[0]["to_first_batch"] > 0
    losses = pq.read_table(lake / "losses").to_pylist()
    assert [row["validation_loss"] for row in losses] == [line["validation_loss"] for line in lines[1:3]]
    num_walks = 20 * N
    assert lines[-1]["tokens"] == pytest.approx(2 * 40 * num_walks * (1 - 100 / num_walks), rel=0.05)


def shards(lake: Path) -> list[Path]:
    return sorted((lake / "walks").glob("*.parquet"))


def test_a_truncated_shard_is_named_and_the_former_embeddings_stay(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lakes.run("train", lake, *KEYS, "train.epochs=1") == 0
    before, path = vectors(lake), shards(lake)[1]
    path.write_bytes(path.read_bytes()[:-200])
    lakes.restate_files(lake, "walks")
    assert lakes.run("train", lake, *KEYS, "train.epochs=2") == 2
    assert f"{path}: truncated or damaged" in capsys.readouterr().err
    assert vectors(lake) == before


@pytest.mark.parametrize("node", [10_000, -1])
def test_a_node_beyond_the_vocabulary_is_one_clear_line(lake: Path, capsys: pytest.CaptureFixture[str], node: int) -> None:
    path = shards(lake)[0]
    table = pq.read_table(path)
    rows = table["walk"].to_pylist()
    rows[5][7] = node
    pq.write_table(table.set_column(1, table.schema.field("walk"), pa.array(rows, table.schema.field("walk").type)), path)
    lakes.restate_files(lake, "walks")
    assert lakes.run("train", lake, *KEYS) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("walkgram train: error: ")
    assert (
        f"{path.name}: node {node} is not in the table node_visits of these walks: run the job walks (walkgram walks) again"
        in error
    )
    assert not (lake / "embeddings").exists()


def test_an_empty_shard_is_passed_over(lake: Path) -> None:
    path = shards(lake)[2]
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    lakes.restate_files(lake, "walks")
    assert lakes.run("train", lake, *KEYS, "train.epochs=1") == 0
    assert len(vectors(lake)) == N


def test_a_warm_start_from_the_lakes_own_embeddings_needs_less(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lakes.run("train", lake, *KEYS, "train.epochs=10", "train.warm_start=lake") == 0
    assert "60 cold rows" not in capsys.readouterr().out
    assert lakes.run("train", lake, *KEYS, "train.epochs=10", "train.warm_start=lake") == 0
    assert "up to date" in capsys.readouterr().out
    cold = pq.read_table(lake / "losses")["loss"].to_pylist()
    first = vectors(lake)
    table = pq.read_table(lake / "embeddings")
    path = next((lake / "embeddings").glob("*.parquet"))
    pq.write_table(table.slice(1), path)
    lakes.restate_files(lake, "embeddings")
    assert lakes.run("train", lake, *KEYS, "train.epochs=1", "train.seed=8", "train.warm_start=lake") == 0
    assert "59 warm rows, 1 rows from neighbours, 0 cold rows" in capsys.readouterr().out
    assert pq.read_table(lake / "losses")["loss"].to_pylist()[0] < cold[0]
    assert vectors(lake) != first
    assert lakes.run("train", lake, *KEYS, "train.epochs=1", "train.seed=8", "train.warm_start=lake") == 0
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("train.workers=2",), "train.workers = 2 needs train.deterministic = false"),
        (("train.patience=2",), "train.patience needs train.validation_walks"),
        (("train.validation_walks=601",), "train.validation_walks = 601 of 1,200 walks leaves too few to train on: lower it"),
        (("train.dtype=bfloat16",), "train.dtype = bfloat16 needs train.device = cuda"),
        (
            ("train.model=keras_node2vec", "train.device=cuda", "train.deterministic=false"),
            "train.device = cuda is for train.model",
        ),
        (("train.warm_start=/nowhere/embeddings",), "/nowhere/embeddings: no such embeddings table"),
        (("train.model=keras_node2vec", "train.validation_walks=5"), "train.validation_walks is for train.model"),
    ],
)
def test_keys_that_contradict_each_other_are_named(
    lake: Path, capsys: pytest.CaptureFixture[str], keys: tuple[str, ...], message: str
) -> None:
    assert lakes.run("train", lake, *KEYS, *keys) == 2
    assert message in capsys.readouterr().err
    assert not (lake / "embeddings").exists()


def test_several_workers_share_the_tables(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, calls, barrier, threads = Skipgram.step, itertools.count(), threading.Barrier(2), set()

    def record(model: Skipgram, batch: Any, progress: float, next_progress: float) -> StepResult:
        if next(calls) < 2:
            barrier.wait(30)
        threads.add(threading.get_ident())
        return step(model, batch, progress, next_progress)

    monkeypatch.setattr(Skipgram, "step", record)
    keys = (
        *("train.deterministic=false", "train.workers=2", "train.epochs=3", "train.skipgram.output=mean"),
        "train.checkpoint_minutes=1000",  # a save after the first batch waits for it, and it waits for the second one here
    )
    assert lakes.run("train", lake, *KEYS, *keys) == 0
    assert log(lake)[0]["workers"] == 2
    assert len(threads) == 2
    assert all(context is None for _, context in vectors(lake).values())
    losses = pq.read_table(lake / "losses")["loss"].to_pylist()
    assert losses[-1] < losses[0]


def test_the_job_is_importable_without_spark() -> None:
    code = "import sys; sys.path.insert(0, 'jobs'); import train, walkgram.jobs.train; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "keys", [(), ("train.model=keras_node2vec", "train.keras_node2vec.batch_size=64")], ids=["skipgram", "keras_node2vec"]
)
def test_a_training_loads_neither_spark_nor_pandas(lake: Path, keys: tuple[str, ...]) -> None:
    code = (
        "import sys; sys.path.insert(0, 'jobs'); from walkgram.runtime import cli; failed = cli.main(['train', *sys.argv[1:]])"
    )
    command_line = f"{code}; print(failed, sorted(sys.modules.keys() & {{'pyspark', 'pandas'}}))"
    for more in ((), ("train.seed=8", "train.warm_start=lake")) if not keys else ((),):
        command = [sys.executable, "-c", command_line, *lakes.arguments(lake, *KEYS, "train.epochs=2", *keys, *more)]
        result = subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True)
        assert result.stdout.splitlines()[-1] == "0 []", result.stderr


@pytest.mark.slow
def test_vectors_are_the_same_where_the_kernel_is_compiled_and_where_it_is_loaded(walks_lake: Path, tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    results = []
    for name in ("compiles", "loads"):
        lake = Path(shutil.copytree(walks_lake, tmp_path / name))
        command = [sys.executable, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS, "train.epochs=3")]
        subprocess.run(command, check=True, capture_output=True, env=environment)
        results.append(vectors(lake))
    assert results[0] == results[1]
