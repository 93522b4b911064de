"""The last checkpoint of a job: the new one, or the previous one."""

import io
from pathlib import Path
from typing import IO

import pytest

from walkgram.errors import LakeError
from walkgram.lake.checkpoints import CheckpointStore


def write_digits(file: IO[bytes]) -> None:
    file.write(b"0123456789")


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
    assert (tmp_path / "_checkpoints" / "train.pt").read_bytes().startswith(b"second")
    store.remove()
    assert store.load() is None


def test_a_reader_moves_inside_the_bytes_that_were_written(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path), "train")
    store.save(write_digits)
    stored = store.load()
    assert stored is not None
    with stored:
        assert stored.seek(-3, io.SEEK_END) == 7
        assert stored.read(100) == b"789"
        assert (stored.seek(2), stored.read(2), stored.tell(), stored.read()) == (2, b"23", 4, b"456789")
        assert stored.read() == b""


@pytest.mark.parametrize("place", range(0, 30, 3))
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, place: int) -> None:
    store = CheckpointStore(str(tmp_path), "train-1-0")
    store.save(write_digits)
    file = tmp_path / "_checkpoints" / "train-1-0.pt"
    data = bytearray(file.read_bytes())
    assert len(data) == 30
    data[place] ^= 8
    file.write_bytes(bytes(data))
    with pytest.raises(
        LakeError, match=r"train-1-0\.pt: damaged checkpoint .* run the job train \(walkgram train\) with --force"
    ):
        store.load()


@pytest.mark.parametrize("size", [0, 5, 29])
def test_a_truncated_checkpoint_is_found(tmp_path: Path, size: int) -> None:
    store = CheckpointStore(str(tmp_path), "train")
    store.save(write_digits)
    file = tmp_path / "_checkpoints" / "train.pt"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(LakeError, match="damaged checkpoint"):
        store.load()
