"""The user's own tables: found, opened, fingerprinted. CSV with header, Parquet, JSON lines, edge lists; files or folders."""

import csv
import hashlib
import io
from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from walkgram.config.schema import EdgeColumns, Input
from walkgram.errors import InputError
from walkgram.lake import paths
from walkgram.lake.formats import edge_list
from walkgram.lake.sources import archive

__all__ = [
    "SourceFrame",
    "SourcePaths",
    "fingerprint_files",
    "fingerprint_source",
    "is_sample",
    "open_edges",
    "open_side_table",
    "open_source",
    "source_paths",
]

SUFFIXES = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


class SourceFrame(NamedTuple):
    """A source with its own columns; `untyped` where all of them are text (CSV, edge lists)."""

    frame: DataFrame
    untyped: bool


class SourcePaths(NamedTuple):
    """Where the tables of a source lie: its own, the items and the nodes ("": none)."""

    table: str
    items: str = ""
    nodes: str = ""


def open_edges(spark: SparkSession, place: str, config: Input) -> tuple[SourceFrame, EdgeColumns]:
    """An edge table, and what its columns are called; weight is "" where it has none and none was asked for by name.

    Raises `InputError` that names a missing column and its key.
    """
    columns = config.edge_columns
    asked = bool(columns.weight) and "weight" in columns.model_fields_set
    if detect_format(place, config, edges=True) == "edgelist":
        system, _ = paths.resolve(place)
        frame = edge_list.read_edge_list(spark, paths.spark_uri(place), list_data_files(place), system, config.encoding)
        if asked and "weight" not in frame.columns:
            raise InputError(f'{place}: the lines hold no weight {columns.weight!r}: set input.edge_columns.weight to ""')
        source, columns = SourceFrame(frame, True), EdgeColumns(weight="weight" if columns.weight else "")
    else:
        needed = {f"input.edge_columns.{key}": getattr(columns, key) for key in ("src", "dst", *["weight"] * asked)}
        source = open_source(spark, place, config, needed)
    return source, columns.model_copy(update={} if columns.weight in source.frame.columns else {"weight": ""})


def open_side_table(spark: SparkSession, place: str, config: Input, columns: Mapping[str, str]) -> SourceFrame:
    """A table beside the edges (nodes, items, starts): by its suffix where input.format says that they are an edge list."""
    by_suffix = config.model_copy(update={"format": "auto"}) if config.format == "edgelist" else config
    return open_source(spark, place, by_suffix, columns)


def open_source(spark: SparkSession, place: str, config: Input, columns: Mapping[str, str]) -> SourceFrame:
    """A source as a DataFrame.

    `columns` maps each configuration key to the column that must be there. Raises `InputError` that names it otherwise.
    """
    uri, kind = paths.spark_uri(place), detect_format(place, config)
    reader = spark.read.option("__globPaths__", "false")  # a name with [x] is a name, not a pattern
    if not any("=" in part for info in list_data_files(place) for part in info.path.split("/")):
        reader = reader.option("recursiveFileLookup", "true")  # but folders such as day=1 are partitions
    if kind == "csv":
        # All text: types are read with checks that can name the bad value. The header is read here, not by Spark, which
        # would take it from any one of the files.
        tabs = all(file_suffix(info.base_name) == ".tsv" for info in list_data_files(place))
        separator = "\t" if tabs and config.delimiter == "," else config.delimiter
        schema = StructType([StructField(name, StringType()) for name in read_header(place, separator, config.encoding)])
        reader = reader.option("multiLine", config.multiline).option("encoding", config.encoding)
        frame = reader.csv(uri, schema=schema, header=True, sep=separator, escape='"')
    elif kind == "json":
        frame = reader.json(uri)
    else:
        frame = cast_nanoseconds(reader.parquet(uri), place)
    check_columns(place, frame.columns, columns)
    return SourceFrame(frame, kind == "csv")


