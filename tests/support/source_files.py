"""Files of sources, written from a dictionary: text, bytes, pandas or Arrow tables by relative path."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Content", "write_files"]

Content: TypeAlias = str | bytes | pd.DataFrame | pa.Table


def write_files(folder: Path, files: Mapping[str, Content]) -> None:
    """Write each content below `folder`; tables become Parquet files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        elif isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
