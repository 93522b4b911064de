"""A merged day gives the tables of a full recount, item id by item id, to the last bit."""

from collections.abc import Callable, Sequence
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
    "weighted": ["pairs.user_weight=inverse_log_degree", "pmi.normalizer=users", "interactions.min_rating=3",
                 "interactions.keep_rejected=true", "pmi.weight=npmi"],
    "capped": ["pairs.max_items_per_user=6", "pairs.user_weight=inverse_degree", "edges.top_k=3"],
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


def run(job: Job, lake: Path, jobs: list[str], *settings: str, more: Sequence[str] = ()) -> None:
    options = [f"lake.path={lake}", "pairs.write_table=true", "edges.min_weight=0.1", *settings]
    config = lake.parent / "empty.toml"
    config.write_text("")
    for name in jobs:
        assert job(name, "--config", str(config), *more, *(part for option in options for part in ("--set", option))) == 0


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


SLOW = ("basket", "weighted")


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=[pytest.mark.slow] * (mode in SLOW)) for mode in MODES])
def test_two_merged_days_equal_a_full_recount(job: Job, tmp_path: Path, mode: str) -> None:
    directed = mode == "sequence"
    first = ratings(range(60), range(40), 900, 0, 1)
    merged, whole = tmp_path / "merged", tmp_path / "whole"
    first.to_parquet(tmp_path / "first.parquet")
    run(
        job,
        merged,
        ["interactions", "baskets", "pairs"],
        f"input.path={tmp_path / 'first.parquet'}",
        "pairs.tasks=3",
        *MODES[mode],
    )
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
        settings = [
            f"merge.upserts={tmp_path}/day{number}.parquet",
            f"merge.deletes={tmp_path}/gone{number}.csv",
            "pairs.tasks=3",
        ]
        run(job, merged, ["merge"], *settings, *MODES[mode])
        left = everything.merge(gone, on=PAIR, how="left", indicator=True).query("_merge == 'left_only'").drop(columns="_merge")
        everything = pd.concat([left, day])
    run(job, merged, ["edges"], "pairs.tasks=3", *MODES[mode])
    everything.to_parquet(tmp_path / "all.parquet")
    run(job, whole, ["interactions", "baskets", "pairs", "edges"], f"input.path={tmp_path / 'all.parquet'}", *MODES[mode])
    check_equal(merged, whole, directed)
    words = read(merged, "vocabulary").set_index("item_id")
    assert words.loc[known.index, "index"].equals(known)
    assert sorted(words["index"]) == list(range(len(words)))
    assert len(words) > len(known)
    assert words.loc["i001", "frequency"] == 0


@pytest.fixture
def small(job: Job, tmp_path: Path) -> Path:
    """A lake of three users, its pairs kept."""
    rows = [("ann", "007"), ("ann", "x"), ("bob", "007"), ("bob", "x"), ("bob", "y"), ("cat", "y")]
    pd.DataFrame(rows, columns=PAIR).assign(rating=4.0).to_csv(tmp_path / "first.csv", index=False)
    lake = tmp_path / "lake"
    run(job, lake, ["interactions", "baskets", "pairs"], f"input.path={tmp_path / 'first.csv'}", TIMELESS)
    return lake


TIMELESS = "input.columns.timestamp="


def test_an_empty_day_changes_nothing_and_a_day_twice_is_a_day(job: Job, small: Path, tmp_path: Path) -> None:
    run(job, small, ["edges"], TIMELESS)
    before = by_id(small, "edges", False)
    (tmp_path / "empty.csv").write_text("user_id,item_id,rating\n")
    run(job, small, ["merge", "edges"], f"merge.upserts={tmp_path / 'empty.csv'}", TIMELESS)
    pd.testing.assert_frame_equal(by_id(small, "edges", False), before)
    (tmp_path / "day.csv").write_text("user_id,item_id,rating\ncat,7,3\ncat,7,5\n12,x,1\ncat,007,2\n")
    for again in ([], [], ["--force"]):  # the second time it is known, the third time it changes nothing
        run(job, small, ["merge"], f"merge.upserts={tmp_path / 'day.csv'}", TIMELESS, more=again)
        run(job, small, ["edges"], TIMELESS)
        pairs = by_id(small, "pairs", False)
        assert {(r.src, r.dst): r.frequency for r in pairs.itertuples()} == {
            ("007", "x"): 2, ("007", "y"): 2, ("x", "y"): 1, ("007", "7"): 1, ("7", "y"): 1,
        }  # fmt: skip
        assert read(small, "vocabulary").set_index("item_id")["frequency"].to_dict() == {"007": 3, "x": 3, "y": 2, "7": 1}
    run(job, small, ["baskets", "pairs", "edges"], TIMELESS)  # counted anew from the merged interactions
    pd.testing.assert_frame_equal(by_id(small, "pairs", False), pairs)


