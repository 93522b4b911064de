"""What tasks write themselves: whole files by way of a folder aside, shards, rounds, and blocks filled where they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from walkgram.lake import paths
from walkgram.lake.blocks import Blocks
from walkgram.lake.exchange import Exchange
from walkgram.lake.shards import Shards
from walkgram.stages.walks import walks

N = 2**31


def below(folder: Path) -> list[str]:
    """The files in a folder and its folders."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def groups(n: int = N) -> Iterator[pa.RecordBatch]:
    """Two row groups of walks, with walks that are short, equal, and at the ends of the numbers."""
    schema = walks.walks_schema(n)
    yield pa.record_batch([[0, 1, 2], [[5, 4, n - 1], [0], [7, 7, 7, 7]]], schema=schema)
    yield pa.record_batch([[3, 2**62], [list(range(300)), [n - 1, 0, n - 1]]], schema=schema)


def shards(folder: Path, n: int = N) -> Shards:
    return Shards(str(folder / "walks"), str(folder / "aside"), walks.walks_schema(n))


def broken() -> Iterator[pa.RecordBatch]:
    yield next(groups())
    raise KeyboardInterrupt


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    final, aside = str(tmp_path / "to" / "file"), str(tmp_path / "aside")
    with paths.atomic_write(final, aside) as (_, place):
        Path(place).write_text("first")
        assert below(tmp_path) == [f"aside/{Path(place).name}"]
    assert below(tmp_path) == ["to/file"]
    with pytest.raises(KeyboardInterrupt), paths.atomic_write(final, aside) as (_, place):
        Path(place).write_text("half")
        raise KeyboardInterrupt
    assert below(tmp_path) == ["to/file"]
    assert Path(final).read_text() == "first"
    with pytest.raises(ValueError, match="before a byte"), paths.atomic_write(str(tmp_path / "other"), aside):
        raise ValueError("before a byte was written")
    assert below(tmp_path) == ["to/file"]


def test_two_attempts_at_once_write_apart(tmp_path: Path) -> None:
    final, aside = str(tmp_path / "to" / "file"), str(tmp_path / "aside")
    with paths.atomic_write(final, aside) as (_, one), paths.atomic_write(final, aside) as (_, two):
        assert one != two
        Path(one).write_text("same")
        Path(two).write_text("same")
    assert below(tmp_path) == ["to/file"]
    assert Path(final).read_text() == "same"


