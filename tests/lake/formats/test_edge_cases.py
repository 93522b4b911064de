"""Edge lists, adjacency lists and matrices: one row a case, with the file, the keys, and the edges or the expected line."""

import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from support.source_files import Content, write_files
from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.sources.open import open_edges

TWO = [("1", "2"), ("2", "3")]
WEIGHTED = [("1", "2", "0.5"), ("2", "3", "4")]
COLUMNS = {"columns": ["src", "dst", "_", "weight"]}
HINT = '(if it is a comment, set input.comment = "#"; comments are expected at the top only)'


class Case(NamedTuple):
    """The text of a file (or files by name), the edges or a part of the line, the keys of input.edge_list and of input."""

    content: Content | Mapping[str, Content]
    expected: list[tuple[Any, ...]] | str
    edge_list: Mapping[str, Any] = {}
    keys: Mapping[str, Any] = {}
    name: str = "a.txt"


FIELDS = {
    "blanks": Case("1 2\n2\t 3 \n", TWO),
    "weights": Case("1 2 0.5\n2 3 4\n", WEIGHTED),
    "no line end, and Windows' line ends": Case("1 2\r\n2 3", TWO),
    "a comma and a blank": Case("1, 2\n2, 3\n", "('1, 2'), not at blanks: set input.edge_list.delimiter = \",\""),
    "a comma": Case("1,2\n2,3\n", "set input.edge_list.delimiter = \",\""),
    "a semicolon": Case("1;2;5\n", "set input.edge_list.delimiter = \";\""),
    "two colons": Case("1::2::5\n", "set input.edge_list.delimiter = \"::\""),
    "commas, with the key": Case("1, 2\n2 ,3\n", TWO, {"delimiter": ","}),
    "four characters": Case("1 -> 2\n2 -> 3\n", TWO, {"delimiter": " -> "}),
    "characters of regular expressions": Case("1.|2\n2.|3\n", TWO, {"delimiter": ".|"}),
    "tabs": Case("New York\tRome\nRome\tBad Tölz\n", [("New York", "Rome"), ("Rome", "Bad Tölz")], {"delimiter": "\\t"}),
    "an empty field": Case("1,2,3\n1,,3\n1,2,\n", [("1", "2", "3"), ("1", None, "3"), ("1", "2", None)], {"delimiter": ","}),
    "an empty last field between tabs": Case("1\t2\t3\n1\t2\t\n", [("1", "2", "3"), ("1", "2", None)], {"delimiter": "\t"}),
    "nodes that end with a comma among others": Case("the ,\n, 5\nx y\n", [("the", ","), (",", "5"), ("x", "y")]),
    "four fields (KONECT)": Case("1 2 1 1082\n2 3 1 1083\n", "the first edge has 4 fields ('1 2 1 1082'): name them, such as"),
    "four fields, with the key": Case(
        "% sym weighted\n1 2 1082 0.5\n2 3 1083 4\n", WEIGHTED, COLUMNS, name="out.konect", keys={"format": "edgelist"}
    ),
    "fields in another order": Case(
        "0.5 x 2 1\n4 y 3 2\n", WEIGHTED, {"columns": ["weight", "other", "dst", "src"]}
    ),
    "another number of fields than the key names": Case(
        "1 2 7\n1 2\n", [("1", "2", None), (None, None, "a line has 2 field(s) where input.edge_list.columns names 3: 1 2")],
        {"columns": ["src", "dst", "_"]},
    ),
    "commas under blanks, with columns": Case("1, 2, 5\n", "set input.edge_list.delimiter", {"columns": ["src", "dst", "_"]}),
    "a line cut short": Case(
        "1 2 .5\n2 3\n", [("1", "2", ".5", None), (None, None, None, "a line has 2 field(s) where the first edge has 3: 2 3")]
    ),
}  # fmt: skip
HEADER = "looks like a header ({}): set input.edge_list.header = true to skip it, or false if it is an edge"
HEADERS = {
    "known names": Case("src dst\nann bob\n", HEADER.format("'src dst'")),
    "other known names": Case("Source Target Weight\nann bob 1\n", HEADER.format("'Source Target Weight'")),
    "names over numbers": Case("user page\n1 2\n2 3\n", HEADER.format("'user page'")),
    "names over weights": Case("follower name count\nann bob 3\nbob cid 2\n", HEADER.format("'follower name count'")),
    "a header with commas": Case("src,dst\n1,2\n", HEADER.format("'src,dst'"), {"delimiter": ","}),
    "a header in the second file": Case(
        {"a.el": "1 2\n", "b.el": "from to\n3 4\n"}, "b.el: the first line looks like a header"
    ),
    "a header to skip, in each file": Case({"a.el": "src dst\n1 2\n", "b.el": "src dst\n2 3\n"}, TWO, {"header": True}),
    "an edge that looks like a header": Case("from to\nto from\n", [("from", "to"), ("to", "from")], {"header": False}),
    "text is no header of text": Case("ann bob\nbob cid\n", [("ann", "bob"), ("bob", "cid")]),
    "one node of text is no header": Case("ann 1\n2 3\n", [("ann", "1"), ("2", "3")]),
}
COMMENTS = {
    "a block at the top": Case("# Nodes: 3 Edges: 2\n% more\n\n# FromNodeId\tToNodeId\n1 2\n2 3\n", TWO),
    "a block at the top of each file": Case({"a.el": "# a\n1 2\n", "b.el": "#\n# b\n2 3\n"}, TWO),
    "hashtags are nodes": Case("a b 1\n#python #data 3\n", [("a", "b", "1"), ("#python", "#data", "3")]),
    "hashtags at the top": Case("#python #data 3\na b 1\n", "is '#python #data 3' a comment or an edge? Set input.comment"),
    "hashtags at the top, with the key": Case(
        "#python #data 3\na b 1\n", [("#python", "#data", "3"), ("a", "b", "1")], keys={"comment": "none"}
    ),
    "comments anywhere, with the key": Case("1 2\n# x y\n2 3\n#z\n", TWO, keys={"comment": "#"}),
    "only the comments of the key": Case("#a 1\n// x\n#b 2\n", [("#a", "1"), ("#b", "2")], keys={"comment": "//"}),
    "a comment below the top": Case(
        "1 2\n# x\n2 3\n",
        [("1", "2", None), ("2", "3", None), (None, None, f"a line has 2 field(s) where the first edge has 2 {HINT}: # x")],
    ),
}  # fmt: skip
WRONG = {
    "an adjacency list": Case(
        "1 2 3 4\n2 3\n3\n4 1\n", "if it is an adjacency list (a node and its neighbours), set input.format"
    ),
    "a short adjacency list": Case(
        "1 2 3\n2 3\n3 4\n4 1 2\n", "a.txt: the lines have 2 to 3 fields: if it is an adjacency list"
    ),
    "MatrixMarket by another name": Case(
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 3\n", 'is MatrixMarket: set input.format = "matrix_market"'
    ),
    "GraphML by another name": Case('<?xml version="1.0"?>\n<graphml>\n', "a.txt is XML (GraphML?), which is not read"),
    "GML by another name": Case("graph [\n  node [\n", "a.txt is GML, which is not read"),
    "GraphML": Case("<graphml/>", "the format GraphML is not read: convert it, such as by networkx", name="a.graphml"),
    "GML": Case("graph [\n]", "the format GML is not read: convert it, such as by networkx", name="a.gml"),
    "a binary file": Case(b"PAR1 and more", "a.txt is binary: set input.format to the format that it has"),
}
ADJACENCY = {
    "neighbours": Case("# made\n1 2 3\n2 3\n3\n", [("1", "2"), ("1", "3"), ("2", "3")], name="a.adjlist"),
    "neighbours at commas": Case(
        "1,2,3\n2,,3\n", [("1", "2", None), ("1", "3", None), (None, None, "a line has an empty field: 2,,3")],
        {"delimiter": ","}, {"format": "adjacency"},
    ),
    "columns have no place": Case("1 2\n", "an adjacency list has no columns and no header", COLUMNS, name="a.adjlist"),
}  # fmt: skip
BANNER = "%%MatrixMarket matrix coordinate {}\n% made by hand\n"
SYMMETRIC = BANNER.format("real symmetric") + "3 3 2\n2 1 .5\n3 3 2\n"
MATRIX = {
    "an entry like the line of sizes": Case(
        BANNER.format("integer general") + "3 3 3\n3 3 3\n1 2 5\n3 3 3\n", [("1", "2", "5"), ("3", "3", "3"), ("3", "3", "3")]
    ),
    "a pattern": Case(BANNER.format("pattern general") + "3 3 2\n1 2\n2 3\n", TWO),
    "symmetric, undirected": Case(SYMMETRIC, [("2", "1", ".5"), ("3", "3", "2")]),
    "symmetric, directed": Case(
        SYMMETRIC, [("1", "2", ".5"), ("2", "1", ".5"), ("3", "3", "2")], keys={"directed": True}
    ),
    "too few entries": Case(BANNER.format("real general") + "3 3 3\n1 2 5\n", "1 entries, but its line of sizes says 3"),
    "skew-symmetric": Case(BANNER.format("real skew-symmetric") + "2 2 1\n2 1 5\n", "a real skew-symmetric matrix: edges need"),
    "dense": Case("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n", "a dense matrix (array): write it in"),
    "not square": Case(BANNER.format("real general") + "2 3 1\n1 2 5\n", "a matrix of 2 rows and 3 columns: row 1"),
    "no banner": Case("3 3 1\n1 2 5\n", "the first line is no banner of a MatrixMarket matrix"),
    "no sizes": Case(BANNER.format("real general"), "the line of sizes (rows, columns, entries) is ''"),
    "a line cut short": Case(
        BANNER.format("real general") + "3 3 1\n1 2\n", [(None, None, None, "a line has 2 field(s) where an entry has 3: 1 2")]
    ),
    "two files": Case({"a.mtx": "x", "b.mtx": "y"}, "2 MatrixMarket files: set input.interactions to the matrix of the graph"),
}  # fmt: skip
MATRIX = {name: case._replace(name="a.mtx") for name, case in MATRIX.items()}
CASES = {
    f"{kind}: {name}": case
    for kind, cases in {
        "fields": FIELDS, "headers": HEADERS, "comments": COMMENTS, "wrong": WRONG, "adjacency": ADJACENCY, "matrix": MATRIX,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


def read_rows(spark: Any, path: Path, edge_list: Mapping[str, Any], keys: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Read the edges' src, dst, and weight where there is one; and the fault where a row has one."""
    source, _ = open_edges(spark, str(path), Input.model_validate({"kind": "edges", "edge_list": dict(edge_list), **keys}))
    names = [name for name in ("src", "dst", "weight", "_corrupt_record") if name in source.frame.columns]
    rows = [tuple(row) for row in source.frame.select(*names).collect()]
    return rows if any(row[-1] for row in rows) else [row[:-1] for row in rows]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_edge_file_is_read_right_or_refused(spark: Any, tmp_path: Path, case: Case) -> None:
    files = case.content if isinstance(case.content, Mapping) else {case.name: case.content}
    write_files(tmp_path, files)
    path = tmp_path if len(files) > 1 else tmp_path / case.name
    if isinstance(case.expected, str):
        with pytest.raises(InputError) as error:
            read_rows(spark, path, case.edge_list, case.keys)
        assert case.expected in str(error.value)
        assert len(str(error.value).splitlines()) == 1
        return
    assert sorted(read_rows(spark, path, case.edge_list, case.keys), key=str) == sorted(case.expected, key=str)


def graph_edges(graph: Any, attribute: str = "weight") -> set[tuple[str, str, float]]:
    return {(str(a), str(b), float(data.get(attribute, 1))) for a, b, data in graph.edges(data=True)}


ATTRIBUTES: dict[str, Callable[[int], dict[str, Any]]] = {
    "no attributes": lambda node: {},
    "weights": lambda node: {"weight": 0.5 * node},
    "numpy's weights": lambda node: {"weight": np.float64(node) / 7},
    "some weights, other attributes": lambda node: {"kind": "a, b", "overweight": 9} | ({"weight": 3} if node % 2 else {}),
}


@pytest.mark.parametrize("delimiter", ["", ","])
@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_edges_with_data_of_networkx_equal_its_graph(
    spark: Any, tmp_path: Path, attributes: Callable[[int], dict[str, Any]], delimiter: str
) -> None:
    graph = nx.DiGraph([(node, node + 1, attributes(node)) for node in range(1, 6)])
    nx.write_edgelist(graph, tmp_path / "a.edgelist", delimiter=delimiter or " ")
    rows = read_rows(spark, tmp_path / "a.edgelist", {"delimiter": delimiter}, {})
    assert {(a, b, float(weight)) for a, b, weight in rows} == graph_edges(graph)


def test_the_weight_of_edges_with_data_has_the_name_of_the_key(spark: Any, tmp_path: Path) -> None:
    graph = nx.DiGraph()
    graph.add_edge(1, 2, weight=1, load=7)
    graph.add_edge(2, 3, weight=1)
    nx.write_edgelist(graph, tmp_path / "a.edgelist")
    rows = read_rows(spark, tmp_path / "a.edgelist", {}, {"edge_columns": {"weight": "load"}})
    assert sorted(rows) == [("1", "2", "7"), ("2", "3", None)]
    with pytest.raises(InputError, match="no edge has the attribute 'cost': set input"):
        read_rows(spark, tmp_path / "a.edgelist", {}, {"edge_columns": {"weight": "cost"}})


@pytest.mark.parametrize("seed", range(3))
def test_edge_lists_and_adjacency_lists_equal_the_graph_of_networkx(spark: Any, tmp_path: Path, seed: int) -> None:
    graph = nx.gnm_random_graph(12, 25, seed=seed, directed=True)
    nx.write_adjlist(graph, tmp_path / "a.adjlist")
    expected = sorted((str(a), str(b)) for a, b in graph.edges)
    assert sorted(read_rows(spark, tmp_path / "a.adjlist", {}, {})) == expected
    text = io.BytesIO()
    nx.write_weighted_edgelist(graph, text)  # without weights: src dst
    (tmp_path / "a.el.gz").write_bytes(gzip.compress(text.getvalue()))
    assert sorted(row[:2] for row in read_rows(spark, tmp_path / "a.el.gz", {}, {})) == expected


@pytest.mark.parametrize("symmetry", ["general", "symmetric"])
@pytest.mark.parametrize("field", ["real", "integer", "pattern"])
def test_a_matrix_equals_that_of_scipy(spark: Any, tmp_path: Path, symmetry: str, field: str) -> None:
    rng = np.random.default_rng(3)
    dense = np.triu(rng.integers(1, 9, (8, 8)) * (rng.random((8, 8)) < 0.4))
    dense = dense + dense.T if symmetry == "symmetric" else dense
    matrix = scipy.sparse.coo_matrix(dense.astype(float) / 8 if field == "real" else dense)
    scipy.io.mmwrite(tmp_path / "a.mtx", matrix, comment="made", field=field, symmetry=symmetry)
    back = scipy.io.mmread(tmp_path / "a.mtx").tocoo()
    expected = {(str(i + 1), str(j + 1), float(v)) for i, j, v in zip(back.row, back.col, back.data, strict=True)}
    rows = read_rows(spark, tmp_path / "a.mtx", {}, {"directed": True})
    assert len(rows) == back.nnz
    assert {(a, b, float(rest[0]) if rest else 1.0) for a, b, *rest in rows} == expected
