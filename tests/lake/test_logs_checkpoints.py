"""The log beside the tables, and the last checkpoint: whole or the one before."""

from pathlib import Path
from typing import IO

import pytest

from walkgram.lake.checkpoints import CheckpointStore
from walkgram.lake.logs import JsonLinesLog


def test_a_log_is_added_to_by_every_run(tmp_path: Path) -> None:
    for line in ("one", "two"):
        with JsonLinesLog(str(tmp_path), "train") as log:
            log.add(line)
    assert (tmp_path / "_logs" / "train.jsonl").read_text() == "one\ntwo\n"


def test_a_log_that_cannot_be_written_is_said_once_and_ends_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "_logs").write_text("a file where the folder should be")
    with JsonLinesLog(str(tmp_path), "train") as log:
        log.add("one")
        log.add("two")
    assert capsys.readouterr().err.count("the log cannot be written") == 1


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path), "train")
    assert store.load() is None
    for data in (b"first", b"second"):
        store.save(lambda file, data=data: file.write(data) and None)  # type: ignore[misc]
        found = store.load()
        assert found is not None
        with found:
            assert found.read() == data

    def broken(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        store.save(broken)
    assert [file.name for file in (tmp_path / "_checkpoints").iterdir()] == ["train.pt"]
    assert (tmp_path / "_checkpoints" / "train.pt").read_bytes() == b"second"
    store.remove()
    assert store.load() is None
