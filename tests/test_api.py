"""The Python API on the user's own DataFrame and session; the README's lines and the notebook run as they stand."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from walkgram import Pipeline
from walkgram.errors import ConfigError, InputError, LakeError

HERE = Path(__file__).parent
SMALL: dict[str, dict[str, Any]] = {
    "edges": {"min_weight": 0.01},
    "walks": {"num_walks": 2, "walk_length": 8, "p": 0.5, "q": 2},
    "train": {"dim": 8, "epochs": 1},
    "neighbours": {"k": 4},
}


def make_pipeline(lake: Path, spark: Any, **sections: dict[str, Any]) -> Pipeline:
    return Pipeline(lake, spark, None, False, **sections)


def draw_ratings(seed: int = 1) -> list[tuple[str, str, float]]:
    """Return (customer, sku, stars): two groups of customers, each with items of its own."""
    rng = np.random.default_rng(seed)
    return [
        (f"c{customer}", f"B{item:02}", float(rng.integers(1, 6)))
        for customer in range(40)
        for item in rng.choice(12, 5, replace=False) + 12 * (customer % 2)
    ]


@pytest.fixture(scope="module")
def ratings(spark: Any) -> Any:
    return spark.createDataFrame(draw_ratings(), "customer string, sku string, stars double")


COLUMNS = {"user_id": "customer", "item_id": "sku", "rating": "stars"}


@pytest.fixture(scope="module")
def line(spark: Any, ratings: Any, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Run a pipeline once and return it."""
    return make_pipeline(tmp_path_factory.mktemp("api") / "lake", spark, **SMALL).run(ratings, columns=COLUMNS)


def test_a_dataframe_becomes_embeddings_and_neighbours(line: Pipeline) -> None:
    embeddings = line.table("embeddings").toPandas()
    assert set(embeddings["item_id"]) == {sku for _, sku, _ in draw_ratings()}
    assert {len(vector) for vector in embeddings["vector"]} == {8}
    similar = line.most_similar("B03", k=3)
    assert len(similar) == 3
    assert [s.score for s in similar] == sorted((s.score for s in similar), reverse=True)
    rows = line.table("neighbours").where("item_id = 'B03' AND rank = 1").collect()
    assert (rows[0]["neighbour_id"], rows[0]["score"]) == similar[0]


def test_the_tables_equal_those_of_the_command_on_a_file(
    line: Pipeline, job: Any, spark: Any, ratings: Any, tmp_path: Path
) -> None:
    source = tmp_path / "ratings.parquet"
    ratings.coalesce(1).write.parquet(str(source))
    keys = [f"{name}.{key}={value}" for name, section in SMALL.items() for key, value in section.items()]
    keys += [f"input.columns.{ours}={theirs}" for ours, theirs in COLUMNS.items()]
    keys += [f"lake.path={tmp_path / 'lake'}", f"input.path={source}", "input.columns.timestamp="]
    plain = tmp_path / "plain.toml"
    plain.write_text("")
    assert job("run", "--config", str(plain), *(part for key in keys for part in ("--set", key))) == 0
    pipeline_lake = Path(line.config.lake.path)
    for table in ("interactions", "vocabulary", "edges", "walks"):
        ours, theirs = (pq.read_table(lake / table) for lake in (pipeline_lake, tmp_path / "lake"))
        order = [(f.name, "ascending") for f in ours.schema if "list" not in str(f.type)]
        assert ours.num_rows > 0
        assert ours.sort_by(order).equals(theirs.sort_by(order)), table
    vectors = [pq.read_table(lake / "embeddings", columns=["item_id", "vector"]) for lake in (pipeline_lake, tmp_path / "lake")]
    assert vectors[0].equals(vectors[1])


def test_the_users_session_stays_as_it_is(spark: Any, ratings: Any, tmp_path: Path) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    before = dict(spark.sparkContext.getConf().getAll()), spark.conf.get("spark.sql.session.timeZone")
    try:
        make_pipeline(tmp_path / "lake", spark, **SMALL).run(ratings, columns=COLUMNS, tables=["vocabulary"])
        assert (dict(spark.sparkContext.getConf().getAll()), spark.conf.get("spark.sql.session.timeZone")) == before
        assert (tmp_path / "lake" / "vocabulary").exists()
        assert not (tmp_path / "lake" / "baskets").exists()
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_a_rerun_is_skipped_until_the_frame_or_its_tag_changes(
    spark: Any, ratings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "walkgram")
    line = make_pipeline(tmp_path / "lake", spark, **SMALL)

    def skipped(frame: Any, tag: str = "") -> bool:
        caplog.clear()
        line.run(frame, columns=COLUMNS, tag=tag, tables=["vocabulary"])
        return "interactions: up to date" in caplog.text

    assert [skipped(ratings), skipped(ratings), skipped(ratings.where("stars > 1"))] == [False, True, False]
    assert [skipped(ratings, "monday"), skipped(ratings, "monday"), skipped(ratings, "tuesday")] == [False, True, False]
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_edges_come_as_a_frame_too(spark: Any, tmp_path: Path) -> None:
    ring = spark.createDataFrame([(f"n{i}", f"n{(i + 1) % 9}") for i in range(9)], "a string, b string")
    line = make_pipeline(tmp_path / "lake", spark, input={"kind": "edges"}, **SMALL)
    line.run(ring, columns={"src": "a", "dst": "b"})
    assert line.table("embeddings").count() == 9
    assert {s.item_id for s in line.most_similar("n0", k=2)} <= {f"n{i}" for i in range(9)}


def test_errors_are_walkgrams_own_and_name_the_remedy(spark: Any, ratings: Any, line: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"walks\.lenght: unknown key; did you mean walks\.walk_length"):
        Pipeline(tmp_path, spark, walks={"lenght": 3})
    with pytest.raises(ConfigError, match="nonsense"):
        Pipeline(tmp_path, spark, nonsense={"a": 1})
    with pytest.raises(ConfigError, match="give the section's keys as a mapping"):
        Pipeline(tmp_path, spark, walks=3)  # type: ignore[arg-type]
    fresh = make_pipeline(tmp_path / "lake", spark)
    with pytest.raises(
        InputError, match=r"the DataFrame has no column 'user_id': set input\.columns\.user_id to one of customer"
    ):
        fresh.run(ratings)
    with pytest.raises(ConfigError, match="userid: no such column; there are item_id, rating, timestamp, user_id"):
        fresh.run(ratings, columns={"userid": "customer"})
    with pytest.raises(LakeError, match=r"table embeddings is not in .*: run the job train \(walkgram train\) first"):
        fresh.table("embeddings")
    with pytest.raises(ConfigError, match="vectors: no such table; there are"):
        fresh.table("vectors")
    with pytest.raises(InputError, match="item 'B99' has no neighbours"):
        line.most_similar("B99", k=2)
    with pytest.raises(ConfigError, match=r"k = 5: the table neighbours has 4 an item; run with neighbours=\{'k': 5\}"):
        line.most_similar("B03", k=5)


def test_the_notebook_runs(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads((HERE / "quickstart.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 4
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"spark": spark}
    for cell in code:
        exec(compile(cell, "quickstart.ipynb", "exec"), names)
    assert names["line"].table("neighbours").count() > 0
