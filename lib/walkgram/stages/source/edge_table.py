"""Rows of an edge table -> the tables `edges` and `vocabulary` of a graph: validate, sum duplicates, number the nodes.

In an undirected graph (a, b) and (b, a) are one edge. The weights of duplicates are added in rising order, so that the sum
does not depend on the order of the rows. A node's frequency is the number of its edges; a self loop counts once.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import EdgeColumns
from walkgram.errors import InputError
from walkgram.stages.ports import select_schema
from walkgram.stages.source.columns import (
    check_rows,
    describe_value,
    is_not_long_text,
    no_fault,
    quote_name,
    read_id,
    read_number,
    unparsed_line_fault,
)

__all__ = [
    "count_edges_per_node",
    "flag_unknown_nodes",
    "index_edges",
    "parse",
    "parse_nodes",
    "profile",
    "resolve_id_type",
    "sum_duplicates",
    "validate",
    "validate_sums",
]

NOT_ABOVE_0 = ": weights must be above 0"


def parse(frame: DataFrame, columns: EdgeColumns) -> DataFrame:
    """Parse src, dst (both long, or both string) and weight double; the column `bad` has the row's fault, or null.

    Raises `InputError` if the type of a column fits no id or weight.
    """
    src, src_fault = read_end(frame, columns.src)
    dst, dst_fault = read_end(frame, columns.dst)
    weight, weight_fault = read_weight(frame, columns.weight)
    fault = F.coalesce(unparsed_line_fault(frame), src_fault, dst_fault, weight_fault)
    rows = frame.select(src.alias("src"), dst.alias("dst"), weight.alias("weight"), fault.alias("bad"))
    if rows.schema["src"].dataType == rows.schema["dst"].dataType:
        return rows
    return rows.withColumns({end: F.col(end).cast("string") for end in ("src", "dst")})


def read_end(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """Read a column of node ids; returns (id, fault). A null id is a fault."""
    value, fault = read_id(frame, name, as_long=False)
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")))


def read_weight(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """Read the column of weights; returns (weight, fault). Without a column every weight is 1."""
    if not name:
        return F.lit(1.0), no_fault()
    value, fault = read_number(frame, name, "double", "weights", "input.edge_columns.weight")
    sign_fault = F.when(value <= 0, describe_value(name, quote_name(name), NOT_ABOVE_0))
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")), sign_fault)


def parse_nodes(frame: DataFrame, name: str, untyped: bool) -> DataFrame:
    """Parse the column `name` of a table of nodes to item_id (long or string), with its fault in the column `bad`.

    The ids of an `untyped` table (CSV) become longs if all of them are whole numbers, which costs one pass.
    """
    as_long = False
    if untyped:
        flags = frame.agg(F.max(is_not_long_text(quote_name(name)))).first()
        as_long = flags is not None and flags[0] is False
    value, value_fault = read_id(frame, name, as_long)
    fault = F.coalesce(value_fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")))
    return frame.select(value.alias("item_id"), fault.alias("bad"))


def flag_unknown_nodes(rows: DataFrame, vertices: DataFrame) -> DataFrame:
    """Mark edges as bad whose src or dst is not among the vertices' distinct item_id; ids are compared as text."""
    for end in ("src", "dst"):
        known = vertices.select(F.col("item_id").cast("string").alias("known"))
        fault = F.when(F.col("known").isNull(), describe_value(end, F.col(end), ", which is not in input.nodes"))
        joined = rows.join(known, on=F.col(end).cast("string") == F.col("known"), how="left")
        rows = joined.withColumn("bad", F.coalesce("bad", fault)).drop("known")
    return rows


def profile(rows: DataFrame) -> dict[str, Any]:
    """Count parsed rows in one pass: rows, bad rows with an `example`, and whether an id would change as a long (text_ids)."""
    is_bad = F.col("bad").isNotNull()
    names = [f.name for f in rows.schema.fields if isinstance(f.dataType, T.StringType) and f.name in ("src", "dst")]
    has_text_id = F.greatest(F.lit(False), F.lit(False), *[is_not_long_text(F.col(name)) for name in names])
    counts = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(is_bad).alias("bad"),
        F.max("bad").alias("example"),
        F.max(F.when(~is_bad, has_text_id)).alias("text_ids"),
    ).first()
    return {} if counts is None else counts.asDict()


