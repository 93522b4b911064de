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
from walkgram.stages.source import edge_table, load_report
from walkgram.stages.source import vocabulary as numbering
from walkgram.stages.source.columns import ValueRules, is_long_text
from walkgram.stages.source.ids import IdColumn

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


RULES = ValueRules()


def parse(frame: DataFrame, columns: EdgeColumns = COLUMNS, untyped: bool = False, nodes: IdColumn | None = None) -> DataFrame:
    ids = edge_table.find_ids(frame, columns, untyped, RULES, nodes, "path")
    return edge_table.parse(frame, columns, RULES, ids)


def build_edges(
    frame: DataFrame, directed: bool, columns: EdgeColumns = COLUMNS
) -> tuple[dict[tuple[Any, Any], float], list[Any]]:
    """Run all steps of the stage; return (edges by node ids, vocabulary). Asserts that the tables' indices are valid."""
    summed = edge_table.sum_duplicates(parse(frame, columns), directed, bool(columns.weight)).persist()
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
    return [row["bad"] for row in parse(frame, columns).collect()]


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
        parse(frame)


def id_type(frame: DataFrame, untyped: bool) -> T.DataType:
    return parse(frame, EdgeColumns(weight=""), untyped).schema["src"].dataType


def test_text_that_would_change_as_a_long_is_no_long(spark: Any) -> None:
    texts = {"1": False, "-3": False, "9007199254740993": False, "9223372036854775807": False, "0": False}
    texts |= dict.fromkeys(["007", "1.0", "9223372036854775808", " 1", "+1", "-0", "a", "é", ""], True)
    rows = spark.createDataFrame([(t,) for t in [*texts, None]], "t string").select(
        "t", (~is_long_text(F.col("t"))).alias("is_text")
    )
    assert {row["t"]: row["is_text"] for row in rows.collect()} == texts | {None: None}


@pytest.mark.parametrize("row, expected", [(("3", "4"), "long"), (("03", "04"), "string"), (("3", "x"), "string")])
def test_text_ids_become_longs_over_both_columns_together(spark: Any, row: tuple[str, str], expected: str) -> None:
    frame = spark.createDataFrame([("1", "2"), row, ("2", None)], "src string, dst string")
    assert id_type(frame, True).typeName() == expected
    assert id_type(frame, False).typeName() == "string"


@pytest.mark.parametrize("row", [("3", "2.0"), ("3", "007"), (" 3", "2")])
def test_ends_whose_ids_would_be_equal_as_numbers_are_refused(spark: Any, row: tuple[str, str]) -> None:
    frame = spark.createDataFrame([("1", "2"), row], "src string, dst string")
    with pytest.raises(InputError, match=r"path: the ids of column '(src|dst)' are whole numbers .*input.id_type") as error:
        id_type(frame, True)
    assert any(f"text (for example {value})" in str(error.value) for value in row)


def test_a_long_column_and_a_text_column_are_refused_with_a_value_of_each(spark: Any) -> None:
    frame = spark.createDataFrame([(1, "b", 1.0), (2, "1", 1.0)], "src long, dst string, weight double")
    with pytest.raises(InputError, match=r"'src' are whole .*example 1\), those of column 'dst' text .*example b\)"):
        parse(frame)
    rules = ValueRules(id_type="string")
    rows = edge_table.parse(frame, COLUMNS, rules, edge_table.find_ids(frame, COLUMNS, False, rules, None, "path"))
    assert {(row["src"], row["dst"]) for row in rows.collect()} == {("1", "b"), ("2", "1")}


@pytest.mark.parametrize("kind", ["string", "long"])
def test_the_table_of_nodes_fixes_the_known_nodes(spark: Any, kind: str) -> None:
    frame = spark.createDataFrame([(1, 2), (2, 9), (8, 1)], "src long, dst long")
    frame = frame.selectExpr(f"cast(src as {kind}) src", f"cast(dst as {kind}) dst")
    vertices = spark.createDataFrame([(1,), (2,), (5,)], "id long").selectExpr(f"cast(id as {kind}) item_id")
    nodes = edge_table.find_node_ids(vertices, "item_id", False, RULES)
    checked = edge_table.flag_unknown_nodes(parse(frame, EdgeColumns(weight=""), nodes=nodes), vertices)
    assert {row["bad"] for row in checked.collect()} == {
        None,
        "column 'dst' holds 9, which is not in input.nodes",
        "column 'src' holds 8, which is not in input.nodes",
    }
    counts = edge_table.profile(checked, EdgeColumns(weight=""))
    assert (counts["rows"], counts["bad"]) == (3, 2)
    summed = edge_table.sum_duplicates(checked, False, False)
    degrees = {(row["item_id"], row["frequency"]) for row in edge_table.count_edges_per_node(summed, vertices).collect()}
    assert degrees == ({(1, 1), (2, 1), (5, 0)} if kind == "long" else {("1", 1), ("2", 1), ("5", 0)})


def test_nodes_of_another_type_than_the_ends_are_refused(spark: Any) -> None:
    vertices = spark.createDataFrame([("a",)], "id string")
    nodes = edge_table.find_node_ids(vertices, "id", False, RULES)
    with pytest.raises(InputError, match=r"'id of input.nodes' text \(for example a\)"):
        parse(spark.createDataFrame([(1, 2)], "src long, dst long"), EdgeColumns(weight=""), nodes=nodes)


def test_text_nodes_become_longs_if_all_are_whole_numbers_and_a_null_is_bad(spark: Any) -> None:
    for texts, expected in ((["1", "20", None], "bigint"), (["1", "007"], "string"), (["1", "x"], "string")):
        frame = spark.createDataFrame([(t,) for t in texts], "`my id` string")
        nodes = edge_table.parse_nodes(frame, edge_table.find_node_ids(frame, "my id", True, RULES), RULES)
        assert dict(nodes.dtypes)["item_id"] == expected
        assert [row["bad"] for row in nodes.collect()] == [None if t else "column 'my id' is null" for t in texts]


def warnings(frame: DataFrame) -> tuple[str, str]:
    counts = edge_table.profile(parse(frame), COLUMNS)
    return load_report.warn_of_weights(counts), load_report.warn_of_sides(counts)


def test_weights_like_times_and_two_sides_numbered_from_the_same_start_are_warned_of(spark: Any) -> None:
    schema = SCHEMA.format("long")
    sides = spark.createDataFrame([(user, item, 1.0) for user in range(1, 6) for item in range(1, 21)], schema)
    assert warnings(sides) == ("", warnings(sides)[1])
    assert "src has the numbers 1 to 5, dst 1 to 20" in warnings(sides)[1]
    ring = spark.createDataFrame([(i, (i + 1) % 20, 1.0) for i in range(20)], schema)
    assert warnings(ring) == ("", "")
    timed = spark.createDataFrame([(1, 2, 1.2e9), (2, 3, 1.0)], schema)
    assert "weights range from 1 to 1.2e+09" in warnings(timed)[0]


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
    rows = parse(spark.createDataFrame([(1, 2, 1.7e308), (2, 1, 1e308), (3, 3, 1e308)], SCHEMA.format("long")))
    with pytest.raises(InputError, match=r"the rows from 1 to 2 add up .* 1 of 2 edges"):
        edge_table.validate_sums(edge_table.sum_duplicates(rows, False, True), "path")
    assert edge_table.validate_sums(edge_table.sum_duplicates(rows, True, True), "path") == {
        "edges": 3,
        "self loops": 1,
    }