@pytest.mark.parametrize(
    "settings, words",
    [
        ([], "merge.upserts and merge.deletes are both empty"),
        (["merge.upserts={day}", "pairs.write_table=false"], "set pairs.write_table = true"),
        (
            ["merge.upserts={day}", "pairs.max_items_per_user=3"],
            "pairs.max_items_per_user = 3, but the table pairs was made with 0",
        ),
        (["merge.upserts={day}", "interactions.min_rating=2"], "interactions.min_rating = 2.0, but the table interactions"),
        (["merge.deletes={day}", "input.columns.user_id=who"], "has no column 'who'"),
        (["merge.upserts={day}", "input.columns.timestamp=timestamp"], "has no column 'timestamp'"),
    ],
)
def test_a_merge_that_would_not_be_exact_is_refused_in_one_line(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], words: str
) -> None:
    (tmp_path / "day.csv").write_text("user_id,item_id,rating\ncat,x,5\n")
    before = {place: place.stat().st_mtime_ns for place in small.rglob("*.parquet")}
    options = [
        f"lake.path={small}",
        TIMELESS,
        "pairs.write_table=true",
        *(s.format(day=tmp_path / "day.csv") for s in settings),
    ]
    capsys.readouterr()
    given = (part for option in options for part in ("--set", option))
    assert job("merge", "--config", str(tmp_path / "empty.toml"), *given) == 2
    assert words in capsys.readouterr().err
    assert {place: place.stat().st_mtime_ns for place in small.rglob("*.parquet")} == before


def test_rows_under_the_threshold_must_be_known(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"input.path={tmp_path / 'first.csv'}"
    run(job, small, ["interactions", "baskets", "pairs"], source, TIMELESS, "interactions.min_rating=2")
    options = [
        f"lake.path={small}",
        TIMELESS,
        "pairs.write_table=true",
        "interactions.min_rating=2",
        f"merge.upserts={tmp_path / 'first.csv'}",
    ]
    given = (part for option in options for part in ("--set", option))
    assert job("merge", "--config", str(tmp_path / "empty.toml"), *given) == 2
    assert "set interactions.keep_rejected = true" in capsys.readouterr().err


def test_an_update_runs_every_stage_after_the_merge_and_keeps_the_items(job: Job, tmp_path: Path) -> None:
    lake, day = tmp_path / "lake", tmp_path / "day.csv"
    small = [
        "sample.users=60",
        "sample.items=40",
        "sample.ratings=900",
        "pairs.write_table=true",
        "interactions.keep_rejected=true",
    ]
    quick = ["walks.num_walks=1", "walks.walk_length=5", "train.epochs=1", "train.dim=4", "export.plots=false"]
    given = [part for option in (f"lake.path={lake}", *small, *quick) for part in ("--set", option)]
    assert job("run", *given) == 0
    often, first = read(lake, "vocabulary"), read(lake, "embeddings")
    item = int(often["item_id"].iloc[0])
    day.write_text(
        "user_id,item_id,rating,timestamp\n" + "".join(f"{u},99999,5,2000000000\n{u},{item},5,2000000000\n" for u in range(20))
    )
    assert job("update", *given, "--set", f"merge.upserts={day}") == 0
    words = read(lake, "vocabulary").set_index("item_id")
    assert words.loc[99999, "index"] == len(often)
    assert words.loc[99999, "frequency"] == 20
    assert 99999 in set(read(lake, "embeddings")["item_id"])
    assert 99999 not in set(first["item_id"])
    assert (lake / "items").exists()