def test_a_writer_that_fails_leaves_no_shard_and_nothing_aside(tmp_path: Path) -> None:
    sink = shards(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sink.write(2, broken())
    assert below(tmp_path) == []
    assert not sink.has(2)
    assert sink.count() == 0
    sink.write(2, groups())
    whole = Path(sink.place(2)).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        sink.write(2, broken())
    assert below(tmp_path) == ["walks/part-00002.parquet"]
    assert Path(sink.place(2)).read_bytes() == whole


def test_shards_are_read_as_they_were_written_and_written_alike_again(tmp_path: Path) -> None:
    sink = shards(tmp_path)
    assert (sink.count(), sink.has(0)) == (0, False)
    sink.write(0, groups())
    sink.write(11, iter([]))
    assert [batch.to_pylist() for batch in sink.read(0)] == [batch.to_pylist() for batch in groups()]
    assert list(sink.read(11)) == []
    assert (sink.count(), sink.has(0), sink.has(1), sink.has(11)) == (2, True, False, True)
    first = Path(sink.place(0)).read_bytes()
    sink.write(0, groups())
    assert Path(sink.place(0)).read_bytes() == first
    assert below(tmp_path) == ["walks/part-00000.parquet", "walks/part-00011.parquet"]


@pytest.mark.parametrize("n", [N, 2**40])
def test_spark_reads_the_packed_shards_as_arrow_does(spark: Any, tmp_path: Path, n: int) -> None:
    sink = shards(tmp_path, n)
    sink.write(0, groups(n))
    made = pq.ParquetFile(sink.place(0)).metadata.row_group(1)
    for column, name in ((0, "walk_id"), (1, "walk.list.element")):
        assert made.column(column).path_in_schema == name
        assert "DELTA_BINARY_PACKED" in made.column(column).encodings
        assert made.column(column).compression == "ZSTD"
    read = spark.read.parquet(sink.folder)
    assert dict(read.dtypes) == {"walk_id": "bigint", "walk": "array<int>" if n == N else "array<bigint>"}
    expected = [row for batch in groups(n) for row in batch.to_pylist()]
    assert [row.asDict() for row in read.collect()] == pq.read_table(sink.folder).to_pylist() == expected


def letters(*rows: list[tuple[int, list[float]]]) -> list[pa.RecordBatch]:
    """A batch for each receiver."""
    schema = pa.schema([("walk", pa.int64()), ("shares", pa.large_list(pa.float32()))])
    return [pa.record_batch([[w for w, _ in own], [s for _, s in own]], schema=schema) for own in rows]


@pytest.fixture
def mail(tmp_path: Path) -> Exchange:
    return Exchange(str(tmp_path / "mail"), str(tmp_path / "aside"))


def test_a_receiver_reads_its_own_rows_of_a_round(mail: Exchange) -> None:
    sent = letters([(1, [0.5]), (2, [])], [], [(3, [1.0, 2.0])])
    mail.write(4, 7, sent)
    assert [mail.read(4, 7, receiver).to_pylist() for receiver in range(3)] == [batch.to_pylist() for batch in sent]
    assert mail.rows(4, 7) == 3
    assert mail.has(4, 7)
    assert not mail.has(7, 4)
    mail.write(0, 7, letters([], []))
    assert (mail.rows(0, 7), mail.read(0, 7, 1).num_rows) == (0, 0)


def test_the_latest_round_is_one_that_every_sender_is_done_with(mail: Exchange) -> None:
    assert mail.latest(2) == -1
    mail.write(0, 0, letters([(1, [])]))
    assert (mail.latest(1), mail.latest(2)) == (0, -1)
    for number in (0, 9, 10):
        for sender in (0, 1):
            mail.write(number, sender, letters([]))
    mail.write(11, 1, letters([]))
    assert (mail.latest(2), mail.latest(3)) == (10, -1)
    mail.remove(10)
    assert mail.latest(2) == 9
    assert not mail.has(10, 0)
    mail.remove(10)
    mail.remove()
    mail.remove()
    assert mail.latest(2) == -1
    assert not Path(mail.folder).exists()


def test_a_sender_that_fails_has_sent_nothing(mail: Exchange, tmp_path: Path) -> None:
    other = pa.record_batch([pa.array(["x"])], names=["walk"])
    with pytest.raises(pa.ArrowInvalid):
        mail.write(0, 0, [*letters([(1, [])]), other])
    assert below(tmp_path) == []
    assert mail.latest(1) == -1
    mail.write(0, 0, letters([(1, [])]))
    first = Path(mail.place(0, 0)).read_bytes()
    mail.write(0, 0, letters([(1, [])]))
    assert Path(mail.place(0, 0)).read_bytes() == first
    assert below(tmp_path) == ["mail/round-00000000/00000.arrow"]


def test_a_block_is_filled_where_it_lies_and_comes_back_mapped(tmp_path: Path) -> None:
    store = Blocks(str(tmp_path / "blocks"), "run")
    with store.create(3) as new:
        whole, table = new("whole", np.int64, 5), new("table", np.uint32, (3, 4))
        assert not whole.any()
        assert not table.any()
        whole[2:] = 7
        table.view(np.float32)[1, 3] = 0.5
        assert new("none", np.float32, 0).shape == (0,)
        assert new("flat", np.uint32, (0, 2)).shape == (0, 2)
        assert store.count() == 0
    block = store.open(3)
    assert {name: (array.dtype, array.shape) for name, array in block.items()} == {
        "whole": (np.int64, (5,)), "table": (np.uint32, (3, 4)), "none": (np.float32, (0,)), "flat": (np.uint32, (0, 2)),
    }  # fmt: skip
    assert isinstance(block["whole"], np.memmap)
    assert not block["table"].flags.writeable
    assert block["whole"].tolist() == [0, 0, 7, 7, 7]
    assert block["table"].view(np.float32)[1].tolist() == [0, 0, 0, 0.5]


def test_a_block_that_fails_is_not_there_and_a_second_attempt_leaves_the_first(tmp_path: Path) -> None:
    store = Blocks(str(tmp_path / "blocks"), "run")
    with pytest.raises(KeyboardInterrupt), store.create(0) as new:
        new("a", np.int64, 5)[:] = 1
        raise KeyboardInterrupt
    assert below(tmp_path) == []
    assert list((tmp_path / "blocks").iterdir()) == []
    for value in (2, 3):
        with store.create(0) as new:
            new("a", np.int64, 5)[:] = value
    assert store.open(0)["a"].tolist() == [2] * 5
    assert below(tmp_path) == ["blocks/block-00000/a.npy"]
