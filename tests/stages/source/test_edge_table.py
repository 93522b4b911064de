"""Edge tables: ids and weights with their faults, sums of duplicates, numbered nodes; against a dict in plain Python."""

import random
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from support.oracles import sum_edges, vocabulary
from walkgram.config.source import EdgeColumns
from walkgram.errors import InputError
from walkgram.stages.source import edge_table
from walkgram.stages.source import vocabulary as numbering
from walkgram.stages.source.columns import is_not_long_text

COLUMNS = EdgeColumns()
SCHEMA = "src {0}, dst {0}, weight double"
BIG = 2**53
Rows = list[tuple[Any, Any, float]]


def multigraph(text: bool) -> Rows:
    """Draw rows with duplicates, both directions and self loops; the sums of their weights depend on the order of addition."""
    rng = random.Random(3)
    names: list[Any] = [BIG, BIG + 1, BIG + 2, -1, 0, 9, 10, 2**63 - 1]
    if text:
        names = [str(name) for name in names] + ["é", "Z", "a b", "~", "\U0001f600", "\uffee"]
    return [(rng.choice(names), rng.choice(names), rng.choice([1e16, 1.0, 0.1, 3.0])) for _ in range(400)]


def build_edges(
    frame: DataFrame, directed: bool, columns: EdgeColumns = COLUMNS
) -> tuple[dict[tuple[Any, Any], float], list[Any]]:
    """Run all steps of the stage; return (edges by node ids, vocabulary). Asserts that the tables' indices are valid."""
    rows = edge_table.parse(frame, columns)
    ids = edge_table.resolve_id_type(rows, None, False, edge_table.profile(rows))
    summed = edge_table.sum_duplicates(rows, ids, directed, bool(columns.weight)).persist()
    words = numbering.number_items(edge_table.count_edges_per_node(summed, None)).persist()
    table = edge_table.index_edges(summed, words, directed).collect()
    nodes = sorted(tuple(word) for word in words.collect())
    assert [node[0] for node in nodes] == list(range(len(nodes)))
    assert directed or all(row["src"] <= row["dst"] for row in table)
    assert all(row["frequency"] is None and row["pmi"] is None for row in table)
    edges = {(nodes[row["src"]][1], nodes[row["dst"]][1]): row["weight"] for row in table}
    assert len(edges) == len(table)
    if not directed:
        edges = {(min(ends), max(ends)): weight for ends, weight in edges.items()}
    return edges, [node[1:] for node in nodes]


