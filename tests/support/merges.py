"""Lakes before and after a merge: jobs with the keys of a merge, and tables by item id."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

Job = Callable[..., int]
PAIR = ["user_id", "item_id"]
TIMELESS = "input.columns.timestamp="


def run_jobs(job: Job, lake: Path, jobs: list[str], *settings: str, options: Sequence[str] = ()) -> None:
    keys = [f"lake.path={lake}", "pairs.write_table=true", "edges.min_weight=0.1", *settings]
    config = lake.parent / "empty.toml"
    config.write_text("")
    for name in jobs:
        assert job(name, "--config", str(config), *options, *(part for key in keys for part in ("--set", key))) == 0


def read(lake: Path, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(lake / table).to_pandas()
    return frame


def by_id(lake: Path, table: str, directed: bool) -> pd.DataFrame:
    """Read pairs or edges with item ids as their ends."""
    frame, ids = read(lake, table), read(lake, "vocabulary").set_index("index")["item_id"]
    ends = np.stack([frame["src"].map(ids), frame["dst"].map(ids)]).astype(str)
    frame["src"], frame["dst"] = ends if directed else np.sort(ends, axis=0)
    return frame.sort_values(["src", "dst"]).reset_index(drop=True)


def write_small_lake(job: Job, folder: Path) -> Path:
    """Write a lake of three users, with the pairs table; return it."""
    rows = [("ann", "007"), ("ann", "x"), ("bob", "007"), ("bob", "x"), ("bob", "y"), ("cat", "y")]
    pd.DataFrame(rows, columns=PAIR).assign(rating=4.0).to_csv(folder / "first.csv", index=False)
    lake = folder / "lake"
    run_jobs(job, lake, ["interactions", "baskets", "pairs"], f"input.path={folder / 'first.csv'}", TIMELESS)
    return lake
