"""The lines of edge lists and adjacency lists: comments, fields, and the first lines of each file.

Spark's rows of text have no order, so what depends on a line's place in its file (comments at the top, a header) is read here,
and Spark then drops the lines of the same text.
"""

import io
import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from pyarrow import fs
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import SourceFiles, open_reader, read_each

__all__ = ["EdgeListHead", "decode_delimiter", "read_edge_list_heads", "read_lines", "separator_pattern", "split_fields"]

BLANKS = r"[ \t]+"
TOP_COMMENT = ("#", "%")
ENCODINGS = ("UTF-8", "US-ASCII", "ISO-8859-1")  # supersets of ASCII: Spark splits the bytes at line ends
NUM_PEEKED_LINES = 100  # lines of a file, comments not counted, from which the form is detected
MAX_COMMENTS = 10_000
OTHER_FORMATS = (
    (re.compile(r"%%MatrixMarket\b", re.IGNORECASE), 'MatrixMarket: set input.format = "matrix_market"'),
    (re.compile(r"<\?xml|<graphml"), "XML (GraphML?), which is not read: convert it, such as by networkx, to an edge list"),
    (re.compile(r"graph\s*\[?$|Creator\s+\""), "GML, which is not read: convert it, such as by networkx, to an edge list"),
    (re.compile(r"\*Vertices\b", re.IGNORECASE), "Pajek, which is not read: convert it, such as by networkx, to an edge list"),
    (re.compile(r"PAR1|\x1f\x8b|\x89HDF"), "binary: set input.format to the format that it has"),
)


class EdgeListHead(NamedTuple):
    """The first lines of a file, without blanks at their ends: the comments at the top, and up to 100 lines after them."""

    path: str
    comments: Sequence[str]
    lines: Sequence[str]


def decode_delimiter(config: Input) -> str:
    """Return the delimiter of the fields, with a written \\t as a tab; "" stands for blanks."""
    return config.edge_list.delimiter.replace("\\t", "\t")


def separator_pattern(delimiter: str) -> str:
    """Return the regular expression, for Python and for Java, at which a line is split."""
    return re.sub(r".", lambda match: f"\\u{ord(match[0]):04x}", delimiter, flags=re.DOTALL) or BLANKS


def split_fields(line: str, delimiter: str) -> list[str]:
    """Split a line into fields without blanks at their ends."""
    return [field.strip(" \t") for field in re.split(separator_pattern(delimiter), line)]


def strip_ends(delimiter: str) -> str:
    """Return the characters to strip from the ends of a line: blanks, but no delimiter, which would hide an empty field."""
    return " \t".replace(delimiter, "") if delimiter else " \t"


def read_edge_list_heads(files: SourceFiles, config: Input) -> list[EdgeListHead]:
    """Read the first lines of every file.

    Raises `InputError` for an encoding that cannot be read, a file that cannot be opened, and a file of another format.
    """
    if config.encoding.upper() not in ENCODINGS:
        raise InputError(
            f"input.encoding = {config.encoding}: edge lists are read as UTF-8, US-ASCII or ISO-8859-1: convert the file"
        )
    heads = list(read_each(lambda info: read_edge_list_head(files.system, info.path, config), files))
    if sum(len(head.comments) for head in heads) > MAX_COMMENTS and count_comments(heads) > MAX_COMMENTS:
        raise InputError(
            f"{files.uri}: more than {MAX_COMMENTS:,} lines at the tops of the files begin with # or %: set input.comment to "
            'the start of comments, or to "none" if these lines are edges'
        )
    return heads


def count_comments(heads: Sequence[EdgeListHead]) -> int:
    """Return the number of different comments."""
    return len({comment for head in heads for comment in head.comments})


def read_edge_list_head(system: fs.FileSystem, path: str, config: Input) -> EdgeListHead:
    """Read the first lines of a file."""
    codec = "utf-8-sig" if config.encoding.upper() == "UTF-8" else config.encoding
    ends = strip_ends(decode_delimiter(config)) + "\n"
    comments: list[str] = []
    try:
        with system.open_input_stream(path, compression="detect") as stream:
            text = io.TextIOWrapper(stream, encoding=codec, errors="replace")
            lines = (line for line in (line.strip(ends) for line in text) if line)
            lines = (line for line in lines if not (is_comment(line, config) and config.comment))
            first = next(lines, None)
            while first is not None and not config.comment and first.startswith(TOP_COMMENT) and len(comments) <= MAX_COMMENTS:
                check_format(path, first)
                comments.append(first)
                first = next(lines, None)
            peeked = [] if first is None else [first, *islice(lines, NUM_PEEKED_LINES - 1)]
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read: {error}") from None
    if peeked:
        check_format(path, peeked[0])
    return EdgeListHead(path, comments, peeked)


def is_comment(line: str, config: Input) -> bool:
    """Return whether a line is a comment by input.comment."""
    return config.comment not in ("", "none") and line.startswith(config.comment)


def check_format(path: str, line: str) -> None:
    """Raise `InputError` if the line shows that the file is no edge list."""
    for pattern, name in OTHER_FORMATS:
        if pattern.match(line):
            raise InputError(f"{path} is {name}")


def read_lines(spark: SparkSession, files: SourceFiles, config: Input, dropped: Sequence[str]) -> DataFrame:
    """Read the lines of all files as the column `line`, without comments, empty lines, and the lines equal to `dropped`."""
    text = open_reader(spark, files).text(files.spark_uri)
    lines = text.select(strip_line(F.col("value"), config).alias("line")).where(F.col("line") != "")
    if config.comment not in ("", "none"):
        lines = lines.where(~F.col("line").startswith(config.comment))
    return lines.where(~F.col("line").isin(*dropped)) if dropped else lines


def strip_line(line: Column, config: Input) -> Column:
    """Remove blanks at both ends and a byte order mark; bytes that are not UTF-8 become U+FFFD."""
    is_utf8 = config.encoding.upper() == "UTF-8"
    text = F.make_valid_utf8(line) if is_utf8 else F.decode(line.cast("binary"), config.encoding)
    ends = strip_ends(decode_delimiter(config))
    if not ends:
        return F.regexp_replace(text, r"^\ufeff", "")
    return F.regexp_replace(text, rf"^\ufeff?[{ends}]+|^\ufeff|[{ends}]+$", "")
