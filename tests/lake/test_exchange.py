"""The exchange of messages between tasks: rounds, senders and receivers."""

from pathlib import Path

import pyarrow as pa
import pytest

from support.files import list_files
from walkgram.lake.exchange import Exchange


def message_batches(*receivers: list[tuple[int, list[float]]]) -> list[pa.RecordBatch]:
    """Make one batch of (walk, shares) rows for each receiver."""
    schema = pa.schema([("walk", pa.int64()), ("shares", pa.large_list(pa.float32()))])
    return [pa.record_batch([[walk for walk, _ in rows], [shares for _, shares in rows]], schema=schema) for rows in receivers]


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(str(tmp_path / "exchange"), str(tmp_path / "temp"))


def test_a_receiver_reads_its_rows_of_a_round(exchange: Exchange) -> None:
    batches = message_batches([(1, [0.5]), (2, [])], [], [(3, [1.0, 2.0])])
    exchange.write(4, 7, batches)
    assert [exchange.read(4, 7, receiver).to_pylist() for receiver in range(3)] == [batch.to_pylist() for batch in batches]
    assert exchange.rows(4, 7) == 3
    assert exchange.has(4, 7)
    assert not exchange.has(7, 4)
    exchange.write(0, 7, message_batches([], []))
    assert (exchange.rows(0, 7), exchange.read(0, 7, 1).num_rows) == (0, 0)


def test_the_latest_round_is_one_that_every_sender_has_finished(exchange: Exchange) -> None:
    assert exchange.latest(2) == -1
    exchange.write(0, 0, message_batches([(1, [])]))
    assert (exchange.latest(1), exchange.latest(2)) == (0, -1)
    for number in (0, 9, 10):
        for sender in (0, 1):
            exchange.write(number, sender, message_batches([]))
    exchange.write(11, 1, message_batches([]))
    assert (exchange.latest(2), exchange.latest(3)) == (10, -1)
    exchange.remove(10)
    assert exchange.latest(2) == 9
    assert not exchange.has(10, 0)
    exchange.remove(10)
    exchange.remove()
    exchange.remove()
    assert exchange.latest(2) == -1
    assert not Path(exchange.folder).exists()


def test_a_sender_that_fails_has_sent_nothing(exchange: Exchange, tmp_path: Path) -> None:
    other = pa.record_batch([pa.array(["x"])], names=["walk"])
    with pytest.raises(pa.ArrowInvalid):
        exchange.write(0, 0, [*message_batches([(1, [])]), other])
    assert list_files(tmp_path) == []
    assert exchange.latest(1) == -1
    exchange.write(0, 0, message_batches([(1, [])]))
    first = Path(exchange.file_uri(0, 0)).read_bytes()
    exchange.write(0, 0, message_batches([(1, [])]))
    assert Path(exchange.file_uri(0, 0)).read_bytes() == first
    assert list_files(tmp_path) == ["exchange/round-00000000/00000.arrow"]


def test_a_truncated_file_is_removed(exchange: Exchange, tmp_path: Path) -> None:
    exchange.write(0, 0, message_batches([(1, [0.5])]))
    file = Path(exchange.file_uri(0, 0))
    file.write_bytes(file.read_bytes()[:-20])
    assert not exchange.has(0, 0)
    assert list_files(tmp_path) == []
