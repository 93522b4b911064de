"""The lines of the export, degrees, the items table, and the report's tables."""

from typing import Any

import pytest
from pyspark.sql.types import LongType

from walkgram.config.source import ItemColumns
from walkgram.stages import export
from walkgram.stages.evaluation import summary
from walkgram.stages.source import items
from walkgram.stages.source.columns import ValueRules

EMBEDDINGS = "item_id string, vector array<float>, frequency long"


def test_each_line_has_the_vector_and_the_title_of_one_item(spark: Any) -> None:
    frame = spark.createDataFrame([("b", [0.5, -1.0], 1), ("a", [1.5, 2.0], 1), ("c\td", [0.0, 1e-7], 9)], EMBEDDINGS)
    titles = spark.createDataFrame([("a", "A\nlong\ttitle"), ("c\td", None), ("zz", "Z")], "item_id string, title string")
    lines = export.projector_lines(frame, titles).collect()
    assert [r["metadata"] for r in lines] == ["c d\t", "a\tA long title", "b\t"]
    assert [[float(x) for x in r["vector"].split("\t")] for r in lines] == [[0.0, pytest.approx(1e-7)], [1.5, 2.0], [0.5, -1.0]]
    assert [r["metadata"] for r in export.projector_lines(frame, None).collect()] == ["c d\t", "a\t", "b\t"]


def test_degrees_count_a_self_loop_once(spark: Any) -> None:
    edges = spark.createDataFrame([(0, 1, 1.0), (0, 2, 1.0), (2, 2, 1.0)], "src long, dst long, weight double")
    assert [tuple(r) for r in export.count_degrees(edges).collect()] == [(1, 1), (2, 2)]


def test_item_ids_have_the_type_of_the_interactions(spark: Any) -> None:
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
    rows = items.select_items(raw, columns, LongType(), ValueRules()).collect()
    selected = {r["item_id"]: (r["title"], r["tags"], r["grp"]) for r in rows}
    assert selected == {1: ("One", ["x", "y"], "g"), 3: (None, [], "h")}


def test_share_of_equal_groups_and_of_chance(spark: Any) -> None:
    side_table = spark.createDataFrame(
        [("a", "A", "g"), ("b", "B", "g"), ("c", "C", "h"), ("d", "D", None)], "item_id string, title string, grp string"
    )
    vectors = spark.createDataFrame([(i,) for i in "abcd"], "item_id string")
    neighbours = spark.createDataFrame(
        [("a", "b", 1, 0.9), ("a", "c", 2, 0.8), ("b", "a", 1, 0.9), ("c", "d", 1, 0.1)],
        "item_id string, neighbour_id string, rank int, score double",
    )
    row = summary.compare_with_chance(neighbours, side_table, vectors, "grp").first()
    assert row is not None
    assert (row["share"], row["chance"]) == (pytest.approx(2 / 4), pytest.approx(2 / 6))
    titles = summary.find_titles(side_table, ["C", "A"])
    assert [
        (r["position"], r["item"], r["neighbour"]) for r in summary.name_neighbours(titles, neighbours, side_table, 1).collect()
    ] == [
        (1, "C", "D"),
        (2, "A", "B"),
    ]
    assert [
        (r["position"], r["hits"], r["neighbours"])
        for r in summary.count_group_hits(titles, neighbours, side_table, "grp").orderBy("position").collect()
    ] == [(1, 0, 1), (2, 1, 2)]
