"""Rows of an edge table -> the tables `edges` and `vocabulary` of a graph: validate, sum duplicates, number the nodes.

In an undirected graph (a, b) and (b, a) are one edge. The weights of duplicates are added in rising order, so that the sum
does not depend on the order of the rows. A node's frequency is the number of its edges; a self loop counts once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from walkgram.config.source import EdgeColumns
from walkgram.errors import InputError
from walkgram.stages.ports import select_schema
from walkgram.stages.source.columns import (
    ValueRules,
    check_rows,
    count_faults,
    describe_value,
    first_row,
    no_fault,
    quote_name,
    read_id,
    read_number,
    unparsed_line_fault,
)
from walkgram.stages.source.ids import IdColumn, find_id_columns, unify_types

__all__ = [
    "count_edges_per_node",
    "find_ids",
    "find_node_ids",
    "flag_unknown_nodes",
    "index_edges",
    "parse",
    "parse_nodes",
    "profile",
    "profile_nodes",
    "sum_duplicates",
    "validate",
    "validate_sums",
]

NOT_ABOVE_0 = ": weights must be above 0"


def find_ids(
    frame: DataFrame, columns: EdgeColumns, untyped: bool, rules: ValueRules, nodes: IdColumn | None, source: str
) -> list[IdColumn]:
    """Choose the type of src and dst, one for both, and for the nodes where these are given.

    One pass over an `untyped` source (CSV, edge lists), whose columns are all text. Raises `InputError` where the columns
    cannot have one type (`unify_types`): 2 and 2.0 would be two nodes.
    """
    _, weight_fault = read_weight(frame, columns.weight, rules)
    usable = F.coalesce(unparsed_line_fault(frame), weight_fault).isNull()
    src, dst = find_id_columns(frame, [columns.src, columns.dst], usable, untyped, rules)
    kind = unify_types(src, dst, source)
    if nodes is not None:
        ends = (src if src.kind == kind else dst)._replace(kind=kind)
        kind = unify_types(ends, nodes._replace(name=f"{nodes.name} of input.nodes"), source)
    return [column._replace(kind=kind) for column in (src, dst)]


def parse(frame: DataFrame, columns: EdgeColumns, rules: ValueRules, ids: Sequence[IdColumn]) -> DataFrame:
    """Parse src, dst (both long, or both string: the types of `find_ids`) and weight double.

    The column `bad` has the row's fault, or null. Raises `InputError` if the type of a column fits no id or weight.
    """
    src, src_fault = read_end(frame, columns.src, ids[0].kind, rules)
    dst, dst_fault = read_end(frame, columns.dst, ids[1].kind, rules)
    weight, weight_fault = read_weight(frame, columns.weight, rules)
    fault = F.coalesce(unparsed_line_fault(frame), src_fault, dst_fault, weight_fault)
    return frame.select(src.alias("src"), dst.alias("dst"), weight.alias("weight"), fault.alias("bad"))


def read_end(frame: DataFrame, name: str, kind: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read a column of node ids; returns (id, fault). A null id is a fault."""
    value, fault = read_id(frame, name, kind, rules)
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")))


def read_weight(frame: DataFrame, name: str, rules: ValueRules) -> tuple[Column, Column]:
    """Read the column of weights; returns (weight, fault). Without a column every weight is 1."""
    if not name:
        return F.lit(1.0), no_fault()
    value, fault = read_number(frame, name, "double", "weights", "input.edge_columns.weight", rules)
    sign_fault = F.when(value <= 0, describe_value(name, quote_name(name), NOT_ABOVE_0))
    return value, F.coalesce(fault, F.when(value.isNull(), F.lit(f"column {name!r} is null")), sign_fault)


def find_node_ids(frame: DataFrame, name: str, untyped: bool, rules: ValueRules) -> IdColumn:
    """Choose the type of the column `name` of a table of nodes. One pass over an `untyped` table (CSV)."""
    usable = unparsed_line_fault(frame).isNull()
    return find_id_columns(frame, [name], usable, untyped, rules)[0]


def parse_nodes(frame: DataFrame, ids: IdColumn, rules: ValueRules) -> DataFrame:
    """Parse the ids of a table of nodes to item_id, with its fault in the column `bad`."""
    value, fault = read_end(frame, ids.name, ids.kind, rules)
    return frame.select(value.alias("item_id"), F.coalesce(unparsed_line_fault(frame), fault).alias("bad"))


def flag_unknown_nodes(rows: DataFrame, vertices: DataFrame) -> DataFrame:
    """Mark edges as bad whose src or dst is not among the vertices' distinct item_id, of the same type."""
    for end in ("src", "dst"):
        known = vertices.select(F.col("item_id").alias("known"))
        fault = F.when(F.col("known").isNull(), describe_value(end, F.col(end), ", which is not in input.nodes"))
        joined = rows.join(known, on=F.col(end) == F.col("known"), how="left")
        rows = joined.withColumn("bad", F.coalesce("bad", fault)).drop("known")
    return rows


def profile(rows: DataFrame, columns: EdgeColumns) -> dict[str, Any]:
    """Count parsed rows in one pass: rows, bad rows with an `example`, and the range of the valid rows' weights.

    Also the least, greatest and (to 1%) distinct ids of src and dst, where ids are whole numbers, and `faults`: (bad rows,
    example) by column.
    """
    is_bad = F.col("bad").isNotNull()
    weight = F.when(~is_bad, F.col("weight"))
    names = list(dict.fromkeys(name for name in columns.model_dump().values() if name))
    aggregates = [
        F.count(F.lit(1)).alias("rows"),
        F.count_if(is_bad).alias("bad"),
        F.max("bad").alias("example"),
        F.min(weight).alias("lowest"),
        F.max(weight).alias("highest"),
        first_row(rows, ~is_bad),
    ]
    for end in ("src", "dst"):
        if isinstance(rows.schema[end].dataType, T.LongType):
            value = F.when(~is_bad, F.col(end))
            aggregates += [F.min(value).alias(f"first_{end}"), F.max(value).alias(f"last_{end}")]
            aggregates.append(F.approx_count_distinct(value, 0.01).alias(f"distinct_{end}"))
    return count_faults(rows, aggregates, names)


def profile_nodes(nodes: DataFrame) -> dict[str, Any]:
    """Count parsed nodes in one pass: rows, and bad rows with an `example`."""
    bad = F.col("bad")
    row = nodes.agg(
        F.count(F.lit(1)).alias("rows"), F.count_if(bad.isNotNull()).alias("bad"), F.max(bad).alias("example")
    ).first()
    return {} if row is None else row.asDict()


def validate(counts: Mapping[str, Any], path: str, bad_rows: str) -> None:
    """Raise `InputError` if no row can be used, or if there are bad rows and `bad_rows` is "fail". counts: of `profile`."""
    check_rows(counts, path, bad_rows)
    if counts["bad"] == counts["rows"]:
        raise InputError(f"{path}: none of {counts['rows']:,} rows can be used: {counts['example']}")


def sum_duplicates(rows: DataFrame, directed: bool, weighted: bool) -> DataFrame:
    """Sum the valid rows of each edge to src, dst, weight. A task holds the weights of one edge's rows."""
    src, dst = F.col("src"), F.col("dst")
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
