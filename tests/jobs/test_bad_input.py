"""Bad input: one clear line, a non-zero exit, no stack trace, nothing half-written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Job = Callable[..., int]
GOOD = "user_id,item_id,rating,timestamp\n" + "".join(
    f"{u},{i},{1 + (u + i) % 5},{u * 10 + i}\n" for u in range(6) for i in range(6)
)


def ends(job: Job, capsys: Any, lake: Path, said: str, name: str = "interactions", *more: str) -> None:
    """The job fails with one line that says `said`, and no table is there."""
    assert job(name, "--set", f"lake.path={lake}", *more) == 2
    error = capsys.readouterr().err.strip().splitlines()
    ours = [line for line in error if ": error: " in line]
    assert len(ours) == 1
    assert said in ours[0], ours[0]
    assert "Traceback" not in "".join(error)
    assert not [f for f in lake.iterdir() if not f.name.startswith("_")] if lake.is_dir() else True


def source(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text)
    return ("--set", "input.source=files", "--set", f"input.path={path}")


HEAD = "user_id,item_id,rating,timestamp\n"
CASES = {
    "empty table": (HEAD, "no rows"),
    "empty file": ("", "no columns could be read"),
    "missing column": (
        "user_id,item,rating,timestamp\n1,2,3,4\n",
        "has no column 'item_id': set input.columns.item_id to one of user_id, item",
    ),
    "text rating": (HEAD + "1,2,good,4\n", "column 'rating' holds good"),
    "nan rating": (HEAD + "1,2,NaN,4\n", "column 'rating' holds NaN"),
    "infinite rating": (HEAD + "1,2,Infinity,4\n", "column 'rating' holds Infinity"),
    "null ids": (HEAD + ",2,3,4\n,3,3,4\n", "column 'user_id' is null in every row"),
    "text time": (HEAD + "1,2,3,soon\n", "column 'timestamp' holds soon"),
}


@pytest.mark.parametrize("text, said", CASES.values(), ids=CASES)
def test_a_source_that_cannot_be_used_ends_the_run(job: Job, capsys: Any, tmp_path: Path, text: str, said: str) -> None:
    ends(job, capsys, tmp_path / "lake", said, "interactions", *source(tmp_path / "ratings.csv", text))


def test_bad_rows_can_be_dropped_and_are_counted(job: Job, capsys: Any, tmp_path: Path) -> None:
    more = source(tmp_path / "ratings.csv", GOOD + "1,2,good,4\n1,3,NaN,4\n")
    assert job("interactions", "--set", f"lake.path={tmp_path / 'lake'}", "--set", "input.bad_rows=drop", *more) == 0
    assert "2 bad rows" in capsys.readouterr().out


def test_a_missing_path_is_named(job: Job, capsys: Any, tmp_path: Path) -> None:
    place = tmp_path / "nowhere"
    ends(job, capsys, tmp_path / "lake", f"{place}: no such file or folder", "interactions", "--set", f"input.path={place}")
    ends(job, capsys, tmp_path / "lake", "input.path is empty", "interactions", "--set", "input.source=files")


def test_a_file_that_spark_would_leave_out_is_named(job: Job, capsys: Any, tmp_path: Path) -> None:
    ends(job, capsys, tmp_path / "lake", "begin with _", "interactions", *source(tmp_path / "_ratings.csv", GOOD))


def test_a_folder_whose_format_is_unclear_asks_for_it(job: Job, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ends(job, capsys, tmp_path / "lake", "holds no files", "interactions", "--set", f"input.path={tmp_path / 'in'}")
    (tmp_path / "in" / "a.dat").write_text("x")
    ends(job, capsys, tmp_path / "lake", "set input.format", "interactions", "--set", f"input.path={tmp_path / 'in'}")


def test_a_threshold_that_keeps_nothing_tells_the_highest_rating(job: Job, capsys: Any, tmp_path: Path) -> None:
    more = source(tmp_path / "ratings.csv", GOOD)
    ends(
        job, capsys, tmp_path / "lake", "the highest rating is 5.0", "interactions", *more, "--set", "interactions.min_rating=9"
    )


def test_users_of_one_item_each_give_no_pairs(job: Job, capsys: Any, tmp_path: Path) -> None:
    more = ("--set", f"lake.path={tmp_path / 'lake'}", *source(tmp_path / "ratings.csv", HEAD + "1,1,5,1\n2,2,5,1\n"))
    assert job("interactions", *more) == 0
    assert job("baskets", *more) == 2
    assert "no two kept items share a user" in capsys.readouterr().err
    assert not (tmp_path / "lake" / "baskets").exists()


@pytest.mark.parametrize("name", ["baskets", "edges", "graph", "walks", "train", "neighbours", "export"])
def test_a_job_without_its_input_names_the_job_to_run_first(job: Job, capsys: Any, tmp_path: Path, name: str) -> None:
    ends(job, capsys, tmp_path / "lake", "run jobs/", name)


@pytest.mark.parametrize("override", ["walks.walk_length=1", "walks.p=0", "walks.q=-2", "train.dim=0", "walks.pp=1"])
def test_a_bad_key_ends_the_run_before_anything(job: Job, capsys: Any, tmp_path: Path, override: str) -> None:
    ends(job, capsys, tmp_path / "lake", override.split("=")[0], "walks", "--set", override)
    assert not (tmp_path / "lake").exists()


def test_an_output_that_is_a_file_or_not_writable_is_named(job: Job, capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    ends(job, capsys, file, "is a file", "interactions")
    assert file.read_text() == "mine"
    ends(job, capsys, file / "interactions_rejected", "cannot be written", "interactions")
    ends(job, capsys, Path("/proc/walkgram"), "cannot be written", "interactions")


def test_a_truncated_parquet_source_is_named(job: Job, capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "ratings.parquet"
    pd.DataFrame({"user_id": [1, 2], "item_id": [1, 2], "rating": [1.0, 2.0], "timestamp": [1, 2]}).to_parquet(file)
    file.write_bytes(file.read_bytes()[:-20])
    ends(job, capsys, tmp_path / "lake", "truncated or damaged", "interactions", "--set", f"input.path={file}")


@pytest.fixture(scope="module")
def walked(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A lake up to the walks, and the arguments that made it."""
    from walkgram.runtime import cli

    lake = tmp_path_factory.mktemp("walked")
    cuts = (
        "interactions.min_rating=none",
        "pmi.weight=frequency",
        "edges.min_frequency=1",
        "edges.min_weight=0",
        "walks.walk_length=5",
        "train.dim=4",
    )
    more = (
        *source(lake / "ratings.csv", GOOD),
        *(part for cut in cuts for part in ("--set", cut)),
        "--set",
        f"lake.path={lake}",
    )
    for name in ("interactions", "baskets", "edges", "graph", "walks"):
        assert cli.main([name, *more]) == 0
    return lake, more


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