def validate(counts: Mapping[str, Any], path: str, bad_rows: str) -> None:
    """Raise `InputError` if no row can be used, or if there are bad rows and `bad_rows` is "fail". counts: of `profile`."""
    check_rows(counts, path, bad_rows)
    if counts["bad"] == counts["rows"]:
        raise InputError(f"{path}: none of {counts['rows']:,} rows can be used: {counts['example']}")


def resolve_id_type(rows: DataFrame, vertices: DataFrame | None, untyped: bool, counts: Mapping[str, Any]) -> T.DataType:
    """Choose the type of the node ids, long or string: the type of the vertices if there are any, else that of src.

    In an `untyped` source (CSV) it is long if all ids are whole numbers. counts: of `profile`.
    """
    if vertices is not None:
        return vertices.schema["item_id"].dataType
    return T.LongType() if untyped and not counts["text_ids"] else rows.schema["src"].dataType


def sum_duplicates(rows: DataFrame, ids: T.DataType, directed: bool, weighted: bool) -> DataFrame:
    """Sum the valid rows of each edge to src, dst (of the type `ids`), weight. A task holds the weights of one edge's rows."""
    src, dst = F.col("src").try_cast(ids), F.col("dst").try_cast(ids)
    if not directed:
        src, dst = F.least(src, dst), F.greatest(src, dst)
    ends = rows.where(F.col("bad").isNull()).select(src.alias("src"), dst.alias("dst"), "weight")
    ordered_sum = F.aggregate(F.array_sort(F.collect_list("weight")), F.lit(0.0), lambda total, weight: total + weight)
    total = ordered_sum if weighted else F.count(F.lit(1)).cast("double")
    return ends.groupBy("src", "dst").agg(total.alias("weight"))


def validate_sums(edges: DataFrame, path: str) -> dict[str, int]:
    """Count the edges and the self loops. Raises `InputError` if the weights of duplicates add up to infinity."""
    is_infinite = F.col("weight") == float("inf")
    ends = F.concat_ws(" to ", F.col("src").cast("string"), F.col("dst").cast("string"))
    row = edges.agg(
        F.count(F.lit(1)).alias("edges"),
        F.count_if(F.col("src") == F.col("dst")).alias("self loops"),
        F.count_if(is_infinite).alias("infinite"),
        F.max(F.when(is_infinite, ends)).alias("example"),
    ).first()
    counts = {} if row is None else row.asDict()
    if counts["infinite"]:
        raise InputError(
            f"{path}: the weights of the rows from {counts['example']} add up to more than a double holds, as for "
            f"{counts['infinite']:,} of {counts['edges']:,} edges: divide the weights by a constant"
        )
    return {name: counts[name] for name in ("edges", "self loops")}


def count_edges_per_node(edges: DataFrame, vertices: DataFrame | None) -> DataFrame:
    """Count the edges of each node as item_id, frequency; a vertex without an edge has 0."""
    ends = F.array_distinct(F.array("src", "dst"))
    nodes = edges.select(F.explode(ends).alias("item_id"), F.lit(1).alias("edges"))
    if vertices is not None:
        nodes = nodes.union(vertices.select("item_id", F.lit(0)))
    return nodes.groupBy("item_id").agg(F.sum("edges").alias("frequency"))


def index_edges(edges: DataFrame, vocabulary: DataFrame, directed: bool) -> DataFrame:
    """Build the table `edges`: dense indices in place of ids, src < dst unless directed; frequency and pmi are null."""
    src_index = vocabulary.select(F.col("item_id").alias("src"), F.col("index").alias("a"))
    dst_index = vocabulary.select(F.col("item_id").alias("dst"), F.col("index").alias("b"))
    indexed = edges.join(src_index, on="src", how="inner").join(dst_index, on="dst", how="inner")
    src, dst = (F.col("a"), F.col("b")) if directed else (F.least("a", "b"), F.greatest("a", "b"))
    null = F.lit(None)
    return select_schema(
        indexed.select(src.alias("src"), dst.alias("dst"), null.alias("frequency"), null.alias("pmi"), "weight"), "edges"
    )
