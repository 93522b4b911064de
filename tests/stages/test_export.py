"""neighbours against brute force; the lines of the export; degrees; the report's tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from walkgram.errors import InputError
from walkgram.lake.blocks import Blocks
from walkgram.stages import export
from walkgram.stages.evaluation import summary
from walkgram.stages.similarity import join
from walkgram.stages.source import items

EMBEDDINGS = "item_id string, vector array<float>, frequency long"


def embeddings(spark: Any, n: int, dim: int = 5, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Items i00.. by falling frequency, so that row = number."""
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    rows = [(f"i{i:02}", vectors[i].tolist(), 1000 - i) for i in range(n)]
    return spark.createDataFrame(rows[::-1], EMBEDDINGS), vectors


def joined(spark: Any, folder: Path, frame: Any, n: int, block_rows: int, k: int) -> dict[str, list[tuple[str, int, float]]]:
    rows, store, blocks = join.number_rows(frame), Blocks(str(folder), "test"), -(-n // block_rows)
    join.write_vectors(rows, blocks, block_rows, store).collect()
    found: dict[str, list[tuple[str, int, float]]] = {}
    for r in (
        join.join_top_k(spark.range(0, blocks, 1, blocks), rows, blocks, block_rows, k, store)
        .orderBy("item_id", "rank")
        .collect()
    ):
        found.setdefault(r["item_id"], []).append((r["neighbour_id"], r["rank"], r["score"]))
    return found


@pytest.mark.parametrize("n, block_rows, k", [(23, 5, 4), (23, 100, 4), (4, 2, 10), (7, 1, 3)])
def test_neighbours_equal_brute_force_for_any_blocks(spark: Any, tmp_path: Path, n: int, block_rows: int, k: int) -> None:
    frame, vectors = embeddings(spark, n)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ unit.T
    found = joined(spark, tmp_path, frame, n, block_rows, k)
    for i in range(n):
        best = sorted((j for j in range(n) if j != i), key=lambda j: -scores[i, j])[:k]
        assert [name for name, _, _ in found[f"i{i:02}"]] == [f"i{j:02}" for j in best]
        assert [rank for _, rank, _ in found[f"i{i:02}"]] == list(range(1, len(best) + 1))
        assert np.allclose([s for _, _, s in found[f"i{i:02}"]], scores[i, best], atol=1e-5)


def test_vectors_of_several_lengths_are_refused(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("a", [1.0], 2), ("b", [1.0, 2.0], 1)], EMBEDDINGS)
    with pytest.raises(Exception, match="several lengths"):
        join.write_vectors(join.number_rows(frame), 1, 10, Blocks(str(tmp_path), "test")).collect()
    assert issubclass(InputError, Exception)


def test_lines_keep_vector_and_title_together_on_one_line(spark: Any) -> None:
    frame = spark.createDataFrame([("b", [0.5, -1.0], 1), ("a", [1.5, 2.0], 1), ("c\td", [0.0, 1e-7], 9)], EMBEDDINGS)
    titles = spark.createDataFrame([("a", "A\nlong\ttitle"), ("c\td", None), ("zz", "Z")], "item_id string, title string")
    lines = export.projector_lines(frame, titles).collect()
    assert [r["metadata"] for r in lines] == ["c d\t", "a\tA long title", "b\t"]
    assert [[float(x) for x in r["vector"].split("\t")] for r in lines] == [[0.0, pytest.approx(1e-7)], [1.5, 2.0], [0.5, -1.0]]
    assert [r["metadata"] for r in export.projector_lines(frame, None).collect()] == ["c d\t", "a\t", "b\t"]


def test_degrees_count_a_self_loop_once(spark: Any) -> None:
    edges = spark.createDataFrame([(0, 1, 1.0), (0, 2, 1.0), (2, 2, 1.0)], "src long, dst long, weight double")
    assert [tuple(r) for r in export.count_degrees(edges).collect()] == [(1, 1), (2, 2)]


def test_items_take_the_type_of_the_interactions_ids(spark: Any) -> None:
    from pyspark.sql.types import LongType

    from walkgram.config.schema import ItemColumns

    raw = spark.createDataFrame(
        [
            ("1", "One", "x|y", "g"),
            ("two", "Two", "", "g"),
            ("3", None, None, "h"),
            ("1", "Uno", "z", "g"),
            ("1", None, "z", "g"),
        ],
        "id string, name string, tags string, grp string",
    )
    columns = ItemColumns(item_id="id", title="name", lists=["tags"], keep=["grp"])
    found = {r["item_id"]: (r["title"], r["tags"], r["grp"]) for r in items.select_items(raw, columns, LongType()).collect()}
    assert found == {1: ("One", ["x", "y"], "g"), 3: (None, [], "h")}


def test_same_group_against_chance(spark: Any) -> None:
    sides = spark.createDataFrame(
        [("a", "A", "g"), ("b", "B", "g"), ("c", "C", "h"), ("d", "D", None)], "item_id string, title string, grp string"
    )
    vectors = spark.createDataFrame([(i,) for i in "abcd"], "item_id string")
    near = spark.createDataFrame(
        [("a", "b", 1, 0.9), ("a", "c", 2, 0.8), ("b", "a", 1, 0.9), ("c", "d", 1, 0.1)],
        "item_id string, neighbour_id string, rank int, score double",
    )
    row = summary.compare_with_chance(near, sides, vectors, "grp").first()
    assert (row["share"], row["chance"]) == (pytest.approx(2 / 4), pytest.approx(2 / 6))
    chosen = summary.find_titles(sides, ["C", "A"])
    assert [(r["position"], r["item"], r["neighbour"]) for r in summary.name_neighbours(chosen, near, sides, 1).collect()] == [
        (1, "C", "D"),
        (2, "A", "B"),
    ]
    assert [
        (r["position"], r["hits"], r["of"])
        for r in summary.count_group_hits(chosen, near, sides, "grp").orderBy("position").collect()
    ] == [(1, 0, 1), (2, 1, 2)]
