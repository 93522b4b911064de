"""The keys of text tables: checks of delimiter, quote, escape and encoding, and the section of a side table's own keys."""

import codecs
import re
from typing import Any, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from walkgram.config.base import Section, key
from walkgram.config.locations import FAULT

__all__ = ["SideFormat", "check_encoding", "check_mark", "find_conflict", "read_delimiter"]

# Codecs of Python that are no encodings of tables.
NO_TEXT = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem")


def refuse(fault: str) -> Exception:
    """Return pydantic's error with this text."""
    return PydanticCustomError(FAULT, "{fault}", {"fault": fault})


def read_delimiter(value: str | None) -> str | None:
    """Return the delimiter; `\\t` and `\\xNN`, as a command line or a literal string of TOML gives them, are one character."""
    if value is None:
        return None
    escaped = re.fullmatch(r"\\(?:t|x([0-9A-Fa-f]{2}))", value)
    if escaped:
        value = chr(int(escaped[1], 16)) if escaped[1] else "\t"
    if set(value) & set("\r\n\x00"):
        raise refuse("a delimiter holds no line end and no NUL")
    return value


def check_mark(value: str | None) -> str | None:
    """Return the quote or escape character. Raises pydantic's error for another character than one of ASCII that is shown."""
    if value and not (value.isascii() and value.isprintable() and value not in " \t"):
        raise refuse('give one character of ASCII, or "" for none')
    return value


def check_encoding(value: str | None) -> str | None:
    """Return the name of an encoding. Raises pydantic's error for a name that Python does not know."""
    try:
        is_known = value is None or is_text_encoding(value)
    except (LookupError, ValueError):  # a NUL in the name
        is_known = False
    if not is_known:
        raise refuse(f"{value!r} is no encoding: name one of Python's, such as UTF-8, latin-1, cp1252, utf-16 or gb18030")
    return value


def is_text_encoding(name: str) -> bool:
    """Return whether a codec of Python is an encoding of text. Raises `LookupError` if there is no such codec."""
    codec = codecs.lookup(name)
    is_text = codec._is_text_encoding and codec.name.replace("_", "-") not in NO_TEXT
    return bool(is_text and codec.incrementaldecoder is not None)


def find_conflict(keys: str, delimiter: str, quote: str, escape: str) -> str:
    """Return what is wrong with the characters of a table, "" where nothing is. keys: the section that has them."""
    if quote and quote in delimiter:
        return f"{keys}.quote {quote!r} is in {keys}.delimiter {delimiter!r}: choose another one, or none"
    if escape and escape in delimiter:
        return f"{keys}.escape {escape!r} is in {keys}.delimiter {delimiter!r}: choose another one, or none"
    if escape and not quote:
        return f'{keys}.escape = {escape!r} has no effect without quotes: set {keys}.quote, or {keys}.escape to ""'
    return ""


class SideFormat(Section):
    """How the table is read where that differs from the interactions or edges; a key that is not set has the value of input."""

    format: Literal["auto", "csv", "parquet", "json"] = key(
        "auto", "as input.format; auto: by suffix, and the value of input.format where the suffix tells nothing"
    )
    delimiter: str | None = key(None, "as input.delimiter", min_length=1, max_length=4)
    header: bool | None = key(None, "as input.header")
    column_names: list[str] = key(list, "as input.column_names, whose value is not taken: the columns are others")
    quote: str | None = key(None, "as input.quote", max_length=1)
    escape: str | None = key(None, "as input.escape", max_length=1)
    encoding: str | None = key(None, "as input.encoding", min_length=1)
    multiline: bool | None = key(None, "as input.multiline")

    read_delimiter = field_validator("delimiter")(read_delimiter)
    check_mark = field_validator("quote", "escape")(check_mark)
    check_encoding = field_validator("encoding")(check_encoding)

    def overrides(self) -> dict[str, Any]:
        """Return the keys of text that are set, by the names that they have in the section input."""
        keys = {name: getattr(self, name) for name in type(self).model_fields if name != "format"}
        return {name: value for name, value in keys.items() if value is not None}
