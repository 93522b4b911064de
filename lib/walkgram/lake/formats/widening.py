"""The type that holds the values of several types of a column without loss."""

from collections.abc import Sequence

import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import types as T

__all__ = ["has_exact_doubles", "widen"]

WHOLE_DIGITS: dict[type[T.DataType], int] = {T.ByteType: 3, T.ShortType: 5, T.IntegerType: 10, T.LongType: 19}
TIMES = (T.DateType, T.TimestampType, T.TimestampNTZType)
MAX_DECIMAL_DIGITS = 38
MAX_EXACT_DOUBLE = 2**53  # above it, a double no longer determines one whole number


def widen(kinds: Sequence[T.DataType]) -> T.DataType | None:
    """Return the type that holds the values of all `kinds` (at least one), None if there is none.

    Whole numbers become the widest of them, with floats doubles (a long only if `has_exact_doubles` says so of its files),
    with decimals decimals; dates and times without a zone become timestamps, in the session's zone, which is UTC. Text fits
    text alone: 7 and "007" are different ids.
    """
    distinct = list(dict.fromkeys(kinds))
    if len(distinct) == 1:
        return distinct[0]
    types = {type(kind) for kind in distinct}
    if types <= set(TIMES):
        return T.TimestampType()
    if types <= set(WHOLE_DIGITS):
        return max(distinct, key=lambda kind: WHOLE_DIGITS[type(kind)])
    if types <= {*WHOLE_DIGITS, T.FloatType, T.DoubleType}:
        return T.DoubleType()
    if types <= {*WHOLE_DIGITS, T.DecimalType}:
        return widen_decimals(distinct)
    return None


def widen_decimals(kinds: Sequence[T.DataType]) -> T.DataType | None:
    """Return the decimal that holds whole numbers and decimals, None if it would have more than 38 digits."""
    sizes = [
        (kind.precision - kind.scale, kind.scale) if isinstance(kind, T.DecimalType) else (WHOLE_DIGITS[type(kind)], 0)
        for kind in kinds
    ]
    whole, scale = (max(column) for column in zip(*sizes, strict=True))
    return T.DecimalType(whole + scale, scale) if whole + scale <= MAX_DECIMAL_DIGITS else None


def has_exact_doubles(system: fs.FileSystem, path: str, name: str) -> bool:
    """Return whether the footer of a Parquet file proves that every number of a column of longs is exact as a double."""
    metadata = pq.read_metadata(path, filesystem=system)
    index = metadata.schema.names.index(name)
    for i in range(metadata.num_row_groups):
        column = metadata.row_group(i).column(index)
        statistics = column.statistics if column.is_stats_set else None
        if statistics is None:
            return False
        is_all_null = statistics.has_null_count and statistics.null_count == column.num_values
        if not is_all_null and not (
            statistics.has_min_max and max(abs(int(statistics.min)), abs(int(statistics.max))) <= MAX_EXACT_DOUBLE
        ):
            return False
    return True
