"""The first lines of each file: the names of the columns, equal in all files, and what stands before the rows."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pyarrow import fs

from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles, read_each
from walkgram.lake.formats.text.decode import read_chunks, read_pieces
from walkgram.lake.formats.text.dialect import Dialect
from walkgram.lake.formats.text.records import Record, is_blank, parse_record

__all__ = ["FileHead", "read_column_names", "read_head", "read_heads"]

HEAD_BYTES = 1 << 16
MAX_HEAD_BYTES = 4 << 20
NUM_PEEKED = 100  # records of a file without a header whose most frequent number of fields is that of the table
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
OTHER_DELIMITERS = ("::", "\t", ";", "|", ",", " ")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "UTF-8"}


class FileHead(NamedTuple):
    """The start of a file: the fields of its first record ([]: an empty file), how many lines that record ends at.

    `num_fields` is the most frequent number of fields in the first records.
    """

    fields: list[str | None]
    num_lines: int
    num_fields: int


def read_heads(files: SourceFiles, dialect: Dialect) -> list[FileHead]:
    """Return the head of every file."""
    return list(read_each(lambda info: read_head(files.system, info.path, dialect), files))


def read_head(system: fs.FileSystem, path: str, dialect: Dialect) -> FileHead:
    """Read the head of a file. Raises `InputError` if its first record cannot be read."""
    pieces = read_pieces(system, path, HEAD_BYTES)
    text = b""
    for chunk in read_chunks(pieces, dialect.encoding):
        text += chunk
        lines = text.splitlines(keepends=True)
        first = next((k for k, line in enumerate(lines) if not is_blank(line)), len(lines))
        if first < len(lines):
            record = parse_record(lines, first, dialect, None)
            if not record.is_open or len(text) > MAX_HEAD_BYTES:
                break
    else:
        if not text.strip():
            return FileHead([], 0, 0)
    if record.fault and dialect.has_header:
        check_mark(system, path, dialect)
        raise InputError(f"{path}: the header cannot be read: {record.fault}")
    counts = Counter(len(fields) for fields in split_lines(lines[first:], dialect))
    return FileHead(record.fields, first + record.num_lines, counts.most_common(1)[0][0])


def split_lines(lines: Sequence[bytes], dialect: Dialect) -> list[list[str | None]]:
    """Return the fields of the first records; of a faulty one, those before the fault."""
    records: list[Record] = []
    line = 0
    while line < len(lines) and len(records) < NUM_PEEKED:
        record = parse_record(lines, line, dialect, None)
        if not is_blank(lines[line]):
            records.append(record)
        line += record.num_lines
    return [record.fields for record in records]


def check_mark(system: fs.FileSystem, path: str, dialect: Dialect) -> None:
    """Raise `InputError` if a file begins with the byte order mark of another encoding."""
    start = next(read_pieces(system, path, 4), b"")
    for mark, encoding in MARKS.items():
        if start.startswith(mark) and not dialect.encoding.lower().replace("_", "-").startswith(encoding.lower()):
            raise InputError(
                f"{path} begins with the byte order mark of {encoding.upper()}: set {dialect.keys}.encoding = {encoding}"
            )


def read_column_names(files: SourceFiles, dialect: Dialect, heads: Sequence[FileHead]) -> list[str]:
    """Return the names of the columns: of the header, of input.column_names, or the positions 0, 1, ...

    [] if no file has a record. Raises `InputError` that names a file with another header, columns of one name, or a header
    that consists of numbers.
    """
    present = [(info, head) for info, head in zip(files.infos, heads, strict=True) if head.fields or head.num_fields]
    if not present:
        return []
    for info, head in present:
        if any(
            mark in (head.fields[0] or "") for mark in ("\ufffd\ufffd", "\u00ef\u00bb\u00bf", "\u00ff\u00fe") if head.fields
        ):
            check_mark(files.system, info.path, dialect)
    if not dialect.has_header:
        return name_by_position(files, dialect, Counter(head.num_fields for _, head in present).most_common(1)[0][0])
    headers = [tuple(head.fields) for _, head in present]
    expected = Counter(headers).most_common(1)[0][0]
    for (info, _), header in zip(present, headers, strict=True):
        if header != expected:
            raise InputError(
                f"{info.path} has another header than {headers.count(expected)} of the {len(headers)} files "
                f"({describe_difference(header, expected)}): set input.interactions to the table's file"
            )
    check_header_of_numbers(present[0][0].path, expected, dialect)
    return [name or f"_c{k}" for k, name in enumerate(expected)]


def name_by_position(files: SourceFiles, dialect: Dialect, num_fields: int) -> list[str]:
    """Return the names of the columns of files without a header."""
    names = list(dialect.column_names) or [str(k) for k in range(num_fields)]
    if len(names) != num_fields:
        raise InputError(
            f"{files.uri}: {dialect.keys}.column_names has {len(names)} names, and the first lines have {num_fields} fields: "
            f"name every column, and check {dialect.keys}.delimiter"
        )
    return names


def describe_difference(header: Sequence[str | None], expected: Sequence[str | None]) -> str:
    """Describe how a header differs from the expected one."""
    missing, further = ([name or '""' for name in a if name not in b] for a, b in ((expected, header), (header, expected)))
    parts = [f"it lacks {', '.join(missing)}"] * bool(missing) + [f"it has {', '.join(further)}"] * bool(further)
    if not parts:
        return "the same names in another order" if len(header) == len(expected) else "names are repeated"
    return " and ".join(parts)


def check_header_of_numbers(path: str, header: Sequence[str | None], dialect: Dialect) -> None:
    """Raise `InputError` if a header consists of numbers, also where another delimiter would split it into numbers."""
    if dialect.trusts_header or not header[0]:
        return
    splits = {dialect.delimiter: [name or "" for name in header]}
    if len(header) == 1:
        splits |= {other: header[0].split(other) for other in OTHER_DELIMITERS if other in header[0]}
    for delimiter, names in splits.items():
        if all(NUMBER.fullmatch(name) for name in names):
            shown = {"\t": "\\t"}.get(delimiter, delimiter)
            delimiter_key = f'{dialect.keys}.delimiter = "{shown}", ' * (delimiter != dialect.delimiter)
            raise InputError(
                f"{path}: the first line, {dialect.delimiter.join(name or '' for name in header)[:100]}, holds numbers, not "
                f"names: set {delimiter_key}{dialect.keys}.header = false and {dialect.keys}.column_names to the names of the "
                f"columns, or {dialect.keys}.header = true if it is the header"
            )
