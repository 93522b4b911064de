"""The job train on row-sharded tables: by several processes, to the end, stopped, killed and resumed."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from support import lakes, processes
from support.lakes import vectors

ROOT = Path(__file__).parent.parent.parent
SIZES = ("train.dim=16", "train.epochs=12", "train.window=3", "train.skipgram.batch_walks=16", "train.sync_tokens=30")
KEYS = ("train.placement=row_sharded", *SIZES)
GROUPS, SIZE = 3, 20
N = GROUPS * SIZE + 1  # an odd number, so that the processes own unequally many
Vectors = dict[str, tuple[list[float], list[float]]]


@pytest.fixture(scope="module")
def walks_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with the walks of a graph of planted communities, its nodes' names shuffled."""
    folder = tmp_path_factory.mktemp("sharded")
    rng = np.random.default_rng(4)
    group = np.arange(N) // SIZE
    inside = rng.random((N, N)) < np.where(group[:, None] == group, 0.5, 0.02)
    node_pairs = {(i, (i + 1) % N) for i in range(N)} | {(int(a), int(b)) for a, b in np.argwhere(np.triu(inside, 1))}
    edges = [(f"i{a:02}", f"i{b:02}") for a, b in rng.permutation(sorted(node_pairs))]
    return lakes.write_walks_lake(folder, edges, "walks.num_walks=10", "walks.walk_length=20")


@pytest.fixture
def lake(walks_lake: Path, tmp_path: Path) -> Path:
    """Copy the lake with the walks, so that a test may change it."""
    return Path(shutil.copytree(walks_lake, tmp_path / "lake"))


def start(lake: Path, world: int, *keys: str) -> list[subprocess.Popen[str]]:
    """Start the job's processes with the environment variables that torchrun sets."""
    command = [sys.executable, str(ROOT / "jobs" / "train.py"), *lakes.arguments(lake, *KEYS, *keys)]
    return processes.start_command(command, world)


def wait_for(children: list[subprocess.Popen[str]]) -> tuple[list[int], list[str]]:
    """Return the exit status and the error output of each."""
    errors = [process.communicate(timeout=120)[1] for process in children]
    return [process.returncode for process in children], errors


def train(lake: Path, world: int = 2, *keys: str) -> Vectors:
    statuses, errors = wait_for(start(lake, world, *keys))
    assert statuses == [0] * world, errors
    assert not (lake / "_checkpoints").exists()
    return vectors(lake)


@pytest.fixture(scope="module")
def uninterrupted(walks_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train without interruption; return the lake."""
    lake = Path(shutil.copytree(walks_lake, tmp_path_factory.mktemp("uninterrupted") / "lake"))
    train(lake)
    return lake


def mean_cosines(by_item: Vectors) -> tuple[float, float]:
    """Return the mean cosine of two nodes of one community, and of two communities."""
    names = sorted(by_item)[: N - 1]
    table = np.array([by_item[name][0] for name in names])
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    cosine, group = table @ table.T, np.arange(N - 1) // SIZE
    within = (group[:, None] == group) & ~np.eye(N - 1, dtype=bool)
    return float(cosine[within].mean()), float(cosine[group[:, None] != group].mean())


def test_two_processes_write_every_node_once_and_find_planted_communities(uninterrupted: Path) -> None:
    by_item = vectors(uninterrupted)
    assert sorted(by_item) == [f"i{k:02}" for k in range(N)]
    assert np.isfinite(np.array(list(by_item.values()))).all()
    assert len(list((uninterrupted / "embeddings").glob("*.parquet"))) == 2
    assert lakes.manifest(uninterrupted, "embeddings")["rows"] == {"embeddings": N, "losses": 12}
    inside, between = mean_cosines(by_item)
    assert inside > between + 0.3
    vocabulary = {row["item_id"]: row["frequency"] for row in pq.read_table(uninterrupted / "vocabulary").to_pylist()}
    assert {row["item_id"]: row["frequency"] for row in pq.read_table(uninterrupted / "embeddings").to_pylist()} == vocabulary
    losses = pq.read_table(uninterrupted / "losses")["loss"].to_pylist()
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_second_run_comes_to_the_same_vectors(uninterrupted: Path, lake: Path) -> None:
    assert train(lake) == vectors(uninterrupted)


def test_one_process_alone_comes_to_the_same_vectors_twice(lake: Path) -> None:
    assert lakes.run("train", lake, *KEYS) == 0
    first = vectors(lake)
    shutil.rmtree(lake / "embeddings")
    assert lakes.run("train", lake, *KEYS) == 0
    assert vectors(lake) == first
    inside, between = mean_cosines(first)
    assert inside > between + 0.3


def start_and_signal(lake: Path, number: int) -> list[subprocess.Popen[str]]:
    """Start the job's processes, and send the second one a signal after two checkpoints were begun."""
    children = start(lake, 2, "train.checkpoint_minutes=0.00001")
    deadline = time.monotonic() + 120
    while len(list((lake / "_checkpoints").glob("train-0-*.pt"))) < 2 or not (lake / "_checkpoints" / "train.pt").exists():
        assert all(process.poll() is None for process in children), [process.communicate() for process in children]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children[1].send_signal(number)
    return children


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_a_run_that_ends_at_one_process_resumes_to_the_same_vectors(uninterrupted: Path, lake: Path, number: int) -> None:
    statuses, errors = wait_for(start_and_signal(lake, number))
    assert statuses == ([143, 143] if number == signal.SIGTERM else [2, -signal.SIGKILL]), errors
    assert ("a rerun resumes from it" if number == signal.SIGTERM else "another process has failed") in errors[0]
    assert not (lake / "embeddings").exists()
    statuses, errors = wait_for(start(lake, 2))
    assert statuses == [0, 0], errors
    assert "resuming from" in errors[0]
    assert vectors(lake) == vectors(uninterrupted)


@pytest.mark.slow
def test_a_checkpoint_of_other_processes_or_tables_is_an_error(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wait_for(start_and_signal(lake, signal.SIGTERM))
    assert lakes.run("train", lake, *KEYS) == 2
    assert "checkpoint of another configuration (num_processes: 2 there, 1 here)" in capsys.readouterr().err
    assert lakes.run("train", lake, *KEYS, "train.placement=replicated") == 2
    assert "placement: 'row_sharded' there, 'replicated' here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            ("train.validation_walks=5",),
            "train.validation_walks is for train.placement = \"replicated\"; leave it out for 'row_sharded'",
        ),
        (("train.warm_start=lake",), "train.warm_start is for train.placement"),
        (("train.deterministic=false", "train.device=cuda"), "train.device = cuda is for train.placement"),
        (("train.deterministic=false", "train.workers=2"), "train.workers = 2 is for train.placement"),
        (("train.model=keras_node2vec",), 'train.placement = row_sharded is for train.model = "skipgram"'),
    ],
)
def test_keys_that_need_replicated_tables_are_named(
    walks_lake: Path, capsys: pytest.CaptureFixture[str], keys: tuple[str, ...], message: str
) -> None:
    assert lakes.run("train", walks_lake, *KEYS, *keys) == 2
    assert message in capsys.readouterr().err
