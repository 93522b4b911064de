"""A merged day gives the tables of a full recount, item id by item id, to the last bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

Job = Callable[..., int]
PAIR = ["user_id", "item_id"]
MODES = {
    "basket": [],
    "sequence": ["pairs.mode=sequence", "pairs.window=3", "pairs.max_gap=400"],
    "weighted": ["pairs.user_weight=inverse_log_degree", "pmi.total=users", "interactions.min_rating=3",
                 "interactions.keep_below=true", "pmi.weight=npmi"],
    "capped": ["pairs.cap=6", "pairs.user_weight=inverse_degree", "edges.top_k=3"],
}  # fmt: skip


def ratings(users: range, items: range, rows: int, start: int, seed: int) -> pd.DataFrame:
    """Ratings with repeated (user, item)s, some without a time."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "user_id": rng.choice(users, rows), "item_id": [f"i{k:03d}" for k in rng.choice(items, rows)],
        "rating": rng.integers(1, 6, rows).astype(np.float32),
        "timestamp": pd.to_datetime(start + rng.integers(0, 1000, rows), unit="s", utc=True),
    })  # fmt: skip
    frame.loc[rng.random(rows) < 0.05, "timestamp"] = pd.NaT
    return frame


def run(job: Job, lake: Path, jobs: list[str], *settings: str) -> None:
    options = [f"lake.path={lake}", "pairs.keep=true", "edges.min_weight=0.1", *settings]
    config = lake.parent / "empty.toml"
    config.write_text("")
    for name in jobs:
        assert job(name, "--config", str(config), *(part for option in options for part in ("--set", option))) == 0


def read(lake: Path, table: str) -> pd.DataFrame:
    return pq.read_table(lake / table).to_pandas()


def by_id(lake: Path, table: str, directed: bool) -> pd.DataFrame:
    """Pairs or edges with item ids as their ends."""
    frame, ids = read(lake, table), read(lake, "vocabulary").set_index("index")["item_id"]
    ends = np.stack([frame["src"].map(ids), frame["dst"].map(ids)]).astype(str)
    frame["src"], frame["dst"] = ends if directed else np.sort(ends, axis=0)
    return frame.sort_values(["src", "dst"]).reset_index(drop=True)


def check_equal(merged: Path, whole: Path, directed: bool) -> None:
    for table in ("pairs", "edges"):
        pd.testing.assert_frame_equal(by_id(merged, table, directed), by_id(whole, table, directed), check_exact=True)
    kept = [read(lake, "interactions").sort_values(PAIR).reset_index(drop=True) for lake in (merged, whole)]
    pd.testing.assert_frame_equal(*kept)
    often = [read(lake, "vocabulary").query("frequency > 0").set_index("item_id")["frequency"] for lake in (merged, whole)]
    assert often[0].to_dict() == often[1].to_dict()


@pytest.mark.parametrize("mode", MODES)
def test_two_merged_days_equal_a_full_recount(job: Job, tmp_path: Path, mode: str) -> None:
    directed = mode == "sequence"
    first = ratings(range(60), range(40), 900, 0, 1)
    merged, whole = tmp_path / "merged", tmp_path / "whole"
    first.to_parquet(tmp_path / "first.parquet")
    run(job, merged, ["interactions", "pairs"], f"input.path={tmp_path / 'first.parquet'}", "pairs.tasks=3", *MODES[mode])
    known = read(merged, "vocabulary").set_index("item_id")["index"]
    everything = first
    for number in (1, 2):  # the second day starts from a merged state
        day = ratings(
            range(10 * number, 30 + 35 * number), range(20, 45), 60, 1000 * number, 10 + number
        )  # new users and items
        gone = everything.sample(25, random_state=number)[PAIR].drop_duplicates()
        lost = everything[everything["item_id"] == f"i{number:03d}"][PAIR].drop_duplicates()  # an item that nobody keeps
        gone = pd.concat([gone, lost, pd.DataFrame({"user_id": [999], "item_id": ["never there"]})]).drop_duplicates()
        day.to_parquet(tmp_path / f"day{number}.parquet")
        gone.to_csv(tmp_path / f"gone{number}.csv", index=False)
        settings = [f"merge.path={tmp_path}/day{number}.parquet", f"merge.removed={tmp_path}/gone{number}.csv", "pairs.tasks=3"]
        run(job, merged, ["merge"], *settings, *MODES[mode])
        left = everything.merge(gone, on=PAIR, how="left", indicator=True).query("_merge == 'left_only'").drop(columns="_merge")
        everything = pd.concat([left, day])
    run(job, merged, ["edges"], "pairs.tasks=3", *MODES[mode])
    everything.to_parquet(tmp_path / "all.parquet")
    run(job, whole, ["interactions", "pairs", "edges"], f"input.path={tmp_path / 'all.parquet'}", *MODES[mode])
    check_equal(merged, whole, directed)
    words = read(merged, "vocabulary").set_index("item_id")
    assert words.loc[known.index, "index"].equals(known)
    assert sorted(words["index"]) == list(range(len(words)))
    assert len(words) > len(known)
    assert words.loc["i001", "frequency"] == 0