@pytest.mark.parametrize("text", [False, True], ids=["long", "string"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_the_sum_of_duplicates_does_not_depend_on_the_order_of_the_rows(spark: Any, text: bool, directed: bool) -> None:
    rows = multigraph(text)
    expected = sum_edges(rows, directed)
    frame = spark.createDataFrame(rows, SCHEMA.format("string" if text else "long")).repartition(5)
    assert build_edges(frame, directed) == (expected, vocabulary(expected))


def test_without_weights_an_edge_weighs_its_number_of_rows(spark: Any) -> None:
    rows = [(1, 2, 9.0), (2, 1, 9.0), (3, 3, 9.0), (1, 3, 9.0)]
    edges, words = build_edges(spark.createDataFrame(rows, SCHEMA.format("int")), False, EdgeColumns(weight=""))
    assert edges == {(1, 2): 2.0, (3, 3): 1.0, (1, 3): 1.0}
    assert words == [(1, 2), (3, 2), (2, 1)]


def read_faults(frame: DataFrame, columns: EdgeColumns = COLUMNS) -> list[str | None]:
    return [row["bad"] for row in edge_table.parse(frame, columns).collect()]


def test_the_fault_of_a_row_names_its_column_and_value(spark: Any) -> None:
    weights = [1.0, 0.0, -2.5, float("nan"), float("inf"), None]
    rows = [(1.0, 1.0, w) for w in weights] + [(None, 1.0, 1.0), (1.0, 2.5, 1.0), (float("nan"), 1.0, 1.0)]
    assert read_faults(spark.createDataFrame(rows, SCHEMA.format("double"))) == [
        None,
        "column 'weight' holds 0.0: weights must be above 0",
        "column 'weight' holds -2.5: weights must be above 0",
        "column 'weight' holds NaN",
        "column 'weight' holds Infinity",
        "column 'weight' is null",
        "column 'src' is null",
        "column 'dst' holds 2.5: ids must be whole numbers or text",
        "column 'src' is null",
    ]


def test_weights_of_text_are_read_or_bad(spark: Any) -> None:
    texts = ["2.5", "1e3", "-1", "0", "NaN", "1e400", "heavy", "0x1", "5d", ""]
    frame = spark.createDataFrame([("a", "b", t) for t in texts], "src string, dst string, weight string")
    assert [fault is None for fault in read_faults(frame)] == [True, True] + 8 * [False]


@pytest.mark.parametrize("column, kind", [("src", "boolean"), ("dst", "array<long>"), ("weight", "date")])
def test_the_error_names_a_column_of_another_type(spark: Any, column: str, kind: str) -> None:
    kinds = {"src": "long", "dst": "long", "weight": "double"} | {column: kind}
    frame = spark.createDataFrame([], ", ".join(f"{name} {kind}" for name, kind in kinds.items()))
    with pytest.raises(InputError, match=f"{column!r} is"):
        edge_table.parse(frame, COLUMNS)


def id_type(frame: DataFrame, untyped: bool) -> T.DataType:
    rows = edge_table.parse(frame, EdgeColumns(weight=""))
    return edge_table.resolve_id_type(rows, None, untyped, edge_table.profile(rows))


def test_text_that_would_change_as_a_long_is_no_long(spark: Any) -> None:
    texts = {"1": False, "-3": False, "9007199254740993": False, "9223372036854775807": False, "0": False}
    texts |= dict.fromkeys(["007", "1.0", "9223372036854775808", " 1", "+1", "-0", "a", "é", ""], True)
    rows = spark.createDataFrame([(t,) for t in [*texts, None]], "t string").select(
        "t", is_not_long_text(F.col("t")).alias("is_text")
    )
    assert {row["t"]: row["is_text"] for row in rows.collect()} == texts | {None: False}


@pytest.mark.parametrize("row, expected", [(("3", "4"), "long"), (("03", "4"), "string"), (("3", "x"), "string")])
def test_text_ids_become_longs_over_both_columns_together(spark: Any, row: tuple[str, str], expected: str) -> None:
    frame = spark.createDataFrame([("1", "2"), row, ("bad", None)], "src string, dst string")  # bad rows do not count
    assert id_type(frame, True).typeName() == expected
    assert id_type(frame, False).typeName() == "string"


def test_a_long_column_and_a_text_column_give_text_ids(spark: Any) -> None:
    edges, _ = build_edges(spark.createDataFrame([(1, "b", 1.0), (2, "1", 1.0)], "src long, dst string, weight double"), False)
    assert edges == {("1", "b"): 1.0, ("1", "2"): 1.0}


@pytest.mark.parametrize(
    "ends, nodes, ids",
    [("string", "long", "long"), ("long", "string", "string")],
)
def test_the_table_of_nodes_fixes_the_type_of_ids_and_the_known_nodes(spark: Any, ends: str, nodes: str, ids: str) -> None:
    rows = spark.createDataFrame([(1, 2), (2, 9), (8, 1)], "src long, dst long")
    rows = edge_table.parse(rows.selectExpr(f"cast(src as {ends}) src", f"cast(dst as {ends}) dst"), EdgeColumns(weight=""))
    vertices = spark.createDataFrame([(1,), (2,), (5,)], "id long").selectExpr(f"cast(id as {nodes}) item_id")
    checked = edge_table.flag_unknown_nodes(rows, vertices)
    assert {row["bad"] for row in checked.collect()} == {
        None,
        "column 'dst' holds 9, which is not in input.nodes",
        "column 'src' holds 8, which is not in input.nodes",
    }
    counts = edge_table.profile(checked)
    assert (counts["rows"], counts["bad"]) == (3, 2)
    kind = edge_table.resolve_id_type(checked, vertices, True, counts)
    assert kind.typeName() == ids
    summed = edge_table.sum_duplicates(checked, kind, False, False)
    degrees = {(row["item_id"], row["frequency"]) for row in edge_table.count_edges_per_node(summed, vertices).collect()}
    assert degrees == ({(1, 1), (2, 1), (5, 0)} if ids == "long" else {("1", 1), ("2", 1), ("5", 0)})


def test_text_nodes_become_longs_if_all_are_whole_numbers_and_a_null_is_bad(spark: Any) -> None:
    for texts, expected in ((["1", "20", None], "bigint"), (["1", "007"], "string"), (["1", "x"], "string")):
        nodes = edge_table.parse_nodes(spark.createDataFrame([(t,) for t in texts], "`my id` string"), "my id", untyped=True)
        assert dict(nodes.dtypes)["item_id"] == expected
        assert [row["bad"] for row in nodes.collect()] == [None if t else "column 'my id' is null" for t in texts]


def test_the_error_says_why_a_table_cannot_be_used() -> None:
    counts = {"rows": 3, "bad": 2, "example": "column 'weight' is null", "text_ids": False}
    with pytest.raises(InputError, match=r"path: column 'weight' is null, and 2 of 3 rows .*bad_rows"):
        edge_table.validate(counts, "path", "fail")
    edge_table.validate(counts, "path", "drop")
    with pytest.raises(InputError, match="none of 3 rows can be used: column 'weight' is null"):
        edge_table.validate(counts | {"bad": 3}, "path", "drop")
    with pytest.raises(InputError, match="no rows"):
        edge_table.validate({"rows": 0, "bad": 0}, "path", "drop")


def test_the_error_names_an_edge_whose_weights_add_up_to_infinity(spark: Any) -> None:
    rows = edge_table.parse(
        spark.createDataFrame([(1, 2, 1.7e308), (2, 1, 1e308), (3, 3, 1e308)], SCHEMA.format("long")), COLUMNS
    )
    with pytest.raises(InputError, match=r"the rows from 1 to 2 add up .* 1 of 2 edges"):
        edge_table.validate_sums(edge_table.sum_duplicates(rows, T.LongType(), False, True), "path")
    assert edge_table.validate_sums(edge_table.sum_duplicates(rows, T.LongType(), True, True), "path") == {
        "edges": 3,
        "self loops": 1,
    }
