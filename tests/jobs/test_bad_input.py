"""Invalid input: one error message, exit status 2, no stack trace, no incomplete table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Job = Callable[..., int]
GOOD = "user_id,item_id,rating,timestamp\n" + "".join(
    f"{u},{i},{1 + (u + i) % 5},{u * 10 + i}\n" for u in range(6) for i in range(6)
)


def assert_fails(job: Job, capsys: Any, lake: Path, message: str, name: str = "interactions", *options: str) -> None:
    """Assert that the job fails with one line that contains `message`, and that no table exists."""
    assert job(name, "--set", f"lake.path={lake}", *options) == 2
    error = capsys.readouterr().err.strip().splitlines()
    messages = [line for line in error if ": error: " in line]
    assert len(messages) == 1
    assert message in messages[0], messages[0]
    assert "Traceback" not in "".join(error)
    assert not [f for f in lake.iterdir() if not f.name.startswith("_")] if lake.is_dir() else True


def write_source(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text)
    return ("--set", "input.source=files", "--set", f"input.path={path}")


def as_options(*keys: str) -> tuple[str, ...]:
    return tuple(part for key in keys for part in ("--set", key))


HEADER = "user_id,item_id,rating,timestamp\n"
CASES = {
    "empty table": (HEADER, "no rows"),
    "empty file": ("", "no columns could be read"),
    "missing column": (
        "user_id,item,rating,timestamp\n1,2,3,4\n",
        "has no column 'item_id': set input.columns.item_id to one of user_id, item",
    ),
    "text rating": (HEADER + "1,2,good,4\n", "column 'rating' holds good"),
    "nan rating": (HEADER + "1,2,NaN,4\n", "column 'rating' holds NaN"),
    "infinite rating": (HEADER + "1,2,Infinity,4\n", "column 'rating' holds Infinity"),
    "null ids": (HEADER + ",2,3,4\n,3,3,4\n", "column 'user_id' is null in every row"),
    "text time": (HEADER + "1,2,3,soon\n", "column 'timestamp' holds soon"),
}


@pytest.mark.parametrize("text, message", CASES.values(), ids=CASES)
def test_an_invalid_source_ends_the_run(job: Job, capsys: Any, tmp_path: Path, text: str, message: str) -> None:
    assert_fails(job, capsys, tmp_path / "lake", message, "interactions", *write_source(tmp_path / "ratings.csv", text))


def test_bad_rows_are_dropped_and_counted_if_the_key_says_so(job: Job, capsys: Any, tmp_path: Path) -> None:
    options = write_source(tmp_path / "ratings.csv", GOOD + "1,2,good,4\n1,3,NaN,4\n")
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", "input.bad_rows=drop", *options) == 0
    assert "2 bad rows" in capsys.readouterr().out


def test_the_error_names_a_missing_path(job: Job, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    assert_fails(
        job, capsys, tmp_path / "lake", f"{path}: no such file or folder", "interactions", "--set", f"input.path={path}"
    )
    assert_fails(job, capsys, tmp_path / "lake", "input.path is empty", "interactions", "--set", "input.source=files")


def test_the_error_names_a_file_that_spark_ignores(job: Job, capsys: Any, tmp_path: Path) -> None:
    assert_fails(job, capsys, tmp_path / "lake", "begin with _", "interactions", *write_source(tmp_path / "_ratings.csv", GOOD))


def test_a_folder_of_unknown_format_asks_for_the_key(job: Job, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert_fails(job, capsys, tmp_path / "lake", "holds no files", "interactions", "--set", f"input.path={tmp_path / 'in'}")
    (tmp_path / "in" / "a.dat").write_text("x")
    assert_fails(job, capsys, tmp_path / "lake", "set input.format", "interactions", "--set", f"input.path={tmp_path / 'in'}")


def test_a_threshold_above_all_ratings_names_the_highest_rating(job: Job, capsys: Any, tmp_path: Path) -> None:
    options = write_source(tmp_path / "ratings.csv", GOOD)
    assert_fails(
        job,
        capsys,
        tmp_path / "lake",
        "the highest rating is 5.0",
        "interactions",
        *options,
        "--set",
        "interactions.min_rating=9",
    )


def test_users_with_one_item_each_give_no_pairs(job: Job, capsys: Any, tmp_path: Path) -> None:
    options = (
        "--set",
        f"lake.path={tmp_path / 'lake'}",
        *write_source(tmp_path / "ratings.csv", HEADER + "1,1,5,1\n2,2,5,1\n"),
    )
    assert job("interactions", *options) == 0
    assert job("baskets", *options) == 2
    assert "no two kept items share a user" in capsys.readouterr().err
    assert not (tmp_path / "lake" / "baskets").exists()


@pytest.mark.parametrize("name", ["baskets", "edges", "graph", "walks", "train", "neighbours", "export"])
def test_a_job_without_its_input_names_the_job_to_run(job: Job, capsys: Any, tmp_path: Path, name: str) -> None:
    first = "train" if name == "neighbours" else "interactions"
    assert_fails(job, capsys, tmp_path / "lake", f"run the job {first} (walkgram {first}) first", name)


def test_the_job_to_run_is_that_of_the_table_that_is_missing(job: Job, capsys: Any, tmp_path: Path) -> None:
    options = ("--set", f"lake.path={tmp_path / 'lake'}", *write_source(tmp_path / "ratings.csv", GOOD))
    assert job("interactions", *options) == 0
    for name, first in (("edges", "baskets"), ("graph", "edges"), ("walks", "graph"), ("train", "walks")):
        capsys.readouterr()
        assert job(name, *options) == 2
        assert f"run the job {first} (walkgram {first}) first" in capsys.readouterr().err


@pytest.mark.parametrize("override", ["walks.walk_length=1", "walks.p=0", "walks.q=-2", "train.dim=0", "walks.pp=1"])
def test_an_invalid_key_ends_the_run_before_it_writes(job: Job, capsys: Any, tmp_path: Path, override: str) -> None:
    assert_fails(job, capsys, tmp_path / "lake", override.split("=")[0], "walks", "--set", override)
    assert not (tmp_path / "lake").exists()


def test_the_error_names_an_output_that_is_not_writable(job: Job, capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert_fails(job, capsys, file, "is a file", "interactions")
    assert file.read_text() == "mine"
    assert_fails(job, capsys, file / "interactions_rejected", "cannot be written", "interactions")
    assert_fails(job, capsys, Path("/proc/walkgram"), "cannot be written", "interactions")


def test_the_error_names_a_parquet_source_that_is_damaged_at_its_end_or_before(job: Job, capsys: Any, tmp_path: Path) -> None:
    folder, file = tmp_path / "in", tmp_path / "in" / "b.parquet"
    folder.mkdir()
    pd.DataFrame({"user_id": [1], "item_id": [1], "rating": [1.0], "timestamp": [1]}).to_parquet(folder / "a.parquet")
    data = (folder / "a.parquet").read_bytes()
    file.write_bytes(data[:-20])
    message = f"{folder}: cannot be read as parquet ({file}: Parquet magic bytes not found in footer"
    assert_fails(job, capsys, tmp_path / "lake", message, "interactions", "--set", f"input.path={folder}")
    file.write_bytes(data[:4] + b"\xff" * 60 + data[64:])
    message = "b.parquet: truncated or damaged file (or other column types than its neighbours'): replace it if it is yours, or"
    assert_fails(job, capsys, tmp_path / "lake", message, "interactions", "--set", f"input.path={folder}")


@pytest.fixture(scope="module")
def walks_lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """Run the jobs up to the walks; return the lake and the options of its jobs."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("walks")
    keys = (
        "interactions.min_rating=none",
        "pmi.weight=frequency",
        "edges.min_frequency=1",
        "edges.min_weight=0",
        "walks.walk_length=5",
        "train.dim=4",
    )
    options = (*write_source(lake / "ratings.csv", GOOD), *as_options(*keys, f"lake.path={lake}"))
    for name in ("interactions", "baskets", "edges", "graph", "walks"):
        assert cli.main([name, *options]) == 0
    return lake, options


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


