"""A DataFrame of the user as a source, beside files."""

import hashlib
from collections.abc import Mapping

from pyspark.sql import DataFrame

from walkgram.errors import InputError
from walkgram.lake.sources.open import SourceFrame, check_columns

__all__ = ["fingerprint_frame", "open_frame"]


def open_frame(frame: DataFrame, columns: Mapping[str, str]) -> SourceFrame:
    """Return a DataFrame as a source table; its types are the user's, so none of its columns is parsed as CSV text is.

    `columns` maps a configuration key to the column that it requires. Raises `InputError` if the object is no batch
    DataFrame of Spark, or, with the name of the key, for the first column that is missing or occurs twice.
    """
    check_frame(frame)
    check_columns("the DataFrame", frame.columns, columns)
    return SourceFrame(frame, is_text=False)


def fingerprint_frame(frame: DataFrame, tag: str = "") -> str:
    """Return `tag` if given, else the SHA-256 of the DataFrame's semantic hash and schema.

    The semantic hash (`DataFrame.semanticHash`) is that of the plan, not of the data. When files that the plan reads change
    in place it stays the same, so the change is not detected. For data in memory it differs for each DataFrame, and for
    Parquet files in each session, so the job runs again although the rows may be equal. Give a tag, such as the version or
    the date of the data, to decide when a job runs again.

    Raises `InputError` if the object is no batch DataFrame of Spark.
    """
    check_frame(frame)
    return tag or hashlib.sha256(f"{frame.semanticHash()} {frame.schema.json()}".encode()).hexdigest()


def check_frame(frame: object) -> None:
    """Raise `InputError` if an object is no batch DataFrame of Spark."""
    if not isinstance(frame, DataFrame):
        raise InputError(f"the source is a {type(frame).__name__}: give a DataFrame of pyspark, or a path")
    if frame.isStreaming:
        raise InputError("the DataFrame is a stream: give a batch DataFrame")
