"""Print a digest of every table of some lakes, to compare two versions of the code: equal tables have equal digests.

    python tests/support/table_digests.py LAKE...

Left out is what differs from run to run by design: manifests, wall seconds, run ids. Rows are compared in the order of the
table's key, so that the number of files and their names do not matter; block files are compared byte for byte.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["digest_lake", "read_digests"]

VOLATILE = {"seconds", "run_id"}
# Names of tables and columns that have changed, so that lakes of older versions can be compared.
RENAMED = {"below": "interactions_rejected", "tokens": "node_visits"}
RENAMED_COLUMNS = {"held_out": "validation_loss"}
RENAMED_ARRAYS = {"slots": "alias_table", "back": "reverse_probabilities", "symmetric": "is_symmetric"}


def digest_lake(lake: Path) -> Iterator[tuple[str, int, str]]:
    """Yield (table, rows or files, SHA-256) of every table of a lake, by name."""
    for folder in sorted(lake.iterdir()):
        if folder.is_dir() and folder.name[0] not in "._":
            name = RENAMED.get(folder.name, folder.name)
            blocks = sorted(folder.rglob("*.npy"))
            if blocks:
                yield name, len(blocks), digest_files(folder, blocks)
            elif any(folder.glob("*.parquet")):
                yield name, *digest_table(folder)
            else:
                texts = sorted(f for f in folder.iterdir() if f.suffix in (".tsv", ".csv"))
                yield name, len(texts), digest_files(folder, texts)


def read_digests(lake: Path) -> dict[str, str]:
    """Return the digest of every table of a lake by name."""
    return {table: digest for table, _, digest in digest_lake(lake)}


def digest_files(folder: Path, files: list[Path]) -> str:
    """Return the SHA-256 of files and their names below a folder, in the order of their present names."""
    names = {str(file.relative_to(folder).with_stem(RENAMED_ARRAYS.get(file.stem, file.stem))): file for file in files}
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + names[name].read_bytes())
    return digest.hexdigest()


def digest_table(folder: Path) -> tuple[int, str]:
    """Return the rows and the SHA-256 of a Parquet table, its rows sorted by all columns that can be sorted."""
    table = pq.read_table(folder)
    table = table.rename_columns([RENAMED_COLUMNS.get(name, name) for name in table.column_names])
    table = table.select(sorted(set(table.column_names) - VOLATILE))
    keys = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
    table = table.sort_by([(name, "ascending") for name in keys])
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(f"{field.name} {field.type}".encode())
        digest.update(
            repr(table[field.name].to_pylist()).encode() if table.num_rows < 10**5 else column_bytes(table[field.name])
        )
    return table.num_rows, digest.hexdigest()


def column_bytes(column: pa.ChunkedArray) -> bytes:
    """Return the values of a large column as bytes; lists by their lengths and values."""
    whole = column.combine_chunks()
    if pa.types.is_list(whole.type):
        lengths: np.ndarray = whole.value_lengths().to_numpy(zero_copy_only=False)
        return lengths.tobytes() + column_bytes(pa.chunked_array([whole.flatten()]))
    if pa.types.is_string(whole.type):
        return repr(whole.to_pylist()).encode()
    valid = np.asarray(whole.is_valid())
    values: np.ndarray = whole.fill_null(0).to_numpy(zero_copy_only=False)
    return valid.tobytes() + values.tobytes()


if __name__ == "__main__":
    for place in sys.argv[1:]:
        for table, count, text in digest_lake(Path(place)):
            print(f"{Path(place).name:12} {table:24} {count:9} {text}")
