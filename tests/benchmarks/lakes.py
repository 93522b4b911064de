"""Lakes whose tables a benchmark makes itself, in place of the job that would have made them."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from walkgram.lake.manifest import make_manifest
from walkgram.lake.transaction import Transaction


def written(root: Path, job: str, made: Mapping[str, pa.Table], files: int) -> None:
    """Commit tables as the run of a job would have, each in so many Parquet files."""
    with Transaction(str(root), make_manifest(job, {}, {}, "benchmark"), tuple(made)) as out:
        for name, table in made.items():
            folder = Path(out.folder(name))
            folder.mkdir(parents=True)
            size = -(-len(table) // files)
            for k in range(files):
                pq.write_table(table[k * size : (k + 1) * size], folder / f"part-{k}.parquet", compression="zstd")
            out.rows[name] = len(table)
