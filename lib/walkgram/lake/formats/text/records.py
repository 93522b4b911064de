"""Lines -> the fields of one record, strictly by RFC 4180: for the lines that Arrow's parser would read too leniently.

A quote opens only at the start of a field; behind the closing quote only a delimiter or a line end may follow. Quotes inside
a quoted field are doubled or preceded by the escape character. Other quotes are plain text.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from walkgram.lake.formats.text.dialect import Dialect

__all__ = ["Record", "is_blank", "is_empty", "parse_record"]


class Record(NamedTuple):
    """A record: its fields (None: empty and not quoted), or its fault; and the lines that it takes, 1 for a faulty one.

    With a fault, the fields are at most those before it.

    `is_open`: a quoted field does not end in the lines at hand, which further lines may mend.
    """

    fields: list[str | None]
    fault: str = ""
    num_lines: int = 1
    is_open: bool = False


class QuotedField(NamedTuple):
    """A quoted field that ends at `position` of line `line`; position -1: its quote is not closed."""

    text: str
    line: int
    position: int


def is_empty(line: bytes) -> bool:
    """Return whether a line holds nothing."""
    return not line.strip(b"\r\n")


def is_blank(line: bytes) -> bool:
    """Return whether a line holds nothing but spaces."""
    return not line.strip(b" \r\n")


def parse_record(lines: Sequence[bytes], first: int, dialect: Dialect, num_fields: int | None) -> Record:
    """Read the record that begins at line `first`; each line has its line end. num_fields: None if any number is right."""
    record = split_record(lines, first, dialect)
    if record.fault:
        return record
    if num_fields is not None and len(record.fields) != num_fields:
        return Record([], describe_count(len(record.fields), num_fields, dialect))
    if record.num_lines > 1 and num_fields is not None and not dialect.trusts_quotes:
        span = lines[first : first + record.num_lines]
        if could_be_rows(span, dialect, num_fields):
            return Record(
                [],
                f"a quoted field spans {record.num_lines} lines that are rows by themselves: a quote is probably not "
                f'closed (set {dialect.keys}.quote = "" if quotes are plain text, {dialect.keys}.multiline = true if not)',
            )
    return record


def describe_count(count: int, expected: int, dialect: Dialect) -> str:
    """Describe a wrong number of fields."""
    where = "the header has" if dialect.has_header else "the table has"
    return f"{count} field{'s' * (count != 1)} where {where} {expected}"


def split_record(lines: Sequence[bytes], first: int, dialect: Dialect) -> Record:
    """Split the record at line `first`, whatever the number of its fields."""
    fields: list[str | None] = []
    line, text, position = first, lines[first].decode(), 0
    while True:
        content = len(text.rstrip("\r\n"))
        if dialect.quote and text.startswith(dialect.quote, position):
            field = read_quoted(lines, line, position + 1, dialect)
            if field.position < 0:
                return Record(fields, describe_open_quote(len(fields) + 1, dialect), is_open=field.line == len(lines))
            if field.line != line:
                line, text = field.line, lines[field.line].decode()
                content = len(text.rstrip("\r\n"))
            position = field.position
            if position < content and not text.startswith(dialect.delimiter, position):
                if line > first:  # the quote that was taken for the closing one opens a field of a later row
                    return Record([], describe_open_quote(len(fields) + 1, dialect))
                return Record([], describe_text_after_quote(len(fields) + 1, text[position - 2], dialect))
            fields.append(field.text)
        else:
            end = text.find(dialect.delimiter, position, content)
            end = content if end < 0 else end
            fields.append(text[position:end] or None)
            position = end
        if position >= content:
            return Record(fields, num_lines=line - first + 1)
        position += len(dialect.delimiter)


def read_quoted(lines: Sequence[bytes], line: int, position: int, dialect: Dialect) -> QuotedField:
    """Read a quoted field from behind its opening quote."""
    quote, escape = dialect.quote, dialect.escape
    special = re.compile(f"[{re.escape(quote + escape)}]")
    parts: list[str] = []
    text = lines[line].decode()
    while True:
        match = special.search(text, position)
        if match is None:
            parts.append(text[position:])
            line, position = line + 1, 0
            if line == len(lines) or not dialect.multiline:
                return QuotedField("", line if dialect.multiline else -1, -1)
            text = lines[line].decode()
            continue
        parts.append(text[position : match.start()])
        following = text[match.end() : match.end() + 1]
        if match.group() == quote and following != quote:
            return QuotedField("".join(parts), line, match.end())
        is_escaped = bool(following) and following in (quote, escape)
        parts.append(following if is_escaped else match.group())
        position = match.end() + is_escaped


def describe_open_quote(number: int, dialect: Dialect) -> str:
    """Describe a quote that is not closed. number: that of the field, from 1."""
    where = "" if dialect.multiline else f" on its line, as {dialect.keys}.multiline = false asks"
    return f'the quote that opens field {number} is not closed{where} (set {dialect.keys}.quote = "" if quotes are plain text)'


def describe_text_after_quote(number: int, before: str, dialect: Dialect) -> str:
    """Describe text behind a closing quote. before: the character before that quote."""
    if before == "\\" and not dialect.escape:
        remedy = f'{dialect.keys}.escape = "\\\\" if a backslash precedes quotes'
    else:
        remedy = f'{dialect.keys}.quote = "" if quotes are plain text'
    return f"text follows the quote that closes field {number} (set {remedy})"


def could_be_rows(lines: Sequence[bytes], dialect: Dialect, num_fields: int) -> bool:
    """Return whether each line of a record with a field that spans lines has the right number of fields by itself.

    The open field of the first line ends with the line, or is split like text without quotes.
    """
    alone = dialect._replace(multiline=False)
    num_before_quote = len(split_record(lines, 0, alone).fields)
    num_split = len(lines[0].decode().rstrip("\r\n").split(dialect.delimiter))
    if num_fields not in (num_before_quote + 1, num_split):
        return False
    others = [split_record(lines, k, alone) for k in range(1, len(lines))]
    return all(not record.fault and len(record.fields) == num_fields for record in others)
