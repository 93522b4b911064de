"""Adjacency lists: a node and its neighbours a line, as networkx.write_adjlist writes them.

A node without neighbours has no edge. An edge that stands at both of its nodes counts twice, as in an edge list.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles
from walkgram.lake.formats.lines import decode_delimiter, read_edge_list_heads, read_lines, separator_pattern

__all__ = ["FORMAT", "read_adjacency"]


def read_adjacency(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read src and dst of each neighbour, as text; `_corrupt_record` is the fault of a line with an empty field.

    Raises `InputError` where the configuration asks for columns: the lines have none.
    """
    if config.edge_list.columns or config.edge_list.header:
        raise InputError(f"{files.uri}: an adjacency list has no columns and no header: leave input.edge_list to its delimiter")
    comments = {comment for head in read_edge_list_heads(files, config) for comment in head.comments}
    lines = read_lines(spark, files, config, sorted(comments))
    parts = F.split("line", separator_pattern(decode_delimiter(config)), -1)
    nodes = lines.select("line", F.transform(parts, lambda node: F.btrim(node, F.lit(" \t"))).alias("nodes"))
    is_good = ~F.array_contains("nodes", "")
    fault = F.concat(F.lit("a line has an empty field: "), F.substring("line", 1, 100))
    neighbours = F.when(is_good, F.slice("nodes", F.lit(2), F.greatest(F.size("nodes") - 1, F.lit(0))))
    rows = nodes.where((F.size("nodes") > 1) | ~is_good).select(
        F.when(is_good, F.get("nodes", F.lit(0))).alias("src"),
        F.explode_outer(neighbours).alias("dst"),
        F.when(~is_good, fault).alias(CORRUPT_RECORD),
    )
    return rows.select("src", "dst", CORRUPT_RECORD)


FORMAT = Format("adjacency", (".adjlist",), read_adjacency, is_text=True, is_edge_list=True)
