"""Read a text table as the tasks of Spark do, without Spark."""

from pathlib import Path
from typing import NamedTuple

from walkgram.config.load import load_config
from walkgram.lake.formats.partition_keys import list_partition_keys
from walkgram.lake.formats.text.dialect import resolve_dialect
from walkgram.lake.formats.text.head import read_column_names, read_heads
from walkgram.lake.formats.text.tasks import TextTable, list_splits, read_split
from walkgram.lake.sources.paths import list_source_files


class ReadTable(NamedTuple):
    """A table: the names of its columns, its good rows and the faults of the others, each in order."""

    names: list[str]
    rows: list[tuple[str | None, ...]]
    faults: list[str]


def read_table(path: Path, *keys: str, max_bytes: int = 1 << 30) -> ReadTable:
    """Read a file or folder under keys such as `quote=`, in splits of `max_bytes` where it can be cut."""
    files = list_source_files(str(path))
    dialect = resolve_dialect(files, load_config(None, [f"input.{key}" for key in keys]).input)
    heads = read_heads(files, dialect)
    names = read_column_names(files, dialect, heads)
    table = TextTable(files.uri, dialect, tuple(names), tuple(list_partition_keys(files)))
    splits = list_splits(files, table, heads, max_bytes)
    rows = [tuple(row.values()) for split in splits for batch in read_split(table, split) for row in batch.to_pylist()]
    good = [row[:-1] for row in rows if row[-1] is None]
    assert all(set(row[:-1]) <= {None} or table.partition_names for row in rows if row[-1] is not None)
    return ReadTable([*names, *table.partition_names], good, [str(row[-1]) for row in rows if row[-1] is not None])
