"""What comes into Spark's driver: every place is listed here with what bounds its rows, and data does not."""

import ast
from collections import Counter
from pathlib import Path

LIB = Path(__file__).parent.parent / "lib" / "walkgram"
METHODS = {"collect", "toLocalIterator", "toPandas", "toArrow", "first", "head", "take"}
# File -> what bounds the rows of each call, in the order of the file.
BOUNDS = {
    "api.py": ["neighbours.k rows of one item"],
    "jobs/export.py": ["one partition at a time, as lines of a file", "distinct degrees: at most the root of twice the edges"],
    "jobs/graph.py": ["one row a part", "one row", "one row a partition"],
    "jobs/pairs.py": ["one row"],
    "jobs/walks.py": ["one row"],
    "lake/formats/matrix_market.py": ["one row"],
    "lake/spark_tables.py": ["one row a file of the table"],
    "report/summary.py": ["report.items or report.titles rows", "as many times report.neighbours rows", "one row"],
    "runtime/cpu.py": ["one row a core"],
    "runtime/preflight.py": ["one row a core"],
    "stages/graph/memory.py": ["one row a core"],
    "stages/pairs/baskets.py": ["one row a sender", "one row a block", "one row"],
    "stages/pairs/counting.py": ["one row a shard"],
    "stages/pairs/merge.py": ["one row"],
    "stages/pairs/merge_counts.py": ["one row"],
    "stages/similarity/exclusions.py": ["one row a block"],
    "stages/similarity/vectors.py": ["one row a block", "one row"],
    "stages/source/columns.py": ["one row"],
    "stages/source/edge_table.py": ["one row", "one row"],
    "stages/source/ids.py": ["one row", "one row"],
    "stages/source/items.py": ["one row"],
    "stages/source/load_report.py": ["one row", "one row", "one row", "one row"],
    "stages/walks/partitioned.py": ["one row a partition", "one row a shard of the wave"],
}


def find_calls() -> Counter[str]:
    """Count the calls in modules that work with Spark; `take` and the like of Arrow's arrays have an argument."""
    calls: Counter[str] = Counter()
    for file in sorted(LIB.rglob("*.py")):
        name = str(file.relative_to(LIB))
        for node in ast.walk(ast.parse(file.read_text())):
            function = node.func if isinstance(node, ast.Call) and not node.args and not node.keywords else None
            if isinstance(function, ast.Attribute) and function.attr in METHODS:
                calls[name] += 1
    return calls


def test_every_place_that_brings_rows_into_the_driver_is_listed_with_its_bound() -> None:
    calls = find_calls()
    assert calls.total() > 20
    assert dict(calls) == {name: len(bounds) for name, bounds in BOUNDS.items()}
