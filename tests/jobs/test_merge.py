"""A merged day gives the tables of a full recount, by item id, bit for bit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.merges import PAIR, TIMELESS, Job, by_id, read, run_jobs, write_small_lake

MODES = {
    "basket": [],
    "sequence": ["pairs.mode=sequence", "pairs.window=3", "pairs.max_gap=400"],
    "weighted": ["pairs.user_weight=inverse_log_degree", "pmi.normalizer=users", "interactions.min_rating=3",
                 "interactions.keep_rejected=true", "pmi.weight=npmi"],
    "capped": ["pairs.max_items_per_user=6", "pairs.user_weight=inverse_degree", "edges.top_k=3"],
}  # fmt: skip


def ratings(users: range, items: range, rows: int, start: int, seed: int) -> pd.DataFrame:
    """Draw ratings with repeated (user, item)s, some without a time."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "user_id": rng.choice(users, rows), "item_id": [f"i{k:03d}" for k in rng.choice(items, rows)],
        "rating": rng.integers(1, 6, rows).astype(np.float32),
        "timestamp": pd.to_datetime(start + rng.integers(0, 1000, rows), unit="s", utc=True),
    })  # fmt: skip
    frame.loc[rng.random(rows) < 0.05, "timestamp"] = pd.NaT
    return frame


def assert_equal(merged: Path, recounted: Path, directed: bool) -> None:
    for table in ("pairs", "edges"):
        pd.testing.assert_frame_equal(by_id(merged, table, directed), by_id(recounted, table, directed), check_exact=True)
    lakes = (merged, recounted)
    left, right = (read(lake, "interactions").sort_values(PAIR).reset_index(drop=True) for lake in lakes)
    pd.testing.assert_frame_equal(left, right)
    words = [read(lake, "vocabulary").query("frequency > 0").set_index("item_id")["frequency"] for lake in lakes]
    assert words[0].to_dict() == words[1].to_dict()


SLOW = ("basket", "weighted")


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=[pytest.mark.slow] * (mode in SLOW)) for mode in MODES])
def test_two_merged_days_equal_a_full_recount(job: Job, tmp_path: Path, mode: str) -> None:
    directed = mode == "sequence"
    first = ratings(range(60), range(40), 900, 0, 1)
    merged, recounted = tmp_path / "merged", tmp_path / "recounted"
    first.to_parquet(tmp_path / "first.parquet")
    run_jobs(
        job,
        merged,
        ["interactions", "baskets", "pairs"],
        f"input.path={tmp_path / 'first.parquet'}",
        "pairs.tasks=3",
        *MODES[mode],
    )
    old_index = read(merged, "vocabulary").set_index("item_id")["index"]
    all_rows = first
    for number in (1, 2):  # the second day starts from a merged state
        day = ratings(
            range(10 * number, 30 + 35 * number), range(20, 45), 60, 1000 * number, 10 + number
        )  # new users and items
        deletes = all_rows.sample(25, random_state=number)[PAIR].drop_duplicates()
        last_rows = all_rows[all_rows["item_id"] == f"i{number:03d}"][PAIR].drop_duplicates()  # all rows of an item
        unknown = pd.DataFrame({"user_id": [999], "item_id": ["unknown"]})
        deletes = pd.concat([deletes, last_rows, unknown]).drop_duplicates()
        day.to_parquet(tmp_path / f"day{number}.parquet")
        deletes.to_csv(tmp_path / f"deletes{number}.csv", index=False)
        settings = [
            f"merge.upserts={tmp_path}/day{number}.parquet",
            f"merge.deletes={tmp_path}/deletes{number}.csv",
            "pairs.tasks=3",
        ]
        run_jobs(job, merged, ["merge"], *settings, *MODES[mode])
        joined = all_rows.merge(deletes, on=PAIR, how="left", indicator=True)
        remaining = joined.query("_merge == 'left_only'").drop(columns="_merge")
        all_rows = pd.concat([remaining, day])
    run_jobs(job, merged, ["edges"], "pairs.tasks=3", *MODES[mode])
    all_rows.to_parquet(tmp_path / "all.parquet")
    run_jobs(
        job, recounted, ["interactions", "baskets", "pairs", "edges"], f"input.path={tmp_path / 'all.parquet'}", *MODES[mode]
    )
    assert_equal(merged, recounted, directed)
    words = read(merged, "vocabulary").set_index("item_id")
    assert words.loc[old_index.index, "index"].equals(old_index)
    assert sorted(words["index"]) == list(range(len(words)))
    assert len(words) > len(old_index)
    assert words.loc["i001", "frequency"] == 0


@pytest.fixture
def small(job: Job, tmp_path: Path) -> Path:
    return write_small_lake(job, tmp_path)


