"""edge tables: ends and weights with their faults, equal edges summed, nodes numbered; against a dict in plain Python."""

import random
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from support.oracles import merged, vocabulary
from walkgram.config.schema import EdgeColumns
from walkgram.errors import InputError
from walkgram.stages.source import edge_table
from walkgram.stages.source import vocabulary as numbering
from walkgram.stages.source.columns import is_not_long_text

COLUMNS = EdgeColumns()
SCHEMA = "src {0}, dst {0}, weight double"
BIG = 2**53
Rows = list[tuple[Any, Any, float]]


def multigraph(text: bool) -> Rows:
    """Rows with duplicates, both directions and self loops, whose weights add up otherwise in another order."""
    rng = random.Random(3)
    names: list[Any] = [BIG, BIG + 1, BIG + 2, -1, 0, 9, 10, 2**63 - 1]
    if text:
        names = [str(name) for name in names] + ["é", "Z", "a b", "~", "\U0001f600", "\uffee"]
    return [(rng.choice(names), rng.choice(names), rng.choice([1e16, 1.0, 0.1, 3.0])) for _ in range(400)]


def edges(frame: DataFrame, directed: bool, columns: EdgeColumns = COLUMNS) -> tuple[dict[tuple[Any, Any], float], list[Any]]:
    """(edges by the nodes' ids, vocabulary), through every step of the stage; the table's indices are checked on the way."""
    rows = edge_table.parse(frame, columns)
    ids = edge_table.resolve_id_type(rows, None, False, edge_table.profile(rows))
    summed = edge_table.sum_duplicates(rows, ids, directed, bool(columns.weight)).persist()
    words = numbering.number_items(edge_table.count_edges_per_node(summed, None)).persist()
    table = edge_table.index_edges(summed, words, directed).collect()
    named = sorted(tuple(word) for word in words.collect())
    assert [word[0] for word in named] == list(range(len(named)))
    assert directed or all(row["src"] <= row["dst"] for row in table)
    assert all(row["frequency"] is None and row["pmi"] is None for row in table)
    found = {(named[row["src"]][1], named[row["dst"]][1]): row["weight"] for row in table}
    assert len(found) == len(table)
    if not directed:
        found = {(min(ends), max(ends)): weight for ends, weight in found.items()}
    return found, [word[1:] for word in named]


