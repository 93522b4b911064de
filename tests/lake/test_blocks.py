"""Block files: written complete or not at all, filled in place, mapped into memory."""

from pathlib import Path

import numpy as np
import pytest

from support.files import list_files
from walkgram.errors import LakeError
from walkgram.lake.blocks import Blocks


def test_blocks_are_mapped_and_the_first_attempt_stays(tmp_path: Path) -> None:
    blocks = Blocks(str(tmp_path), "run")
    blocks.write(3, {"a": np.arange(5), "none": np.empty(0, np.uint32)})
    blocks.write(3, {"a": np.zeros(5, int)})
    block = blocks.open(3)
    assert block["a"].tolist() == [0, 1, 2, 3, 4]
    assert len(block["none"]) == 0
    assert isinstance(block["a"], np.memmap)
    assert blocks.count() == 1
    assert [p.name for p in tmp_path.iterdir()] == ["block-00003"]


def test_a_missing_or_truncated_block_is_named(tmp_path: Path) -> None:
    blocks = Blocks(str(tmp_path), "run")
    with pytest.raises(LakeError, match="no such block"):
        blocks.open(0)
    blocks.write(1, {"a": np.arange(1000)})
    file = tmp_path / "block-00001" / "a.npy"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(LakeError, match=r"a\.npy: damaged block"):
        blocks.open(1)


def test_a_block_is_filled_in_place_and_mapped_read_only(tmp_path: Path) -> None:
    blocks = Blocks(str(tmp_path / "blocks"), "run")
    with blocks.create(3) as new:
        vector, matrix = new("vector", np.int64, 5), new("matrix", np.uint32, (3, 4))
        assert not vector.any()
        assert not matrix.any()
        vector[2:] = 7
        matrix.view(np.float32)[1, 3] = 0.5
        assert new("none", np.float32, 0).shape == (0,)
        assert new("flat", np.uint32, (0, 2)).shape == (0, 2)
        assert blocks.count() == 0
    block = blocks.open(3)
    assert {name: (array.dtype, array.shape) for name, array in block.items()} == {
        "vector": (np.int64, (5,)), "matrix": (np.uint32, (3, 4)), "none": (np.float32, (0,)), "flat": (np.uint32, (0, 2)),
    }  # fmt: skip
    assert isinstance(block["vector"], np.memmap)
    assert not block["matrix"].flags.writeable
    assert block["vector"].tolist() == [0, 0, 7, 7, 7]
    assert block["matrix"].view(np.float32)[1].tolist() == [0, 0, 0, 0.5]


def test_a_failed_block_does_not_exist_and_a_second_attempt_leaves_the_first(tmp_path: Path) -> None:
    blocks = Blocks(str(tmp_path / "blocks"), "run")
    with pytest.raises(KeyboardInterrupt), blocks.create(0) as new:
        new("a", np.int64, 5)[:] = 1
        raise KeyboardInterrupt
    assert list_files(tmp_path) == []
    assert list((tmp_path / "blocks").iterdir()) == []
    for value in (2, 3):
        with blocks.create(0) as new:
            new("a", np.int64, 5)[:] = value
    assert blocks.open(0)["a"].tolist() == [2] * 5
    assert list_files(tmp_path) == ["blocks/block-00000/a.npy"]
