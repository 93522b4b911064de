"""The job train where its files are not as it left them: damaged embeddings, and the checkpoint of a run that died."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import lakes
from walkgram.lake import commit_record, transaction
from walkgram.lake.lock import LakeLock

N, KEYS = 60, ("train.dim=8", "train.epochs=1", "train.window=2")


@pytest.fixture(scope="module")
def trained(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with walks on a ring, and embeddings."""
    edges = [(f"i{k:02}", f"i{(k + step) % N:02}") for k in range(N) for step in (1, 2)]
    folder = tmp_path_factory.mktemp("recovery")
    lake = lakes.write_walks_lake(folder, edges, "walks.num_walks=3", "walks.walk_length=10")
    assert lakes.run("train", lake, *KEYS) == 0
    return lake


@pytest.fixture
def lake(trained: Path, tmp_path: Path) -> Path:
    """Copy the lake."""
    return Path(shutil.copytree(trained, tmp_path / "lake"))


def embeddings_file(lake: Path) -> Path:
    return min((lake / "embeddings").glob("*.parquet"))


def flip_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 16
    file.write_bytes(bytes(data))


def copy_file(file: Path) -> None:
    shutil.copy(file, file.with_name("part-99999.parquet"))


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit": (flip_bit, "damaged, its bytes differ from those that were written: run "),
    "deleted": (Path.unlink, "this file of table embeddings is missing: run "),
    "copied": (copy_file, "part-99999.parquet: not a file of table embeddings"),
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["this lake", "another lake"])
@pytest.mark.parametrize("damage, message", DAMAGES.values(), ids=DAMAGES)
def test_damaged_embeddings_of_a_warm_start_are_named(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Any, message: str, elsewhere: bool
) -> None:
    start = "lake"
    if elsewhere:
        start = str(shutil.copytree(lake, tmp_path / "other") / "embeddings")
    file = embeddings_file(tmp_path / "other" if elsewhere else lake)
    damage(file)
    before = sorted((path.name, path.stat().st_size) for path in (lake / "embeddings").iterdir())
    assert lakes.run("train", lake, *KEYS, "train.seed=8", f"train.warm_start={start}") == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert str(file.parent) in error[-1]
    assert message in error[-1]
    assert sorted((path.name, path.stat().st_size) for path in (lake / "embeddings").iterdir()) == before


def test_embeddings_that_walkgram_did_not_write_start_a_training(lake: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    shutil.copy(embeddings_file(lake), folder)
    assert lakes.run("train", lake, *KEYS, "train.seed=8", f"train.warm_start={folder}") == 0


def test_sizes_alone_let_a_flipped_bit_pass_to_the_reader(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip_bit(embeddings_file(lake))
    lakes.run("train", lake, *KEYS, "train.seed=8", "train.warm_start=lake", "lake.verify=sizes")
    assert "its bytes differ" not in capsys.readouterr().err


def die(root: str, record: commit_record.CommitRecord) -> None:
    """Raise in the place of a commit's moves: the commit is decided, and its run has ended."""
    raise OSError("killed")


@pytest.fixture
def dead_commit(lake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train to the end, and die when the commit is decided; return the lake."""
    before = json.loads((lake / "embeddings" / "_manifest.json").read_text())
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "complete_commit", die)
        assert lakes.run("train", lake, *KEYS, "train.seed=9") != 0
    assert (lake / "_checkpoints" / "train.pt").exists()
    assert json.loads((lake / "embeddings" / "_manifest.json").read_text()) == before
    return lake


def is_recovered(lake: Path) -> bool:
    """Return whether the dead run's tables are visible, without a record or a checkpoint of it."""
    manifest = json.loads((lake / "embeddings" / "_manifest.json").read_text())
    left = [path for folder in ("_commits", "_checkpoints", "_staging") for path in (lake / folder).rglob("*.*")]
    return bool(manifest["config"]["train"]["seed"] == 9 and not left)


def test_a_reader_completes_a_dead_commit_and_removes_its_checkpoint(dead_commit: Path) -> None:
    commit_record.read_lake(str(dead_commit))
    assert is_recovered(dead_commit)


def test_the_rerun_completes_a_dead_commit_and_removes_its_checkpoint(
    dead_commit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lakes.run("train", dead_commit, *KEYS, "train.seed=9") == 0
    assert "up to date" in capsys.readouterr().out
    assert is_recovered(dead_commit)


def test_a_commit_of_another_job_leaves_the_checkpoint_of_a_training(dead_commit: Path) -> None:
    """A training that is not finished keeps its checkpoint when other tables are committed."""
    commit_record.read_lake(str(dead_commit))
    checkpoint = dead_commit / "_checkpoints" / "train.pt"
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_bytes(b"of a training that was stopped")
    assert lakes.run("walks", dead_commit, "input.kind=edges", "walks.num_walks=2") == 0
    assert checkpoint.read_bytes() == b"of a training that was stopped"


def test_a_live_run_completes_its_commit_itself(lake: Path) -> None:
    """A reader waits for it, and removes nothing meanwhile."""
    checkpoint = lake / "_checkpoints" / "train.pt"
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_bytes(b"of a live run")
    record = commit_record.CommitRecord("live", "live", "train", "train-live", (), {}, "train")
    with LakeLock(str(lake), "live", ["train"], (), ("embeddings", "losses")):
        commit_record.write_commit(str(lake), record)
        reader = threading.Thread(target=commit_record.settle_commits, args=(str(lake),))
        reader.start()
        reader.join(0.5)
        assert reader.is_alive()
        assert checkpoint.exists()
        commit_record.complete_commit(str(lake), record)
        reader.join(20)
    assert not reader.is_alive()
    assert not checkpoint.exists()
