"""An edge table of any source -> edges and vocabulary of its graph, and items where the source has titles."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram.config import Config
from walkgram.lake.sources.open import open_edges, open_side_table
from walkgram.lake.sources.paths import fingerprint_source, source_paths
from walkgram.runtime import job
from walkgram.stages.source import edge_table, items, vocabulary


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Read the edges and nodes, check them, sum equal edges, number the nodes."""
    config, place, directed = run.config.input, source_paths(run.config.input), run.config.input.directed
    (frame, untyped), columns = open_edges(run.spark, place.table, config)
    rows, nodes = edge_table.parse(frame, columns), None
    if place.nodes:
        nodes = read_nodes(run, place.nodes)
        rows = edge_table.flag_unknown_nodes(rows, nodes)
    found = edge_table.profile(rows)
    edge_table.validate(found, place.table, config.bad_rows)
    ids = edge_table.resolve_id_type(rows, nodes, untyped, found)
    edges = run.keep("edges", edge_table.sum_duplicates(rows, ids, directed, bool(columns.weight)))
    sums = edge_table.validate_sums(edges, place.table)
    count = run.write("vocabulary", vocabulary.number_items(edge_table.count_edges_per_node(edges, nodes)))
    run.write("edges", edge_table.index_edges(edges, run.read("vocabulary"), directed))
    if place.items:
        side = open_side_table(run.spark, place.items, config, items.required_columns(config.item_columns)).frame
        run.write("items", items.select_items(side, config.item_columns, ids))
    counts: dict[str, Any] = {"rows read": found["rows"], "bad rows": found["bad"]}
    counts |= {"duplicates": found["rows"] - found["bad"] - sums["edges"], **sums, "nodes": count}
    if config.edge_columns.weight and not columns.weight:
        counts["weights"] = f"1 for each row, as there is no column {config.edge_columns.weight!r}"
    return counts | {"ids": ids.typeName(), "directed": directed}


def read_nodes(run: job.RunContext, place: str) -> DataFrame:
    """The nodes' ids, each once."""
    column = run.config.input.item_columns.item_id
    frame, untyped = open_side_table(run.spark, place, run.config.input, {"input.item_columns.item_id": column})
    nodes = edge_table.parse_nodes(frame, column, untyped)
    edge_table.validate(edge_table.profile(nodes), place, run.config.input.bad_rows)
    return run.keep("nodes", nodes.where("bad IS NULL").select("item_id").distinct())


def writes(config: Config) -> list[str]:
    """The tables of this configuration."""
    return ["vocabulary", "edges"] + ["items"] * bool(config.input.items)


JOB = job.Job("load_edges", __doc__, run, ("input",), lambda _: (), writes, lambda c: fingerprint_source(c.input))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
