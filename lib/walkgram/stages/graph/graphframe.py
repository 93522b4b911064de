"""Our tables as a GraphFrame, for users' own queries."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from walkgram.errors import WalkgramError

if TYPE_CHECKING:
    from graphframes import GraphFrame

__all__ = ["to_graphframe"]


def to_graphframe(vertices: DataFrame, edges: DataFrame) -> "GraphFrame":
    """Our tables as a GraphFrame: `vocabulary` gives id (the dense index), item_id, frequency; `edges` as they are.

    Raises `WalkgramError` where GraphFrames' JVM package is not on the classpath.
    """
    from graphframes import GraphFrame

    named = vertices.withColumnRenamed("index", "id")
    try:
        return GraphFrame(named, edges)
    except Exception as error:
        if any(sign in str(error) for sign in ("JavaPackage", "ClassNotFound", "NoClassDefFound")):
            coordinate = f"io.graphframes:graphframes-spark4_2.13:{version('graphframes-py')}"
            raise WalkgramError(
                f"GraphFrames' JVM package is not on the classpath: start Spark with --packages {coordinate} "
                "(or set spark.jars.packages to it)"
            ) from None
        raise
