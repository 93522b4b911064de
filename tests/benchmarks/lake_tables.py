"""Write tables of a lake for a benchmark, in place of the job that makes them."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from walkgram.lake.manifest import make_manifest
from walkgram.lake.transaction import Transaction


def write_tables(root: Path, job: str, contents: Mapping[str, pa.Table], num_files: int) -> None:
    """Commit tables as a run of the job does, each in `num_files` Parquet files."""
    with Transaction(str(root), make_manifest(job, {}, {}, "benchmark"), tuple(contents)) as out:
        for name, table in contents.items():
            folder = Path(out.folder(name))
            folder.mkdir(parents=True)
            size = -(-len(table) // num_files)
            for k in range(num_files):
                pq.write_table(table[k * size : (k + 1) * size], folder / f"part-{k}.parquet", compression="zstd")
            out.rows[name] = len(table)
