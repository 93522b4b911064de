"""JSON: one object a line, or one value (an object or an array of objects) over several lines; types inferred by Spark."""

import codecs
import itertools
import json
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles, open_reader, read_each

__all__ = ["FORMAT", "read_json"]

PEEKED_BYTES = 1 << 16
CHUNK_BYTES = 1 << 22
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
FAULT_CHARACTERS = 100


class JsonForm(NamedTuple):
    """The form of a JSON file: whether it is one value over several lines, and whether other values follow the first."""

    path: str
    is_multiline: bool
    has_more_values: bool = False


def read_json(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read files of JSON lines, or of one value each; `_corrupt_record` says of a line that it is not JSON.

    Raises `InputError` where the files have different forms, or a value over several lines is followed by another.
    """
    forms = list(read_each(lambda info: detect_form(files.system, info), files))
    if more := next((form.path for form in forms if form.has_more_values), None):
        raise InputError(
            f"{more}: several JSON values over several lines, of which Spark reads the first alone: write one object a line, "
            f"such as by: jq -c . {more}"
        )
    is_multiline = forms[0].is_multiline
    if other := next((form.path for form in forms if form.is_multiline != is_multiline), None):
        raise InputError(
            f"{other} and {forms[0].path}: one is one JSON value over several lines, the other has one object a line: "
            "convert one, or set input.interactions to the table's file"
        )
    frame = open_reader(spark, files).option("multiLine", is_multiline).json(files.spark_uri)
    return describe_corrupt_records(frame, "a file" if is_multiline else "a line")


def describe_corrupt_records(frame: DataFrame, subject: str) -> DataFrame:
    """Turn Spark's column of text that is not JSON, if there is one, into the fault of the row."""
    if CORRUPT_RECORD not in frame.columns:
        return frame
    text = F.regexp_replace(F.substring(CORRUPT_RECORD, 1, FAULT_CHARACTERS), r"\s+", " ")
    return frame.withColumn(CORRUPT_RECORD, F.concat(F.lit(f"{subject} is not JSON: "), text))


def detect_form(system: fs.FileSystem, info: fs.FileInfo) -> JsonForm:
    """Detect the form of a file from its first lines; a file of one value over several lines is read to its end.

    Raises `OSError` that names a damaged file.
    """
    try:
        with system.open_input_stream(info.path, compression="detect") as stream:
            start = bytes(stream.read(PEEKED_BYTES)).removeprefix(codecs.BOM_UTF8)
            if not is_multiline_start(start):
                return JsonForm(info.path, False)
            chunks = itertools.chain([start], iter(lambda: bytes(stream.read(CHUNK_BYTES)), b""))
            return JsonForm(info.path, True, has_more_values(chunks))
    except OSError as error:
        raise OSError(f"{info.path}: {error}") from None


def is_multiline_start(start: bytes) -> bool:
    """Return whether the first bytes of a file begin a value that does not end on its first line.

    A first line that was cut short is no such value: the next line is then an object of its own, not a key or an entry.
    """
    lines = [line.strip() for line in start.split(b"\n") if line.strip()]
    if len(lines) < 2 or is_json(lines[0]):
        return False
    if lines[0].startswith(b"["):
        return True
    return lines[0].startswith(b"{") and not lines[1].startswith(b"{")


def is_json(line: bytes) -> bool:
    """Return whether a line is a complete JSON value."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def has_more_values(chunks: Iterable[bytes]) -> bool:
    """Return whether anything but blanks follows the first complete value of a JSON text.

    Strings are replaced; then the brackets outside them are summed: the value is complete where the sum is 0 again.
    """
    rest, depth, is_complete = b"", 0, False
    for chunk in chunks:
        text = STRING.sub(b"0", rest + chunk)
        quote = text.find(b'"')  # a string that ends in a later chunk
        rest, text = (text[quote:], text[:quote]) if quote >= 0 else (b"", text)
        codes = np.frombuffer(text, np.uint8)
        steps = np.isin(codes, (0x5B, 0x7B)).astype(np.int64) - np.isin(codes, (0x5D, 0x7D))
        depths = depth + np.cumsum(steps)
        if not is_complete:
            ends = np.flatnonzero((depths == 0) & (steps == -1))
            if len(ends):
                is_complete, text = True, text[ends[0] + 1 :]
        if is_complete and (text.strip() or rest):
            return True
        depth = int(depths[-1]) if len(depths) else depth
    return False


FORMAT = Format("json", (".json", ".jsonl", ".ndjson"), read_json)
