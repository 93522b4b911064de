"""The files that a manifest lists: what is missing, damaged, too many, or of another size is named before it is read."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from walkgram.errors import LakeError
from walkgram.lake.file_list import check_files, checksum_in_threads, describe_files, find_files
from walkgram.lake.manifest import make_manifest, read_manifest
from walkgram.lake.transaction import Transaction


def write_walks(root: Path) -> None:
    """Write a table of two Parquet files and a block, and files that Spark leaves beside them."""
    with Transaction(str(root), make_manifest("walks", {}, {}, "1"), ["walks"]) as out:
        folder = Path(out.folder("walks"))
        (folder / "nodes" / "block-00000").mkdir(parents=True)
        (folder / "nodes" / "block-00000" / "starts.npy").write_bytes(b"starts")
        for part in range(2):
            pq.write_table(pa.table({"walk_id": range(part, part + 3)}), folder / f"part-{part:05d}.parquet")
        (folder / "_SUCCESS").write_text("")
        (folder / ".part-00000.parquet.crc").write_text("x")


def check(root: Path, checksums: bool = True) -> None:
    manifest = read_manifest(str(root), "walks")
    assert manifest is not None
    check_files(str(root), {"walks": manifest}, checksum_in_threads if checksums else None)


def test_a_manifest_lists_every_file_with_size_rows_and_checksum(tmp_path: Path) -> None:
    write_walks(tmp_path)
    manifest = read_manifest(str(tmp_path), "walks")
    assert manifest is not None
    assert list(manifest.files) == ["nodes/block-00000/starts.npy", "part-00000.parquet", "part-00001.parquet"]
    for name, entry in manifest.files.items():
        data = (tmp_path / "walks" / name).read_bytes()
        rows = {"rows": 3} if name.endswith(".parquet") else {}
        assert entry == {"bytes": len(data), "crc32": zlib.crc32(data)} | rows
    check(tmp_path)


def flip_bit(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(bytes(data))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda t: (t / "part-00001.parquet").unlink(), r"part-00001\.parquet: this file of table walks is missing"),
    "copied": (
        lambda t: (t / "part-00002.parquet").write_bytes((t / "part-00001.parquet").read_bytes()),
        r"part-00002\.parquet: not a file of table walks",
    ),
    "foreign": (lambda t: (t / "nodes" / "notes.txt").write_text("x"), r"nodes/notes\.txt: not a file of table walks"),
    "truncated": (
        lambda t: (t / "part-00000.parquet").write_bytes((t / "part-00000.parquet").read_bytes()[:-5]),
        r"part-00000\.parquet: has [\d,]+ bytes, and table walks was written with",
    ),
    "bit of a column": (lambda t: flip_bit(t / "part-00000.parquet", 30), r"part-00000\.parquet: damaged"),
    "bit of a block": (lambda t: flip_bit(t / "nodes" / "block-00000" / "starts.npy", 2), r"starts\.npy: damaged"),
    "other columns": (
        lambda t: replace_by_other_columns(t / "part-00001.parquet"),
        r"part-00001\.parquet: has [\d,]+ bytes|part-00001\.parquet: damaged",
    ),
}


def replace_by_other_columns(file: Path) -> None:
    pq.write_table(pa.table({"other": [1.5, 2.5, 3.5]}), file)


@pytest.mark.parametrize("damage, message", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_is_not_as_it_was_written_is_named(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    write_walks(tmp_path)
    damage(tmp_path / "walks")
    with pytest.raises(LakeError, match=message) as error:
        check(tmp_path)
    assert "the job walks (walkgram walks) with --force" in str(error.value) or "move it out of the folder" in str(error.value)


def test_sizes_alone_do_not_see_a_flipped_bit(tmp_path: Path) -> None:
    write_walks(tmp_path)
    flip_bit(tmp_path / "walks" / "part-00000.parquet", 30)
    check(tmp_path, checksums=False)
    (tmp_path / "walks" / "part-00001.parquet").unlink()
    with pytest.raises(LakeError, match="is missing"):
        check(tmp_path, checksums=False)


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert find_files(str(tmp_path / "absent")) == {}
    assert describe_files(str(tmp_path / "absent"), checksum_in_threads) == {}