@pytest.mark.parametrize("text", [False, True], ids=["long", "string"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_equal_edges_are_one_whatever_the_order_of_the_rows(spark: Any, text: bool, directed: bool) -> None:
    rows = multigraph(text)
    expected = merged(rows, directed)
    frame = spark.createDataFrame(rows, SCHEMA.format("string" if text else "long")).repartition(5)
    assert edges(frame, directed) == (expected, vocabulary(expected))


def test_without_weights_an_edge_weighs_its_rows(spark: Any) -> None:
    rows = [(1, 2, 9.0), (2, 1, 9.0), (3, 3, 9.0), (1, 3, 9.0)]
    found, words = edges(spark.createDataFrame(rows, SCHEMA.format("int")), False, EdgeColumns(weight=""))
    assert found == {(1, 2): 2.0, (3, 3): 1.0, (1, 3): 1.0}
    assert words == [(1, 2), (3, 2), (2, 1)]


def bad(frame: DataFrame, columns: EdgeColumns = COLUMNS) -> list[str | None]:
    return [row["bad"] for row in edge_table.parse(frame, columns).collect()]


def test_the_fault_of_a_row_names_column_and_value(spark: Any) -> None:
    weights = [1.0, 0.0, -2.5, float("nan"), float("inf"), None]
    rows = [(1.0, 1.0, w) for w in weights] + [(None, 1.0, 1.0), (1.0, 2.5, 1.0), (float("nan"), 1.0, 1.0)]
    assert bad(spark.createDataFrame(rows, SCHEMA.format("double"))) == [
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
    assert [fault is None for fault in bad(frame)] == [True, True] + 8 * [False]


@pytest.mark.parametrize("column, kind", [("src", "boolean"), ("dst", "array<long>"), ("weight", "date")])
def test_a_column_of_another_type_is_named(spark: Any, column: str, kind: str) -> None:
    kinds = {"src": "long", "dst": "long", "weight": "double"} | {column: kind}
    frame = spark.createDataFrame([], ", ".join(f"{name} {kind}" for name, kind in kinds.items()))
    with pytest.raises(InputError, match=f"{column!r} is"):
        edge_table.parse(frame, COLUMNS)


def id_type(frame: DataFrame, untyped: bool) -> T.DataType:
    rows = edge_table.parse(frame, EdgeColumns(weight=""))
    return edge_table.resolve_id_type(rows, None, untyped, edge_table.profile(rows))


def test_text_that_a_long_would_change_is_odd(spark: Any) -> None:
    texts = {"1": False, "-3": False, "9007199254740993": False, "9223372036854775807": False, "0": False}
    texts |= dict.fromkeys(["007", "1.0", "9223372036854775808", " 1", "+1", "-0", "a", "é", ""], True)
    found = spark.createDataFrame([(t,) for t in [*texts, None]], "t string").select(
        "t", is_not_long_text(F.col("t")).alias("odd")
    )
    assert {row["t"]: row["odd"] for row in found.collect()} == texts | {None: False}


@pytest.mark.parametrize("row, expected", [(("3", "4"), "long"), (("03", "4"), "string"), (("3", "x"), "string")])
def test_text_ids_become_longs_over_both_columns_together(spark: Any, row: tuple[str, str], expected: str) -> None:
    frame = spark.createDataFrame([("1", "2"), row, ("bad", None)], "src string, dst string")  # a bad row has no say
    assert id_type(frame, True).typeName() == expected
    assert id_type(frame, False).typeName() == "string"


def test_a_long_column_beside_a_text_column_makes_text(spark: Any) -> None:
    found, _ = edges(spark.createDataFrame([(1, "b", 1.0), (2, "1", 1.0)], "src long, dst string, weight double"), False)
    assert found == {("1", "b"): 1.0, ("1", "2"): 1.0}


@pytest.mark.parametrize(
    "ends, nodes, ids",
    [("string", "long", "long"), ("long", "string", "string")],
)
def test_the_table_of_nodes_tells_the_ids_type_and_who_is_unknown(spark: Any, ends: str, nodes: str, ids: str) -> None:
    rows = spark.createDataFrame([(1, 2), (2, 9), (8, 1)], "src long, dst long")
    rows = edge_table.parse(rows.selectExpr(f"cast(src as {ends}) src", f"cast(dst as {ends}) dst"), EdgeColumns(weight=""))
    vertices = spark.createDataFrame([(1,), (2,), (5,)], "id long").selectExpr(f"cast(id as {nodes}) item_id")
    known = edge_table.flag_unknown_nodes(rows, vertices)
    assert {row["bad"] for row in known.collect()} == {
        None,
        "column 'dst' holds 9, which is not in input.nodes",
        "column 'src' holds 8, which is not in input.nodes",
    }
    found = edge_table.profile(known)
    assert (found["rows"], found["bad"]) == (3, 2)
    made = edge_table.resolve_id_type(known, vertices, True, found)
    assert made.typeName() == ids
    summed = edge_table.sum_duplicates(known, made, False, False)
    counts = {(row["item_id"], row["frequency"]) for row in edge_table.count_edges_per_node(summed, vertices).collect()}
    assert counts == ({(1, 1), (2, 1), (5, 0)} if ids == "long" else {("1", 1), ("2", 1), ("5", 0)})


def test_nodes_of_text_become_longs_where_all_are_whole_and_a_null_is_bad(spark: Any) -> None:
    for texts, expected in ((["1", "20", None], "bigint"), (["1", "007"], "string"), (["1", "x"], "string")):
        made = edge_table.parse_nodes(spark.createDataFrame([(t,) for t in texts], "`my id` string"), "my id", untyped=True)
        assert dict(made.dtypes)["item_id"] == expected
        assert [row["bad"] for row in made.collect()] == [None if t else "column 'my id' is null" for t in texts]


def test_a_table_that_cannot_be_used_says_why() -> None:
    found = {"rows": 3, "bad": 2, "example": "column 'weight' is null", "odd": False}
    with pytest.raises(InputError, match=r"place: column 'weight' is null, and 2 of 3 rows .*bad_rows"):
        edge_table.validate(found, "place", "fail")
    edge_table.validate(found, "place", "drop")
    with pytest.raises(InputError, match="none of 3 rows can be used: column 'weight' is null"):
        edge_table.validate(found | {"bad": 3}, "place", "drop")
    with pytest.raises(InputError, match="no rows"):
        edge_table.validate({"rows": 0, "bad": 0}, "place", "drop")


def test_weights_that_add_up_to_infinity_are_named_with_their_ends(spark: Any) -> None:
    rows = edge_table.parse(
        spark.createDataFrame([(1, 2, 1.7e308), (2, 1, 1e308), (3, 3, 1e308)], SCHEMA.format("long")), COLUMNS
    )
    with pytest.raises(InputError, match=r"the rows from 1 to 2 add up .* 1 of 2 edges"):
        edge_table.validate_sums(edge_table.sum_duplicates(rows, T.LongType(), False, True), "place")
    assert edge_table.validate_sums(edge_table.sum_duplicates(rows, T.LongType(), True, True), "place") == {
        "edges": 3,
        "self loops": 1,
    }
