"""The tables as a GraphFrame."""

import sys
from typing import Any, cast

import pytest
from pyspark.sql import DataFrame

from walkgram.errors import WalkgramError
from walkgram.stages.graph import graphframe


def test_without_the_jvm_package_the_error_names_its_coordinate(spark: Any) -> None:
    vertices = spark.createDataFrame([(0, "a", 1)], "index long, item_id string, frequency long")
    edges = spark.createDataFrame([(0, 0, 1.0)], "src long, dst long, weight double")
    with pytest.raises(WalkgramError, match=r"io\.graphframes:graphframes-spark4_2\.13.*spark\.jars\.packages"):
        graphframe.to_graphframe(vertices, edges)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphframes", None)
    frame: Any = None
    with pytest.raises(WalkgramError, match=r"install the extra, pip install 'walkgram\[graphframes\]'"):
        graphframe.to_graphframe(frame, frame)


def test_the_graphframe_has_the_rows_of_both_tables(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor is replaced, since the JVM package is not on the classpath."""
    monkeypatch.setattr("graphframes.GraphFrame", lambda vertices, edges: (vertices, edges))
    words, weights = [(0, "a", 1), (1, "b", 2)], [(0, 1, 1.5)]
    vertices = spark.createDataFrame(words, "index long, item_id string, frequency long")
    edges = spark.createDataFrame(weights, "src long, dst long, weight double")
    nodes, links = cast(tuple[DataFrame, DataFrame], graphframe.to_graphframe(vertices, edges))
    assert nodes.columns == ["id", "item_id", "frequency"]
    assert sorted(nodes.collect()) == words
    assert links.columns == ["src", "dst", "weight"]
    assert links.collect() == weights
