"""Chunks of text -> Arrow batches: the columns of the table as text, and the fault of each row that cannot be split."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from walkgram.lake.formats.text.arrow import find_unusual_lines, parse_lines
from walkgram.lake.formats.text.dialect import Dialect
from walkgram.lake.formats.text.records import Record, describe_count, is_blank, is_empty, parse_record

__all__ = ["RowReader", "Start"]

MAX_RECORD_BYTES = 8 << 20  # a quoted field that is longer counts as one whose quote is not closed
MIN_RUN = 32  # fewer lines between two unusual ones are read one by one: a call of Arrow costs as much
MAX_SHOWN = 100  # characters of a faulty line in the message


class Start(NamedTuple):
    """Where a text begins: the file's name for messages, the byte (0: the start of the file), the lines to skip."""

    name: str
    byte: int = 0
    num_skipped: int = 0


class RowReader:
    """Read the rows of one text; batches have `num_fields` columns of text and, as the last, the fault of the row, or null."""

    def __init__(self, dialect: Dialect, num_fields: int, start: Start) -> None:
        self.dialect, self.num_fields, self.start = dialect, num_fields, start
        self.schema = pa.schema([(str(k), pa.string()) for k in range(num_fields + 1)])
        self.num_lines = 0  # that have been read

    def read(self, chunks: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        """Yield the batches of chunks of UTF-8 that end at line ends."""
        rest, num_skipped = b"", self.start.num_skipped
        for chunk in chunks:
            if num_skipped:
                lines = chunk.splitlines(keepends=True)
                chunk = b"".join(lines[num_skipped:])
                self.num_lines += min(num_skipped, len(lines))
                num_skipped = max(0, num_skipped - len(lines))
            if chunk:
                batches, rest = self.read_chunk(rest + chunk, is_last=False)
                yield from batches
        if rest:
            yield from self.read_chunk(rest, is_last=True)[0]

    def read_chunk(self, chunk: bytes, is_last: bool) -> tuple[list[pa.RecordBatch], bytes]:
        """Return the batches of a chunk, and its end from the first line of a record that is not complete.

        A chunk of fewer bytes than a record may have waits for more, unless it is the last.
        """
        unusual = find_unusual_lines(chunk, self.dialect)
        if not len(unusual):
            return self.read_usual(chunk, chunk.count(b"\n")), b""
        lines = chunk.splitlines(keepends=True)
        stops = [*unusual.tolist(), len(lines)]
        batches: list[pa.RecordBatch] = []
        records: list[tuple[list[str | None], str | None]] = []
        line, next_stop = 0, 0
        while line < len(lines):
            while stops[next_stop] < line:
                next_stop += 1
            if stops[next_stop] - line >= MIN_RUN:
                batches += [self.to_batch(records)] * bool(records)
                records = []
                batches += self.read_usual(b"".join(lines[line : stops[next_stop]]), stops[next_stop] - line)
                line = stops[next_stop]
                continue
            record = parse_record(lines, line, self.dialect, self.num_fields)
            if record.is_open and not is_last and sum(map(len, lines[line:])) < MAX_RECORD_BYTES:
                break
            if not (is_blank(lines[line]) if record.fault else is_empty(lines[line])):
                records.append(self.to_row(record, lines[line]))
            line, self.num_lines = line + record.num_lines, self.num_lines + record.num_lines
        batches += [self.to_batch(records)] * bool(records)
        return batches, b"".join(lines[line:])

    def read_usual(self, chunk: bytes, num_lines: int) -> list[pa.RecordBatch]:
        """Return the batches of lines without unusual ones."""
        columns, bad_lines = parse_lines(chunk, self.dialect, self.num_fields)
        no_fault = pa.nulls(len(columns[0]), pa.string())
        batches = [pa.RecordBatch.from_arrays([*columns, no_fault], schema=self.schema)] * bool(len(columns[0]))
        if bad_lines:
            lines = chunk.splitlines()
            numbers = [k for k, line in enumerate(lines) if line]  # Arrow does not count empty lines
            records = []
            for number, count in bad_lines:
                line = lines[numbers[number]]
                if not is_blank(line):
                    fault = describe_count(count, self.num_fields, self.dialect)
                    records.append(self.to_row(Record([], fault), line, numbers[number]))
            batches += [self.to_batch(records)] * bool(records)
        self.num_lines += num_lines if b"\r" not in chunk else len(chunk.splitlines())
        return batches

    def to_row(self, record: Record, line: bytes, ahead: int = 0) -> tuple[list[str | None], str | None]:
        """Return (fields, fault) of a record that begins `ahead` lines behind the lines that have been read."""
        if not record.fault:
            return record.fields, None
        number = self.num_lines + ahead + 1
        place = f"line {number}" + (f" from byte {self.start.byte} on" if self.start.byte else "")
        text = line.decode().rstrip("\r\n")
        shown = text[:MAX_SHOWN] + "..." * (len(text) > MAX_SHOWN)
        return [None] * self.num_fields, f"{self.start.name}, {place}: {record.fault}: {shown}"

    def to_batch(self, records: Sequence[tuple[list[str | None], str | None]]) -> pa.RecordBatch:
        """Return rows as a batch."""
        columns = [pa.array([fields[k] for fields, _ in records], pa.string()) for k in range(self.num_fields)]
        faults = pa.array([fault for _, fault in records], pa.string())
        return pa.RecordBatch.from_arrays([*columns, faults], schema=self.schema)
