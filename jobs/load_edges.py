"""An edge table of any source -> edges and vocabulary of its graph, and items where the source has titles."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram import job
from walkgram.config import Config
from walkgram.lake import sources
from walkgram.stages import edge_table, items, vocabulary


def run(run: job.Run) -> Mapping[str, Any]:
    """Read the edges and nodes, check them, sum equal edges, number the nodes."""
    config, place, directed = run.config.input, sources.places(run.config.input), run.config.input.directed
    (frame, untyped), columns = sources.open_edges(run.spark, place.table, config)
    rows, nodes = edge_table.typed(frame, columns), None
    if place.nodes:
        nodes = read_nodes(run, place.nodes)
        rows = edge_table.known(rows, nodes)
    found = edge_table.census(rows)
    edge_table.check(found, place.table, config.bad_rows)
    ids = edge_table.id_type(rows, nodes, untyped, found)
    edges = run.keep("edges", edge_table.summed(rows, ids, directed, bool(columns.weight)))
    sums = edge_table.check_sums(edges, place.table)
    count = run.write("vocabulary", vocabulary.numbered(edge_table.counted(edges, nodes)))
    run.write("edges", edge_table.indexed(edges, run.read("vocabulary"), directed))
    if place.items:
        side = sources.open_beside(run.spark, place.items, config, items.needed(config.item_columns)).frame
        run.write("items", items.items(side, config.item_columns, ids))
    counts: dict[str, Any] = {"rows read": found["rows"], "bad rows": found["bad"]}
    counts |= {"duplicates": found["rows"] - found["bad"] - sums["edges"], **sums, "nodes": count}
    if config.edge_columns.weight and not columns.weight:
        counts["weights"] = f"1 for each row, as there is no column {config.edge_columns.weight!r}"
    return counts | {"ids": ids.typeName(), "directed": directed}


def read_nodes(run: job.Run, place: str) -> DataFrame:
    """The nodes' ids, each once."""
    column = run.config.input.item_columns.item_id
    frame, untyped = sources.open_beside(run.spark, place, run.config.input, {"input.item_columns.item_id": column})
    nodes = edge_table.nodes(frame, column, untyped)
    edge_table.check(edge_table.census(nodes), place, run.config.input.bad_rows)
    return run.keep("nodes", nodes.where("bad IS NULL").select("item_id").distinct())


def writes(config: Config) -> list[str]:
    """The tables of this configuration."""
    return ["vocabulary", "edges"] + ["items"] * bool(config.input.items)


JOB = job.Job("load_edges", __doc__, run, ("input",), lambda _: (), writes, lambda c: sources.fingerprints(c.input))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
