"""An edge table of any source -> edges and vocabulary of its graph, and items where the source has titles."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from walkgram.jobs.base import Job, JobContext, from_edges
from walkgram.lake.sources.frame import open_frame
from walkgram.lake.sources.open import SourceFrame, open_edges, open_items, open_nodes
from walkgram.lake.sources.paths import SourcePaths, fingerprint_source, source_paths
from walkgram.stages.source import edge_table, items, vocabulary

if TYPE_CHECKING:
    from walkgram.config.schema import Config
    from walkgram.config.source import EdgeColumns


def run(context: JobContext) -> Mapping[str, Any]:
    """Read the edges and nodes, validate them, sum equal edges, number the nodes."""
    config = context.config.input
    source, columns, paths = open_edge_source(context)
    rows, nodes = edge_table.parse(source.frame, columns), None
    if paths.nodes:
        nodes = read_nodes(context, paths.nodes)
        rows = edge_table.flag_unknown_nodes(rows, nodes)
    profile = edge_table.profile(rows)
    edge_table.validate(profile, paths.table, config.bad_rows)
    id_type = edge_table.resolve_id_type(rows, nodes, source.is_text, profile)
    edges = context.materialize("edges", edge_table.sum_duplicates(rows, id_type, config.directed, bool(columns.weight)))
    sums = edge_table.validate_sums(edges, paths.table)
    num_nodes = context.write("vocabulary", vocabulary.number_items(edge_table.count_edges_per_node(edges, nodes)))
    context.write("edges", edge_table.index_edges(edges, context.read("vocabulary"), config.directed))
    if paths.items:
        side = open_items(context.spark, paths.items, config, items.required_columns(config.item_columns)).frame
        context.write("items", items.select_items(side, config.item_columns, id_type))
    counts: dict[str, Any] = {"rows read": profile["rows"], "bad rows": profile["bad"]}
    counts |= {"duplicates": profile["rows"] - profile["bad"] - sums["edges"], **sums, "nodes": num_nodes}
    if config.edge_columns.weight and not columns.weight:
        counts["weights"] = f"1 for each row, as there is no column {config.edge_columns.weight!r}"
    return counts | {"ids": id_type.typeName(), "directed": config.directed}


def open_edge_source(context: JobContext) -> "tuple[SourceFrame, EdgeColumns, SourcePaths]":
    """Return the edges, the names of their columns (weight is "" where there is none), and where the tables are."""
    config, frame = context.config.input, context.source_frame
    if frame is None:
        paths = source_paths(config)
        source, columns = open_edges(context.spark, paths.table, config)
        return source, columns, paths
    columns = config.edge_columns
    if columns.weight not in frame.columns and "weight" not in columns.model_fields_set:
        columns = columns.model_copy(update={"weight": ""})
    named = {f"input.edge_columns.{key}": name for key, name in columns.model_dump().items() if name}
    frame = context.materialize("source", open_frame(frame, named).frame)
    return SourceFrame(frame, is_text=False), columns, SourcePaths("the DataFrame", config.items, config.nodes)


def read_nodes(context: JobContext, path: str) -> DataFrame:
    """Return the nodes' ids, each once."""
    column = context.config.input.item_columns.item_id
    frame, untyped = open_nodes(context.spark, path, context.config.input, {"input.item_columns.item_id": column})
    nodes = edge_table.parse_nodes(frame, column, untyped)
    edge_table.validate(edge_table.profile(nodes), path, context.config.input.bad_rows)
    return context.materialize("nodes", nodes.where("bad IS NULL").select("item_id").distinct())


def writes(config: "Config") -> list[str]:
    """Return the tables of this configuration."""
    return ["vocabulary", "edges"] + ["items"] * bool(config.input.items)


def fingerprint(config: "Config") -> dict[str, str]:
    """Return the fingerprint of every table of the source."""
    return dict(fingerprint_source(config.input))


JOB = Job(
    "load_edges", __doc__, run, ("input",), lambda _: (), writes, applies=from_edges, sources=fingerprint, takes_frame=True
)
