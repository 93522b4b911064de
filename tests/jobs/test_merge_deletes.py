"""Users, items and rows deleted by a merge, and errors about the tables of a day."""

from pathlib import Path

import pandas as pd
import pytest

from support.merges import PAIR, TIMELESS, Job, by_id, read, run_jobs, write_small_lake


@pytest.fixture
def small(job: Job, tmp_path: Path) -> Path:
    return write_small_lake(job, tmp_path)


@pytest.mark.parametrize("column, ids", [("user_id", ["ann", "nobody"]), ("item_id", ["x"])])
def test_a_table_of_one_column_deletes_users_or_items(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, ids: list[str]
) -> None:
    before = read(small, "interactions")
    (tmp_path / "gone.csv").write_text("\n".join([column, *ids]) + "\n")
    run_jobs(job, small, ["merge"], TIMELESS, f"merge.deletes={tmp_path / 'gone.csv'}")
    assert f"{len(ids)} to delete by {column}, of which {ids.count('nobody')} are not in the lake" in capsys.readouterr().out
    left = before[~before[column].isin(ids)]
    assert 0 < len(left) < len(before)
    merged = read(small, "interactions")
    merged, left = (frame.sort_values(PAIR).reset_index(drop=True) for frame in (merged, left))
    pd.testing.assert_frame_equal(merged, left)
    recount = tmp_path / "recount"
    left.drop(columns="timestamp").to_csv(tmp_path / "left.csv", index=False)
    run_jobs(job, recount, ["interactions", "baskets", "pairs"], TIMELESS, f"input.path={tmp_path / 'left.csv'}")
    pd.testing.assert_frame_equal(by_id(small, "pairs", False), by_id(recount, "pairs", False), check_exact=True)


def test_the_error_names_the_key_of_a_missing_day(
    job: Job, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"lake.path={small}", TIMELESS, "pairs.write_table=true", f"merge.upserts={tmp_path / 'nowhere.csv'}"]
    assert job("merge", "--config", str(tmp_path / "empty.toml"), *(part for key in keys for part in ("--set", key))) == 2
    assert "no such file or folder: check merge.upserts" in capsys.readouterr().err
