"""Shards that tasks write themselves: complete or absent, equal bytes on a second attempt, readable by Spark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.files import list_files
from walkgram.lake.shards import Shards
from walkgram.stages.walks import walks

NUM_NODES = 2**31


def walk_batches(num_nodes: int = NUM_NODES) -> Iterator[pa.RecordBatch]:
    """Yield two row groups of walks: short ones, equal nodes, and nodes at both ends of the range."""
    schema, last = walks.walks_schema(num_nodes), num_nodes - 1
    yield pa.record_batch([[0, 1, 2], [[5, 4, last], [0], [7, 7, 7, 7]]], schema=schema)
    yield pa.record_batch([[3, 2**62], [list(range(300)), [last, 0, last]]], schema=schema)


def failing_batches() -> Iterator[pa.RecordBatch]:
    yield next(walk_batches())
    raise KeyboardInterrupt


def make_shards(folder: Path, num_nodes: int = NUM_NODES) -> Shards:
    return Shards(str(folder / "walks"), str(folder / "temp"), walks.walks_schema(num_nodes))


def test_a_writer_that_fails_leaves_no_shard_and_no_temporary_file(tmp_path: Path) -> None:
    shards = make_shards(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        shards.write(2, failing_batches())
    assert list_files(tmp_path) == []
    assert not shards.has(2)
    assert shards.count() == 0
    shards.write(2, walk_batches())
    complete = Path(shards.file_uri(2)).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        shards.write(2, failing_batches())
    assert list_files(tmp_path) == ["walks/part-00002.parquet"]
    assert Path(shards.file_uri(2)).read_bytes() == complete


def test_shards_are_read_as_written_and_a_second_attempt_writes_the_same_bytes(tmp_path: Path) -> None:
    shards = make_shards(tmp_path)
    assert (shards.count(), shards.has(0)) == (0, False)
    shards.write(0, walk_batches())
    shards.write(11, iter([]))
    assert [batch.to_pylist() for batch in shards.read(0)] == [batch.to_pylist() for batch in walk_batches()]
    assert list(shards.read(11)) == []
    assert (shards.count(), shards.has(0), shards.has(1), shards.has(11)) == (2, True, False, True)
    first = Path(shards.file_uri(0)).read_bytes()
    shards.write(0, walk_batches())
    assert Path(shards.file_uri(0)).read_bytes() == first
    assert list_files(tmp_path) == ["walks/part-00000.parquet", "walks/part-00011.parquet"]


def test_a_truncated_shard_is_removed(tmp_path: Path) -> None:
    shards = make_shards(tmp_path)
    shards.write(0, walk_batches())
    file = Path(shards.file_uri(0))
    file.write_bytes(file.read_bytes()[:-20])
    assert not shards.has(0)
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("num_nodes", [NUM_NODES, 2**40])
def test_spark_reads_packed_shards_as_arrow_does(spark: Any, tmp_path: Path, num_nodes: int) -> None:
    shards = make_shards(tmp_path, num_nodes)
    shards.write(0, walk_batches(num_nodes))
    metadata = pq.ParquetFile(shards.file_uri(0)).metadata.row_group(1)
    for column, name in ((0, "walk_id"), (1, "walk.list.element")):
        assert metadata.column(column).path_in_schema == name
        assert "DELTA_BINARY_PACKED" in metadata.column(column).encodings
        assert metadata.column(column).compression == "ZSTD"
    frame = spark.read.parquet(shards.folder)
    assert dict(frame.dtypes) == {"walk_id": "bigint", "walk": "array<int>" if num_nodes == NUM_NODES else "array<bigint>"}
    expected = [row for batch in walk_batches(num_nodes) for row in batch.to_pylist()]
    assert [row.asDict() for row in frame.collect()] == pq.read_table(shards.folder).to_pylist() == expected
