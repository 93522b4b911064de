"""The tables as a GraphFrame."""

from typing import Any

import pytest

from walkgram.errors import WalkgramError
from walkgram.stages.graph import graphframe


def test_without_the_jvm_package_the_error_names_its_coordinate(spark: Any) -> None:
    vertices = spark.createDataFrame([(0, "a", 1)], "index long, item_id string, frequency long")
    edges = spark.createDataFrame([(0, 0, 1.0)], "src long, dst long, weight double")
    with pytest.raises(WalkgramError, match=r"io\.graphframes:graphframes-spark4_2\.13.*spark\.jars\.packages"):
        graphframe.to_graphframe(vertices, edges)
