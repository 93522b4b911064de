"""Open the tables of a source as DataFrames with the user's own columns."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from walkgram.config.source import EdgeColumns, Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles
from walkgram.lake.formats.registry import detect_format, list_formats
from walkgram.lake.sources.nested import flatten
from walkgram.lake.sources.partitions import add_partition_columns, check_input_files
from walkgram.lake.sources.paths import list_source_files

__all__ = ["SourceFrame", "check_columns", "open_edges", "open_items", "open_nodes", "open_source"]

OPTIONAL = (".rating", ".timestamp", ".title", ".weight")  # keys that "" switches off
DELIMITERS = {"\t": "\\t", ";": ";", "|": "|", "::": "::", ",": ","}

logger = logging.getLogger("walkgram")


class SourceFrame(NamedTuple):
    """A source table with its own columns; `is_text` if every column is text that is still to be parsed."""

    frame: DataFrame
    is_text: bool


def open_source(spark: SparkSession, uri: str, config: Input, columns: Mapping[str, str]) -> SourceFrame:
    """Open a table in the format of input.format.

    `columns` maps a configuration key to the column that it requires. Raises `InputError` that names the key of the first
    column that is missing or occurs twice.
    """
    source_format, files = select_format(uri, config)
    return read_files(spark, source_format, files, config, columns)


def open_edges(spark: SparkSession, uri: str, config: Input) -> tuple[SourceFrame, EdgeColumns]:
    """Open an edge table; return it with the names of its columns.

    The name of the weight is "" if the table has no such column and the configuration does not ask for it by name. Raises
    `InputError` that names a missing column and its key.
    """
    columns = config.edge_columns
    requires_weight = bool(columns.weight) and "weight" in columns.model_fields_set
    source_format, files = select_format(uri, config, is_edges=True)
    if source_format.is_edge_list:
        frame = read_format(spark, source_format, files, config)
        if requires_weight and "weight" not in frame.columns:
            raise InputError(f'{uri}: the lines hold no weight {columns.weight!r}: set input.edge_columns.weight to ""')
        source = SourceFrame(frame, source_format.is_text)
        columns = EdgeColumns(weight="weight" if columns.weight else "")
    else:
        names = ["src", "dst", "weight"] if requires_weight else ["src", "dst"]
        required = {f"input.edge_columns.{name}": getattr(columns, name) for name in names}
        source = read_files(spark, source_format, files, config, required)
    return source, columns.model_copy(update={} if columns.weight in source.frame.columns else {"weight": ""})


def open_items(spark: SparkSession, uri: str, config: Input, columns: Mapping[str, str]) -> SourceFrame:
    """Open the items table by the keys of input.items_format, and by those of input where they are not set."""
    return open_with_own_keys(spark, uri, config, columns, "items_format")


def open_nodes(spark: SparkSession, uri: str, config: Input, columns: Mapping[str, str]) -> SourceFrame:
    """Open the table of nodes by the keys of input.nodes_format, and by those of input where they are not set."""
    return open_with_own_keys(spark, uri, config, columns, "nodes_format")


def open_with_own_keys(
    spark: SparkSession, uri: str, config: Input, columns: Mapping[str, str], side: Literal["items_format", "nodes_format"]
) -> SourceFrame:
    """Open a side table. Its format: the one that its own key names, else by suffix, else that of input.format."""
    formats, files = list_formats(is_edges=False), list_source_files(uri)._replace(keys=f"input.{side}")
    name = getattr(config, side).format
    if name == "auto" and config.format in formats and not has_known_suffixes(files, formats):
        name = config.format
    source_format = formats[name] if name != "auto" else detect_format(files, formats)
    return read_files(spark, source_format, files, config.read_as(side), columns)


def has_known_suffixes(files: SourceFiles, formats: Mapping[str, Format]) -> bool:
    """Return whether the suffixes of the files show their format."""
    try:
        detect_format(files, formats)
    except InputError:
        return False
    return True


def select_format(uri: str, config: Input, is_edges: bool = False) -> tuple[Format, SourceFiles]:
    """Return the format that input.format names, or that the suffixes show, and the files.

    Raises `InputError` if there are no files, the format is unclear, or it does not serve this kind of table.
    """
    formats = list_formats(is_edges)
    if config.format not in ("auto", *formats):
        raise InputError(f"{uri}: input.format = {config.format} is for the edges of a graph (input.kind = edges)")
    files = list_source_files(uri)
    return formats[config.format] if config.format != "auto" else detect_format(files, formats), files


def read_files(
    spark: SparkSession, source_format: Format, files: SourceFiles, config: Input, columns: Mapping[str, str]
) -> SourceFrame:
    """Read the files of a table and check its columns, as `open_source` does."""
    frame = read_format(spark, source_format, files, config)
    if not frame.columns or frame.columns == [CORRUPT_RECORD]:
        raise InputError(f"{files.uri}: no columns could be read: is it empty, or is input.format wrong?")
    frame = flatten(frame, files.uri, config, columns)
    names = [name for name in frame.columns if name != CORRUPT_RECORD]
    try:
        check_columns(files.uri, names, columns)
    except InputError as error:
        raise InputError(
            f"{error}{suggest_keys(names, files.keys)}" if source_format.is_text and config.header else str(error)
        ) from None
    return SourceFrame(frame, source_format.is_text)


def suggest_keys(names: Sequence[str], keys: str) -> str:
    """Return how the columns of text would have other names: by another delimiter, or if the first line is no header."""
    delimiter = next((shown for text, shown in DELIMITERS.items() if len(names) == 1 and text in names[0]), "")
    by_delimiter = f'; is the delimiter right? set {keys}.delimiter = "{delimiter}"' * bool(delimiter)
    return f"{by_delimiter}; set {keys}.header = false if the first line is a row"


def read_format(spark: SparkSession, source_format: Format, files: SourceFiles, config: Input) -> DataFrame:
    """Read the files by the format's reader. Raises `InputError` for files that it cannot open.

    Spark reads the schema here (footers, or all of JSON). What is damaged behind it is found by the job that reads the rows.
    """
    if files.empty:
        num_files = len(files.infos) + len(files.empty)
        logger.warning("%s: %d of %d files are empty (0 bytes) and left out", files.uri, len(files.empty), num_files)
    try:
        frame = source_format.read(spark, files, config)
        if not source_format.is_read_by_spark:
            return frame
        check_input_files(frame, files)
        return add_partition_columns(frame, files)
    except (PySparkException, Py4JError, OSError) as error:
        raise InputError(
            f"{files.uri}: cannot be read as {source_format.name} ({find_cause(str(error))}): replace the file if it is "
            "truncated or damaged, or set input.format to the format that it has"
        ) from error


def find_cause(text: str) -> str:
    """Return the first line of the innermost cause that Spark's text reports, with the file that was read."""
    causes = re.findall(r"^(?:Caused by)?: [\w.$]+: (.+)$", text, re.MULTILINE)
    cause = causes[-1].strip() if causes else next(iter(text.strip().splitlines()), "no cause is given")
    file = re.search(r"reading file (\S.*?)\.\s", text)
    return cause if file is None or file.group(1) in cause else f"{file.group(1)}: {cause}"


def check_columns(source: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
    """Raise `InputError` for the first of `columns` (key -> column) that is missing from `names` or occurs there twice."""
    for key, column in columns.items():
        count = list(names).count(column)
        if count != 1:
            fault = "has more than one column" if count else "has no column"
            absent = ', or to "" if there is none' * key.endswith(OPTIONAL)
            raise InputError(f"{source} {fault} {column!r}: set {key} to one of {', '.join(names)}{absent}")
