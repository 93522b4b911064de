"""The tables vocabulary and edges as a GraphFrame, for the user's queries."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from walkgram.errors import WalkgramError

if TYPE_CHECKING:
    from graphframes import GraphFrame

__all__ = ["to_graphframe"]


def to_graphframe(vertices: DataFrame, edges: DataFrame) -> "GraphFrame":
    """Return a GraphFrame of `vocabulary` (id is the dense index; item_id, frequency) and `edges`, unchanged.

    Raises `WalkgramError` if the extra `graphframes` is not installed, or GraphFrames' JVM package is not on the classpath.
    """
    try:
        from graphframes import GraphFrame
    except ImportError as error:
        raise WalkgramError(
            f"GraphFrames cannot be imported ({error}): install the extra, pip install 'walkgram[graphframes]'"
        ) from None
    nodes = vertices.withColumnRenamed("index", "id")
    try:
        return GraphFrame(nodes, edges)
    except Exception as error:
        if any(name in str(error) for name in ("JavaPackage", "ClassNotFound", "NoClassDefFound")):
            coordinate = f"io.graphframes:graphframes-spark4_2.13:{version('graphframes-py')}"
            raise WalkgramError(
                f"GraphFrames' JVM package is not on the classpath: start Spark with --packages {coordinate} "
                "(or set spark.jars.packages to it)"
            ) from None
        raise
