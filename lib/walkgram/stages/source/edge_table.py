"""Rows of an edge table -> the tables `edges` and `vocabulary` of a graph: checked, equal edges summed, nodes numbered.

Undirected, (a, b) and (b, a) are one edge. The weights of equal edges are added in rising order, so that the sum does not
depend on the order of the rows. A node's frequency is the number of its edges, a self loop counted once.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.schema import EdgeColumns
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
    """src, dst (both long, or both string), weight double, and `bad`: null, or what is wrong with this row.

    Raises `InputError` for a column whose type can be no id or weight.
    """
    (src, bad_src), (dst, bad_dst) = read_end(frame, columns.src), read_end(frame, columns.dst)
    weight, bad_weight = read_weight(frame, columns.weight)
    bad = F.coalesce(unparsed_line_fault(frame, "a line cannot be read"), bad_src, bad_dst, bad_weight)
    rows = frame.select(src.alias("src"), dst.alias("dst"), weight.alias("weight"), bad.alias("bad"))
    if rows.schema["src"].dataType == rows.schema["dst"].dataType:
        return rows
    return rows.withColumns({end: F.col(end).cast("string") for end in ("src", "dst")})


def read_end(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """(id, its fault); a null id is a fault."""
    value, fault = read_id(frame, name, as_long=False)
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")))


def read_weight(frame: DataFrame, name: str) -> tuple[Column, Column]:
    """(weight, its fault); 1 where there is no column."""
    if not name:
        return F.lit(1.0), no_fault()
    value, fault = read_number(frame, name, "double", "weights", "input.edge_columns.weight")
    low = F.when(value <= 0, describe_value(name, quote_name(name), NOT_ABOVE_0))
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")), low)


def parse_nodes(frame: DataFrame, name: str, untyped: bool) -> DataFrame:
    """item_id (long or string) and `bad` of a table of nodes; the ids of an `untyped` one are read once to tell which."""
    whole = False
    if untyped:
        found = frame.agg(F.max(is_not_long_text(quote_name(name)))).first()
        whole = found is not None and found[0] is False
    value, fault = read_id(frame, name, whole)
    bad = F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")))
    return frame.select(value.alias("item_id"), bad.alias("bad"))


def flag_unknown_nodes(rows: DataFrame, vertices: DataFrame) -> DataFrame:
    """Typed rows, bad where an end is not among the nodes' item_id (each there once); ids compare as they are written."""
    for end in ("src", "dst"):
        there = vertices.select(F.col("item_id").cast("string").alias("there"))
        fault = F.when(F.col("there").isNull(), describe_value(end, F.col(end), ", which is not in input.nodes"))
        joined = rows.join(there, on=F.col(end).cast("string") == F.col("there"), how="left")
        rows = joined.withColumn("bad", F.coalesce("bad", fault)).drop("there")
    return rows


def profile(rows: DataFrame) -> dict[str, Any]:
    """What rows with `bad` hold: their number, the bad ones and an example, and whether ids are odd as longs. One pass."""
    bad = F.col("bad").isNotNull()
    text = [f.name for f in rows.schema.fields if isinstance(f.dataType, T.StringType) and f.name in ("src", "dst")]
    is_odd = F.greatest(F.lit(False), F.lit(False), *[is_not_long_text(F.col(name)) for name in text])
    found = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(bad).alias("bad"),
        F.max("bad").alias("example"),
        F.max(F.when(~bad, is_odd)).alias("odd"),
    ).first()
    return {} if found is None else found.asDict()


def validate(found: Mapping[str, Any], place: str, bad_rows: str) -> None:
    """Raise `InputError` for a table that is empty, has bad rows where they are not dropped, or nothing else."""
    check_rows(found, place, bad_rows)
    if found["bad"] == found["rows"]:
        raise InputError(f"{place}: none of {found['rows']:,} rows can be used: {found['example']}")


def resolve_id_type(rows: DataFrame, vertices: DataFrame | None, untyped: bool, found: Mapping[str, Any]) -> T.DataType:
    """Long or string: the nodes' type where there are nodes, else the ends', where text that is all whole numbers is long."""
    if vertices is not None:
        return vertices.schema["item_id"].dataType
    return T.LongType() if untyped and not found["odd"] else rows.schema["src"].dataType


def sum_duplicates(rows: DataFrame, ids: T.DataType, directed: bool, weighted: bool) -> DataFrame:
    """src, dst (ids), weight: one row an edge, of the rows that are not bad. A task holds the weights of an edge's rows."""
    src, dst = F.col("src").try_cast(ids), F.col("dst").try_cast(ids)
    if not directed:
        src, dst = F.least(src, dst), F.greatest(src, dst)
    ends = rows.where(F.col("bad").isNull()).select(src.alias("src"), dst.alias("dst"), "weight")
    in_order = F.aggregate(F.array_sort(F.collect_list("weight")), F.lit(0.0), lambda total, weight: total + weight)
    total = in_order if weighted else F.count(F.lit(1)).cast("double")
    return ends.groupBy("src", "dst").agg(total.alias("weight"))


def validate_sums(edges: DataFrame, place: str) -> dict[str, int]:
    """The edges' number and their self loops. Raises `InputError` where the weights of equal edges add up to infinity."""
    endless = F.col("weight") == float("inf")
    found = edges.agg(
        F.count(F.lit(1)).alias("edges"),
        F.count_if(F.col("src") == F.col("dst")).alias("self loops"),
        F.count_if(endless).alias("endless"),
        F.max(F.when(endless, F.concat_ws(" to ", F.col("src").cast("string"), F.col("dst").cast("string")))).alias("example"),
    ).first()
    counts = {} if found is None else found.asDict()
    if counts["endless"]:
        raise InputError(
            f"{place}: the weights of the rows from {counts['example']} add up to more than a double holds, and so for "
            f"{counts['endless']:,} of {counts['edges']:,} edges: divide the weights by a constant"
        )
    return {name: counts[name] for name in ("edges", "self loops")}


def count_edges_per_node(edges: DataFrame, vertices: DataFrame | None) -> DataFrame:
    """item_id, frequency: the edges of each node, 0 for a node of the nodes' table without one."""
    ends = F.array_distinct(F.array("src", "dst"))
    met = edges.select(F.explode(ends).alias("item_id"), F.lit(1).alias("edges"))
    every = met if vertices is None else met.union(vertices.select("item_id", F.lit(0)))
    return every.groupBy("item_id").agg(F.sum("edges").alias("frequency"))


def index_edges(edges: DataFrame, vocabulary: DataFrame, directed: bool) -> DataFrame:
    """The table `edges`: dense indices for ids, src < dst unless directed; no frequency and no pmi."""
    src = vocabulary.select(F.col("item_id").alias("src"), F.col("index").alias("a"))
    dst = vocabulary.select(F.col("item_id").alias("dst"), F.col("index").alias("b"))
    both = edges.join(src, on="src", how="inner").join(dst, on="dst", how="inner")
    ends = (F.col("a"), F.col("b")) if directed else (F.least("a", "b"), F.greatest("a", "b"))
    none = F.lit(None)
    return select_schema(
        both.select(ends[0].alias("src"), ends[1].alias("dst"), none.alias("frequency"), none.alias("pmi"), "weight"), "edges"
    )