def test_a_checkpoint_of_another_configuration_is_named_with_the_key(
    job: Job, capsys: Any, walked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, more = walked
    assert (
        job(
            "train",
            *more,
            "--set",
            "train.model=keras_node2vec",
            "--set",
            "train.keras_node2vec.learning_rate=1e25",
            "--set",
            "train.keras_node2vec.batch_size=2",
        )
        == 2
    )
    assert "lower the learning rate" in capsys.readouterr().err
    with monkeypatch.context() as broken:
        broken.setattr("walkgram.jobs.train_worker.loss_output", interrupt)
        assert job("train", *more, "--set", "train.dim=99") == 130
    assert (lake / "_checkpoints" / "train.pt").exists()
    capsys.readouterr()
    assert job("train", *more) == 2
    error = capsys.readouterr().err
    assert "checkpoint of another configuration" in error
    assert "dim: 99 there, 4 here" in error
    assert "--force" in error
    assert not (lake / "embeddings").exists()
    assert job("train", "--force", *more) == 0
    assert not (lake / "_checkpoints").exists()


def test_a_truncated_shard_stops_the_trainer_and_names_the_file(job: Job, capsys: Any, walked: Any) -> None:
    lake, more = walked
    shard = sorted((lake / "walks").glob("*.parquet"))[0]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert job("train", "--force", *more) == 2
    shard.write_bytes(whole)
    error = capsys.readouterr().err
    assert shard.name in error
    assert "truncated or damaged" in error


def test_verbose_shows_the_stack_trace(job: Job, capsys: Any, tmp_path: Path) -> None:
    assert job("baskets", "--verbose", "--set", f"lake.path={tmp_path}") == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["interactions", "baskets", "pairs", "edges", "graph", "walks", "train", "neighbours", "export", "run"]
)
def test_help_explains_the_keys_of_the_job(capsys: Any, name: str) -> None:
    from walkgram.runtime import cli

    with pytest.raises(SystemExit) as done:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert done.value.code == 0
    assert "lake.path" in text
    assert "--config FILE" in text


def test_what_is_not_walkgrams_own_is_never_replaced(job: Job, capsys: Any, tmp_path: Path) -> None:
    mine = tmp_path / "lake" / "vocabulary" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    more = ("--set", f"lake.path={tmp_path / 'lake'}", *source(tmp_path / "ratings.csv", GOOD))
    assert job("interactions", *more) == 2
    assert "was not made by walkgram" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_a_source_in_the_way_of_the_tables_is_refused(job: Job, capsys: Any, tmp_path: Path) -> None:
    place = tmp_path / "interactions"
    place.mkdir()
    (place / "ratings.csv").write_text(GOOD)
    for lake, said in ((tmp_path, "was not made by walkgram"), (place / "lake", "lies inside the source")):
        assert job("interactions", "--set", f"lake.path={lake}", "--set", f"input.path={place}") == 2
        assert said in capsys.readouterr().err
    assert (place / "ratings.csv").read_text() == GOOD


def test_tables_of_different_origin_are_not_mixed(job: Job, capsys: Any, tmp_path: Path) -> None:
    more = ("--set", f"lake.path={tmp_path / 'lake'}", *source(tmp_path / "ratings.csv", GOOD))
    keep = ("--set", "interactions.min_rating=none")
    assert job("interactions", *more, *keep) == 0
    assert job("baskets", *more, *keep) == 0
    assert job("interactions", *more, "--set", "interactions.min_rating=2") == 0
    capsys.readouterr()
    assert job("edges", *more) == 2
    assert (
        "table baskets was made from another interactions than the lake holds now: run jobs/baskets.py"
        in capsys.readouterr().err
    )


def test_a_report_by_an_unknown_column_is_refused_before_the_run(job: Job, capsys: Any, tmp_path: Path) -> None:
    keys = ("input.items=items.csv", "report.group=nope", f"lake.path={tmp_path / 'lake'}")
    assert job("run", *(part for key in keys for part in ("--set", key))) == 2
    assert "report.group: nope" in capsys.readouterr().err
