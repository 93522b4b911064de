"""A DataFrame of the user as the source: its columns, the names that the configuration gives them, and its fingerprint."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram.config.source import Input
from walkgram.errors import ConfigError, InputError
from walkgram.lake.sources.open import SourceFrame, check_columns

__all__ = ["fingerprint_frame", "name_columns", "open_frame"]

OPTIONAL_COLUMNS = {"columns": ("rating", "timestamp"), "edge_columns": ("weight",)}


def open_frame(frame: DataFrame, columns: Mapping[str, str]) -> SourceFrame:
    """Return the required columns of a DataFrame as a source table, with the types that they have.

    `columns` maps a configuration key to the column that it requires. Raises `InputError` if the object is no batch
    DataFrame of Spark, or, with the name of the key, for the first column that is missing or occurs twice.
    """
    check_frame(frame)
    check_columns("the DataFrame", frame.columns, columns)
    names = ["`" + name.replace("`", "``") + "`" for name in dict.fromkeys(columns.values())]  # a.b is a name, not a field
    return SourceFrame(frame.select(*names), is_text=False)


def fingerprint_frame(frame: DataFrame, tag: str = "") -> str:
    """Return the SHA-256 of a DataFrame's schema and of `tag`, or without a tag of its semantic hash.

    The semantic hash (`DataFrame.semanticHash`) is that of the plan, not of the data. When files that the plan reads change
    in place it stays the same, so the change is not detected. For data in memory it differs for each DataFrame, and for
    Parquet files in each session, so the job runs again although the rows may be equal. Give a tag, such as the version or
    the date of the data, to decide when a job runs again.

    Raises `InputError` if the object is no batch DataFrame of Spark.
    """
    check_frame(frame)
    content = f"tag {tag}" if tag else f"plan {frame.semanticHash()}"
    return hashlib.sha256(f"{content} {frame.schema.simpleString()}".encode()).hexdigest()


def check_frame(frame: object) -> None:
    """Raise `InputError` if an object is no batch DataFrame of Spark."""
    if not isinstance(frame, DataFrame):
        raise InputError(f"the source is a {type(frame).__name__}: give a DataFrame of pyspark, or a path")
    if frame.isStreaming:
        raise InputError("the DataFrame is a stream: give a batch DataFrame")


def name_columns(config: Input, frame: DataFrame | None, columns: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the change of the section `input` that names a source's columns.

    `columns` maps walkgram's names of columns to those of the source. An optional column that is neither named nor in the
    DataFrame is set to "", absent. Raises `ConfigError` for a name that walkgram does not have.
    """
    section = "edge_columns" if config.kind == "edges" else "columns"
    current = getattr(config, section)
    names = set(type(current).model_fields)
    unknown = set(columns or {}) - names
    if unknown:
        raise ConfigError(f"columns: {', '.join(sorted(unknown))}: no such column; there are {', '.join(sorted(names))}")
    changes = dict(columns or {})
    if frame is not None:
        for name in OPTIONAL_COLUMNS[section]:
            if name not in changes and name not in current.model_fields_set and getattr(current, name) not in frame.columns:
                changes[name] = ""
    return {section: current.model_copy(update=changes)} if changes else {}
