"""Tables whose files are not those that were written: every job that reads one ends with one line, and changes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.lakes import key_options
from walkgram.api import Pipeline
from walkgram.errors import LakeError

Job = Callable[..., int]
KEYS = (
    "sample.users=60", "sample.items=40", "sample.ratings=900", "sample.groups=4", "edges.min_weight=0.5", "train.dim=8",
    "train.epochs=1", "walks.num_walks=3", "walks.num_shards=3", "pairs.write_table=true", "neighbours.block_rows=16",
)  # fmt: skip
LINE = ("interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours")


def arguments(lake: Path, *keys: str) -> list[str]:
    return key_options(lake, *KEYS, *keys)


@pytest.fixture(scope="module")
def complete(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with the tables of all jobs."""
    from walkgram.runtime import cli

    folder = tmp_path_factory.mktemp("damaged") / "complete"
    for name in LINE:
        assert cli.main([name, *arguments(folder)]) == 0
    return folder


@pytest.fixture
def lake(complete: Path, tmp_path: Path) -> Path:
    """Copy the lake."""
    return Path(shutil.copytree(complete, tmp_path / "lake"))


def first_file(folder: Path, pattern: str = "*.parquet") -> Path:
    return min(folder.rglob(pattern))


def flip_bit(file: Path, place: float) -> None:
    """Change one bit at a place between 0 (the first byte) and 1 (the last)."""
    data = bytearray(file.read_bytes())
    data[int(place * (len(data) - 1))] ^= 16
    file.write_bytes(bytes(data))


def delete(file: Path) -> None:
    file.unlink()


def copy_in(file: Path) -> None:
    shutil.copy(file, file.with_name(f"part-99999{file.suffix}"))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def write_other_columns(file: Path) -> None:
    pq.write_table(pa.table({"other": [1, 2, 3]}), file)


def flip_early(file: Path) -> None:
    flip_bit(file, 0.2)


def flip_late(file: Path) -> None:
    flip_bit(file, 0.45)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "deleted": (delete, "is missing: run the job {job} (walkgram {job}) with --force"),
    "copied in twice": (copy_in, "part-99999{suffix}: not a file of table {table}"),
    "truncated": (truncate, "bytes, and table {table} was written with"),
    "other columns": (write_other_columns, "{table}"),
    "an early bit": (flip_early, "damaged, its bytes differ from those that were written: run the job {job} (walkgram {job})"),
    "a late bit": (flip_late, "damaged, its bytes differ from those that were written: run the job {job} (walkgram {job})"),
}
# Table -> the job that wrote it, a job that reads it, and its files.
READERS = {
    "interactions": ("interactions", "baskets", "*.parquet"),
    "vocabulary": ("interactions", "train", "*.parquet"),
    "baskets": ("baskets", "pairs", "*.npy"),
    "pairs": ("pairs", "edges", "*.parquet"),
    "edges": ("edges", "graph", "*.parquet"),
    "graph": ("graph", "walks", "*.npy"),
    "walks": ("walks", "train", "*.parquet"),
    "node_visits": ("walks", "train", "*.parquet"),
    "embeddings": ("train", "neighbours", "*.parquet"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("table", READERS)
def test_a_job_names_the_damaged_file_of_its_input(lake: Path, job: Job, capsys: Any, table: str, damage: str) -> None:
    writer, reader, pattern = READERS[table]
    file = first_file(lake / table, pattern)
    change, message = DAMAGES[damage]
    change(file)
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert job(reader, "--force", *arguments(lake)) == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert f"walkgram {reader}: error: {file.parent}" in error
    assert message.format(table=table, job=writer, suffix=file.suffix) in error
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()} == before


def test_the_python_api_names_the_damaged_file(lake: Path, spark: Any) -> None:
    pipeline = Pipeline(lake=lake, spark=spark)
    assert pipeline.table("neighbours").count() > 0
    flip_late(first_file(lake / "embeddings"))
    with pytest.raises(LakeError, match=r"embeddings/part-.*: damaged"):
        pipeline.table("embeddings")
    delete(first_file(lake / "neighbours"))
    with pytest.raises(LakeError, match=r"neighbours/part-.*: this file of table neighbours is missing"):
        pipeline.most_similar(1)


def test_sizes_alone_are_compared_where_the_key_says_so(lake: Path, job: Job) -> None:
    file = first_file(lake / "vocabulary")
    manifest = lake / "vocabulary" / "_manifest.json"
    text = manifest.read_text()
    crc32 = json.loads(text)["files"][file.name]["crc32"]
    manifest.write_text(text.replace(str(crc32), str(crc32 ^ 1)))  # as if a bit had flipped that no reader notices
    assert job("graph", "--force", *arguments(lake)) == 2
    assert job("graph", "--force", *arguments(lake, "lake.verify=sizes")) == 0