def read_header(place: str, separator: str, encoding: str) -> list[str]:
    """The column names of CSV files, which must be the same in all. Raises `InputError` that names the odd one out."""
    system, _ = paths.resolve(place)
    first: list[str] | None = None
    for info in list_data_files(place):
        with system.open_input_stream(info.path, compression="detect") as stream:
            marked = "utf-8-sig" if encoding.upper() == "UTF-8" else encoding  # files may begin with a byte order mark
            try:
                text = io.TextIOWrapper(stream, encoding=marked, errors="replace", newline="")
                names = next(csv.reader(text, delimiter=separator), [])
            except (LookupError, OSError, csv.Error) as error:
                raise InputError(f"{info.path}: the header cannot be read ({error}): is input.encoding right?") from None
        if first is not None and names != first:
            raise InputError(
                f"{info.path} has another header than the files before it: set input.interactions to the table's file"
            )
        first = names
    names = [name or f"_c{i}" for i, name in enumerate(first or [])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{place} has more than one column {twice!r}: rename one")
    return names


def cast_nanoseconds(frame: DataFrame, place: str) -> DataFrame:
    """Timestamps of nanoseconds, which Spark reads as longs (session.py), as timestamps; the files' schema tells which."""
    system, _ = paths.resolve(place)
    try:
        schema = pq.read_schema(list_data_files(place)[0].path, filesystem=system)
    except (OSError, pa.ArrowInvalid):
        return frame  # Spark names the damaged file when it reads it
    named = [
        f.name
        for f in schema
        if pa.types.is_timestamp(f.type) and f.type.unit == "ns" and dict(frame.dtypes).get(f.name) == "bigint"
    ]
    for name in named:
        column = "`" + name.replace("`", "``") + "`"
        frame = frame.withColumn(name, F.expr(f"timestamp_micros({column} div 1000)"))
    return frame


def check_columns(place: str, have: list[str], columns: Mapping[str, str]) -> None:
    """Raise `InputError` for the first column that is missing or there twice."""
    if not have or have == ["_corrupt_record"]:
        raise InputError(f"{place}: no columns could be read: is it empty, or is input.format wrong?")
    for key, name in columns.items():
        if have.count(name) != 1:
            fault = "has no column" if name not in have else "has more than one column"
            raise InputError(f"{place} {fault} {name!r}: set {key} to one of {', '.join(have)}")


def list_data_files(place: str) -> list[fs.FileInfo]:
    """The data files of a file or folder, by name. Raises `InputError` where there are none."""
    system, path = paths.resolve(place)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise InputError(
            f"{place}: no such file or folder: check input.path (and .interactions, .items, .nodes) or walks.starts"
        )
    if info.type == fs.FileType.File:
        if info.base_name[0] in "._":
            raise InputError(f"{place}: Spark leaves out files whose names begin with _ or a dot: rename it")
        return [info]
    below = system.get_file_info(fs.FileSelector(path, recursive=True))
    found = [
        i
        for i in sorted(below, key=lambda i: i.path)
        if i.type == fs.FileType.File and not any(part[0] in "._" for part in i.path[len(path) :].split("/") if part)
    ]
    if not found:
        raise InputError(f"{place}: the folder holds no files: check input.path")
    return found


def detect_format(place: str, config: Input, edges: bool = False) -> str:
    """csv, parquet or json, or of edges edgelist: as configured, else by the suffix of the files, which must agree."""
    if config.format == "edgelist" and not edges:
        raise InputError(f"{place}: input.format = edgelist is for the edges of a graph (input.kind = edges)")
    if config.format != "auto":
        list_data_files(place)
        return config.format
    known = SUFFIXES | dict.fromkeys(edge_list.EDGE_LIST_SUFFIXES if edges else (), "edgelist")
    kinds = {known.get(file_suffix(info.base_name), "") for info in list_data_files(place)}
    if len(kinds) != 1 or "" in kinds:
        raise InputError(
            f"{place}: cannot tell the format by the files' suffixes: set input.format to "
            f"{'csv, parquet, json or edgelist' if edges else 'csv, parquet or json'}, "
            "and input.interactions to the table's file where the folder holds several"
        )
    return kinds.pop()


def file_suffix(name: str) -> str:
    """.csv of a.csv and of a.csv.gz."""
    for packed in (".gz", ".bz2", ".zst", ".snappy", ".lz4"):
        name = name.removesuffix(packed)
    return f".{name.rpartition('.')[2].lower()}"


def fingerprint_files(place: str) -> str:
    """SHA-256 of the names, sizes and times of a source's files: another value where any of them changed."""
    listed = [f"{i.path} {i.size} {i.mtime_ns}" for i in list_data_files(place)]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def is_sample(config: Input) -> bool:
    """Whether the source is the generated sample."""
    return config.source == "sample" and not config.path


def fingerprint_source(config: Input) -> dict[str, str]:
    """The fingerprint of every place of a source; none for the sample, which is a function of its configuration."""
    return {} if is_sample(config) else {place: fingerprint_files(place) for place in source_paths(config) if place}


def source_paths(config: Input) -> SourcePaths:
    """The places of a source of files or of an archive; an archive is downloaded at first use."""
    if config.path:
        root = config.path
    elif config.source == "archive":
        root = archive.fetch_archive(config.url, config.sha256, config.cache)
    else:
        raise InputError("input.path is empty: name the folder or file of the interactions or edges (make run INPUT=...)")
    beside = (config.items, config.nodes)
    if paths.is_file(root):  # then it is the table itself, and the others are beside it
        return SourcePaths(root, *(resolve_below(root.rpartition("/")[0] or ".", name) if name else "" for name in beside))
    return SourcePaths(
        resolve_below(root, config.interactions), *(resolve_below(root, name) if name else "" for name in beside)
    )


def resolve_below(root: str, name: str) -> str:
    """`name` inside the folder `root`, unless it is empty or a place of its own."""
    if not name:
        return root
    return name if name.startswith("/") or "://" in name else paths.join_path(root, name)
