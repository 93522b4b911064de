"""The last checkpoint of a job: the new one, or the previous one."""

from pathlib import Path
from typing import IO

import pytest

from walkgram.lake.checkpoints import CheckpointStore


def test_a_checkpoint_is_replaced_completely_or_not_at_all(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path), "train")
    assert store.load() is None
    for data in (b"first", b"second"):
        store.save(lambda file, data=data: file.write(data) and None)  # type: ignore[misc]
        stored = store.load()
        assert stored is not None
        with stored:
            assert stored.read() == data

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        store.save(fail)
    assert [file.name for file in (tmp_path / "_checkpoints").iterdir()] == ["train.pt"]
    assert (tmp_path / "_checkpoints" / "train.pt").read_bytes() == b"second"
    store.remove()
    assert store.load() is None
