"""Parquet: files of one table with equal columns and types, or types that can be widened without loss.

Spark takes the schema of one file for all: a column that another file lacks is null there, and one of another type fails or is
misread. So the footers of all files are read here, and files of different schemas are read apart and united.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import Format, SourceFiles, open_reader, read_each
from walkgram.lake.formats.widening import has_exact_doubles, widen

__all__ = ["FORMAT", "read_parquet"]


class FileGroup(NamedTuple):
    """The files of one schema, in order: at least one."""

    schema: pa.Schema
    infos: list[fs.FileInfo]


def read_parquet(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read Parquet files. Raises `InputError` that names the file and the column where the files do not fit together."""
    groups = group_by_schema(files)
    if len(groups) == 1:
        reader = open_reader(spark, files)
        if files.empty:  # Spark would look for the schema in an empty file
            reader = reader.schema(open_reader(spark, files).parquet(files.spark_path(files.infos[0].path)).schema)
        return cast_nanoseconds(reader.parquet(files.spark_uri), groups[0].schema)
    frames = []
    for group in groups:  # a list of paths costs Spark 2 ms a file, a folder 0.2 ms
        paths = [files.spark_path(info.path) for info in group.infos]
        frames.append(cast_nanoseconds(open_reader(spark, files).parquet(*paths), group.schema))
    return unite_groups(frames, groups, files, config)


def group_by_schema(files: SourceFiles) -> list[FileGroup]:
    """Return the files by the names and types of their columns, from their footers; the order of columns does not count."""
    groups: dict[tuple[tuple[str, str], ...], FileGroup] = {}
    schemas = read_each(lambda info: read_schema(files.system, info.path), files)
    for info, schema in zip(files.infos, schemas, strict=True):
        key = tuple(sorted((field.name, str(plain_type(field.type))) for field in schema))
        groups.setdefault(key, FileGroup(schema, [])).infos.append(info)
    return list(groups.values())


def read_schema(system: fs.FileSystem, path: str) -> pa.Schema:
    """Read the schema of a file. Raises `OSError` that names a damaged file."""
    try:
        return pq.read_schema(path, filesystem=system)
    except pa.ArrowInvalid as error:
        raise OSError(f"{path}: {error}") from None


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a file stores for Arrow's: a dictionary and large text are text there."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    return pa.string() if pa.types.is_large_string(kind) else kind


def cast_nanoseconds(frame: DataFrame, schema: pa.Schema) -> DataFrame:
    """Cast the columns that a file's schema says are timestamps of nanoseconds from long to timestamp.

    Spark reads such columns as long under spark.sql.legacy.parquet.nanosAsLong, which the session of a job sets.
    """
    types = dict(frame.dtypes)
    for field in schema:
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns" and types.get(field.name) == "bigint":
            column = "`" + field.name.replace("`", "``") + "`"
            frame = frame.withColumn(field.name, F.expr(f"timestamp_micros({column} div 1000)"))
    return frame


def unite_groups(frames: Sequence[DataFrame], groups: Sequence[FileGroup], files: SourceFiles, config: Input) -> DataFrame:
    """Return the rows of all groups, with the columns that all have, in types that hold the values of each.

    Other columns, which some files lack or hold in types that do not fit together, are left out, unless the configuration
    names them: then `InputError` names the files.
    """
    named = list_named_columns(config)
    targets: dict[str, T.DataType] = {}
    for name in dict.fromkeys(name for frame in frames for name in frame.columns):
        lacking = next((group for frame, group in zip(frames, groups, strict=True) if name not in frame.columns), None)
        target = None if lacking else find_type(name, frames, groups, files)
        if target is not None:
            targets[name] = target
        elif name in named:
            raise InputError(explain_misfit(name, frames, groups, lacking))
    selected = [frame.select(*[quote(name).cast(kind).alias(name) for name, kind in targets.items()]) for frame in frames]
    united = selected[0]
    for other in selected[1:]:
        united = united.unionByName(other)
    return united


def find_type(name: str, frames: Sequence[DataFrame], groups: Sequence[FileGroup], files: SourceFiles) -> T.DataType | None:
    """Return the type that holds the values of a column in all groups, None if there is none."""
    kinds = [frame.schema[name].dataType for frame, group in zip(frames, groups, strict=True) if not is_all_null(name, group)]
    target = widen(kinds) if kinds else frames[0].schema[name].dataType
    if target is None or target != T.DoubleType() or T.LongType() not in kinds:
        return target
    infos = [
        info for frame, group in zip(frames, groups, strict=True) if frame.schema[name].dataType == T.LongType()
        for info in group.infos
    ]  # fmt: skip
    return (
        target
        if all(read_each(lambda info: has_exact_doubles(files.system, info.path, name), files._replace(infos=infos)))
        else None
    )


def is_all_null(name: str, group: FileGroup) -> bool:
    """Return whether a column is null in every row by its type, as pandas writes a column of None."""
    index = group.schema.get_field_index(name)
    return index >= 0 and bool(pa.types.is_null(group.schema.field(index).type))


def list_named_columns(config: Input) -> set[str]:
    """List the columns that the configuration names, and the first parts of dotted names."""
    sections: list[Mapping[str, object]] = [
        section.model_dump() for section in (config.columns, config.item_columns, config.edge_columns)
    ]
    values = [config.explode]
    for value in (value for section in sections for value in section.values()):
        values += value if isinstance(value, list) else [str(value)]
    return {".".join(name.split(".")[:end]) for name in values for end in range(1, name.count(".") + 2)}


def explain_misfit(name: str, frames: Sequence[DataFrame], groups: Sequence[FileGroup], lacking: FileGroup | None) -> str:
    """Explain why a column of some files does not fit the others."""
    remedy = "write the files with equal columns, or set input.interactions to the files that belong together"
    holders = [(frame, group) for frame, group in zip(frames, groups, strict=True) if name in frame.columns]
    if lacking is not None:
        return f"{lacking.infos[0].path} has no column {name!r}, which {holders[0][1].infos[0].path} has: {remedy}"
    first, *others = [(frame.schema[name].dataType, group) for frame, group in holders if not is_all_null(name, group)]
    other = next(pair for pair in others if pair[0] != first[0])
    texts = [f"{group.infos[0].path} as {kind.simpleString()}" for kind, group in (first, other)]
    return f"column {name!r} is in {' and in '.join(texts)}, which no type holds without loss: {remedy}"


def quote(name: str) -> Column:
    """Return the column of this literal name, which may contain dots."""
    return F.col("`" + name.replace("`", "``") + "`")


FORMAT = Format("parquet", (".parquet",), read_parquet)