def test_an_empty_day_and_a_repeated_day_change_nothing(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_jobs(job, small, ["edges"], TIMELESS)
    before = by_id(small, "edges", False)
    (tmp_path / "empty.csv").write_text("user_id,item_id,rating\n")
    run_jobs(job, small, ["merge", "edges"], f"merge.upserts={tmp_path / 'empty.csv'}", TIMELESS)
    pd.testing.assert_frame_equal(by_id(small, "edges", False), before)
    (tmp_path / "day.csv").write_text("user_id,item_id,rating\ncat,7,3\ncat,7,5\n12,x,1\ncat,007,2\n")
    for number, options in enumerate(([], [], ["--force"])):  # the second run is up to date, the third changes nothing
        capsys.readouterr()
        run_jobs(job, small, ["merge"], f"merge.upserts={tmp_path / 'day.csv'}", TIMELESS, options=options)
        assert ("merge: up to date" in capsys.readouterr().out) == (number == 1)
        run_jobs(job, small, ["edges"], TIMELESS)
        pairs = by_id(small, "pairs", False)
        assert {(r.src, r.dst): r.frequency for r in pairs.itertuples()} == {
            ("007", "x"): 2, ("007", "y"): 2, ("x", "y"): 1, ("007", "7"): 1, ("7", "y"): 1,
        }  # fmt: skip
        assert read(small, "vocabulary").set_index("item_id")["frequency"].to_dict() == {"007": 3, "x": 3, "y": 2, "7": 1}
    run_jobs(job, small, ["baskets", "pairs", "edges"], TIMELESS)  # recount the merged interactions
    pd.testing.assert_frame_equal(by_id(small, "pairs", False), pairs)


@pytest.mark.parametrize(
    "settings, message",
    [
        ([], "merge.upserts and merge.deletes are both empty"),
        (["merge.upserts={day}", "pairs.write_table=false"], "set pairs.write_table = true"),
        (
            ["merge.upserts={day}", "pairs.max_items_per_user=3"],
            "pairs.max_items_per_user = 3, but table pairs was written with 0: set the key to that value",
        ),
        (["merge.upserts={day}", "interactions.core=2"], "interactions.core is set: a day's rows change which others it keeps"),
        (["merge.upserts={day}", "interactions.min_rating=2"], "interactions.min_rating = 2.0, but table interactions"),
        (["merge.deletes={day}", "input.columns.user_id=who"], "has no column 'who'"),
        (["merge.upserts={day}", "input.columns.timestamp=timestamp"], "has no column 'timestamp'"),
    ],
)
def test_a_merge_that_would_not_be_exact_is_refused(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], message: str
) -> None:
    (tmp_path / "day.csv").write_text("user_id,item_id,rating\ncat,x,5\n")
    times = {file: file.stat().st_mtime_ns for file in small.rglob("*.parquet")}
    options = [
        f"lake.path={small}",
        TIMELESS,
        "pairs.write_table=true",
        *(s.format(day=tmp_path / "day.csv") for s in settings),
    ]
    capsys.readouterr()
    arguments = (part for option in options for part in ("--set", option))
    assert job("merge", "--config", str(tmp_path / "empty.toml"), *arguments) == 2
    assert message in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in small.rglob("*.parquet")} == times


def test_a_merge_needs_the_rows_below_the_threshold(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"input.path={tmp_path / 'first.csv'}"
    run_jobs(job, small, ["interactions", "baskets", "pairs"], source, TIMELESS, "interactions.min_rating=2")
    options = [
        f"lake.path={small}",
        TIMELESS,
        "pairs.write_table=true",
        "interactions.min_rating=2",
        f"merge.upserts={tmp_path / 'first.csv'}",
    ]
    arguments = (part for option in options for part in ("--set", option))
    assert job("merge", "--config", str(tmp_path / "empty.toml"), *arguments) == 2
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
    arguments = [part for option in (f"lake.path={lake}", *small, *quick) for part in ("--set", option)]
    assert job("run", *arguments) == 0
    old_words, old_embeddings, old_items = (read(lake, table) for table in ("vocabulary", "embeddings", "items"))
    item = int(old_words["item_id"].iloc[0])
    day.write_text(
        "user_id,item_id,rating,timestamp\n" + "".join(f"{u},99999,5,2000000000\n{u},{item},5,2000000000\n" for u in range(20))
    )
    assert job("update", *arguments, "--set", f"merge.upserts={day}") == 0
    words = read(lake, "vocabulary").set_index("item_id")
    assert words.loc[99999, "index"] == len(old_words)
    assert words.loc[99999, "frequency"] == 20
    assert 99999 in set(read(lake, "embeddings")["item_id"])
    assert 99999 not in set(old_embeddings["item_id"])
    assert 99999 in set(read(lake, "neighbours")["item_id"])
    metadata = pd.read_csv(lake / "export" / "metadata.tsv", sep="\t")
    assert 99999 in set(metadata["item_id"])
    pd.testing.assert_frame_equal(read(lake, "items"), old_items)