def test_the_error_names_the_key_of_a_checkpoint_of_another_configuration(
    job: Job, capsys: Any, walks_lake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, options = walks_lake
    keys = ("model=keras_node2vec", "keras_node2vec.learning_rate=1e25", "keras_node2vec.batch_size=2")
    assert job("train", *options, *as_options(*(f"train.{key}" for key in keys))) == 2
    assert "lower the learning rate" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr("walkgram.jobs.train_worker.loss_output", interrupt)
        assert job("train", *options, "--set", "train.dim=99") == 130
    assert (lake / "_checkpoints" / "train.pt").exists()
    capsys.readouterr()
    assert job("train", *options) == 2
    error = capsys.readouterr().err
    assert "checkpoint of another configuration" in error
    assert "dim: 99 there, 4 here" in error
    assert "--force" in error
    assert not (lake / "embeddings").exists()
    assert job("train", "--force", *options) == 0
    assert not (lake / "_checkpoints").exists()


def test_the_trainer_names_a_truncated_shard(job: Job, capsys: Any, walks_lake: Any) -> None:
    lake, options = walks_lake
    shard = sorted((lake / "walks").glob("*.parquet"))[0]
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    assert job("train", "--force", *options) == 2
    shard.write_bytes(content)
    error = capsys.readouterr().err
    assert shard.name in error
    assert "bytes, and table walks was written with" in error


def test_verbose_shows_the_stack_trace(job: Job, capsys: Any, tmp_path: Path) -> None:
    assert job("baskets", "--verbose", "--set", f"lake.path={tmp_path}") == 2
    assert "Traceback" in capsys.readouterr().err


def test_files_of_others_are_never_replaced(job: Job, capsys: Any, tmp_path: Path) -> None:
    mine = tmp_path / "lake" / "vocabulary" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    options = ("--set", f"lake.path={tmp_path / 'lake'}", *write_source(tmp_path / "ratings.csv", GOOD))
    assert job("interactions", *options) == 2
    assert "was not made by walkgram" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_a_lake_that_overlaps_its_source_is_refused(job: Job, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "interactions"
    path.mkdir()
    (path / "ratings.csv").write_text(GOOD)
    for lake, message in ((tmp_path, "was not made by walkgram"), (path / "lake", "lies inside the source")):
        assert job("interactions", "--set", f"lake.path={lake}", "--set", f"input.path={path}") == 2
        assert message in capsys.readouterr().err
    assert (path / "ratings.csv").read_text() == GOOD


def test_tables_of_different_interactions_are_not_mixed(job: Job, capsys: Any, tmp_path: Path) -> None:
    options = ("--set", f"lake.path={tmp_path / 'lake'}", *write_source(tmp_path / "ratings.csv", GOOD))
    no_threshold = ("--set", "interactions.min_rating=none")
    assert job("interactions", *options, *no_threshold) == 0
    assert job("baskets", *options, *no_threshold) == 0
    assert job("interactions", *options, "--set", "interactions.min_rating=2") == 0
    capsys.readouterr()
    assert job("edges", *options) == 2
    message = "table baskets was made from another interactions than the lake holds now: run the job baskets (walkgram baskets)"
    assert message in capsys.readouterr().err


def test_an_unknown_column_in_report_group_is_refused_before_the_run(job: Job, capsys: Any, tmp_path: Path) -> None:
    keys = ("input.items=items.csv", "report.group=nope", f"lake.path={tmp_path / 'lake'}")
    assert job("run", *as_options(*keys)) == 2
    assert "report.group: nope" in capsys.readouterr().err
