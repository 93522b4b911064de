"""Lines -> columns by Arrow's CSV parser, in C++; and the lines that are too unusual for it."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from walkgram.lake.formats.text.dialect import Dialect

__all__ = ["ParsedLines", "find_unusual_lines", "parse_lines"]

NO_LINES: NDArray[np.int64] = np.empty(0, np.int64)
# Characters that stand for a delimiter of several bytes: Arrow's parser takes one byte. Text hardly ever holds them.
STAND_INS = tuple(bytes([code]) for code in (0x1F, 0x1E, 0x1D, 0x1C, 1, 2, 3, 4, 5, 6))


class ParsedLines(NamedTuple):
    """The columns of the rows, and (number of the line that is not empty, number of its fields) of the other lines."""

    columns: list[pa.Array]
    bad_lines: list[tuple[int, int]]


def choose_byte(chunk: bytes, delimiter: bytes) -> bytes:
    """Return a byte that separates the fields of a chunk after `delimiter` was replaced by it; b"" if there is none."""
    if len(delimiter) == 1:
        return delimiter
    return next((byte for byte in STAND_INS if byte not in chunk), b"")


def find_unusual_lines(chunk: bytes, dialect: Dialect) -> NDArray[np.int64]:
    """Return the numbers of the lines, in order, that `parse_lines` must not be given.

    Every other line is a record by itself: its quotes open at the start of a field, close at the end of a field or are
    doubled between the two, and no escape character is in it.
    """
    delimiter = dialect.delimiter.encode()
    byte = choose_byte(chunk, delimiter)
    if not byte:
        return np.arange(len(chunk.splitlines()))
    quote = dialect.quote.encode()
    if not quote or quote not in chunk:
        return NO_LINES
    text = np.frombuffer(chunk.replace(delimiter, byte) if byte != delimiter else chunk, np.uint8)
    separators = byte + quote + b"\r\n"
    if not (dialect.escape and dialect.escape.encode() in chunk) and is_usual(text, quote[0], separators):
        return NO_LINES
    ends = find_line_ends(text)
    quotes = np.flatnonzero(text == quote[0])
    lines = np.searchsorted(ends, quotes)
    is_first = np.diff(lines, prepend=-1) > 0
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(quotes)) - starts[np.cumsum(is_first) - 1]  # of a quote in its line, from 0
    padded = np.concatenate(([10], text, [10])).astype(np.uint8)
    before, behind = padded[quotes], padded[quotes + 2]
    opens = rank % 2 == 0
    is_strict = np.isin(np.where(opens, before, behind), np.frombuffer(separators, np.uint8))
    counts = np.diff(np.append(starts, len(quotes)))
    unusual = [lines[~is_strict], lines[starts][counts % 2 == 1]]
    if dialect.escape:
        unusual.append(np.searchsorted(ends, np.flatnonzero(text == ord(dialect.escape))))
    return np.unique(np.concatenate(unusual))


def is_usual(text: NDArray[np.uint8], quote: int, separators: bytes) -> bool:
    """Return whether no line is unusual, for text without escapes: five times as fast as to find the lines."""
    is_quote = text == quote
    quotes = np.flatnonzero(is_quote)
    is_separator = np.isin(np.arange(256), np.frombuffer(separators, np.uint8))
    padded = np.concatenate(([10], text, [10])).astype(np.uint8)
    if len(quotes) % 2 or not is_separator[padded[quotes[::2]]].all() or not is_separator[padded[quotes[1::2] + 2]].all():
        return False
    is_quoted = np.bitwise_xor.accumulate(is_quote)
    return not is_quoted[(text == 10) | (text == 13)].any()


def find_line_ends(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the positions of the bytes that end lines: \\n, and \\r without \\n behind it."""
    returns = np.flatnonzero(text == 13)
    if not len(returns):
        return np.flatnonzero(text == 10)
    following = np.append(text, np.uint8(0))[returns + 1]
    return np.sort(np.concatenate([np.flatnonzero(text == 10), returns[following != 10]]))


def parse_lines(chunk: bytes, dialect: Dialect, num_fields: int) -> ParsedLines:
    """Parse lines that `find_unusual_lines` does not list. Fields that are empty and not quoted are null."""
    delimiter, bad_lines, names = dialect.delimiter.encode(), [], [str(k) for k in range(num_fields)]
    byte = choose_byte(chunk, delimiter)
    has_quotes = bool(dialect.quote) and dialect.quote.encode() in chunk

    def skip(row: pa.csv.InvalidRow) -> str:
        bad_lines.append((row.number - 1, row.actual_columns))
        return "skip"

    table = pa.csv.read_csv(
        pa.BufferReader(chunk.replace(delimiter, byte) if byte != delimiter else chunk),
        # One block, one thread: rows are numbered, and a block's end is never inside a line.
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(chunk) + 1, column_names=names),
        parse_options=pa.csv.ParseOptions(
            delimiter=byte.decode(),
            quote_char=dialect.quote if has_quotes else False,
            double_quote=has_quotes,
            escape_char=False,
            invalid_row_handler=skip,
        ),
        convert_options=pa.csv.ConvertOptions(
            check_utf8=False,  # the chunk has been checked as a whole
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).combine_chunks()
    columns = [pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    if has_quotes and byte != delimiter:  # quoted fields may hold the delimiter
        columns = [pc.replace_substring(column, byte.decode(), dialect.delimiter) for column in columns]
    return ParsedLines(columns, bad_lines)
