"""An edge table of any source -> edges and vocabulary of its graph, and items where the source has titles."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from walkgram.jobs.base import Job, JobContext, from_edges
from walkgram.jobs.side_tables import open_item_table, write_item_table
from walkgram.lake.sources.frame import open_frame
from walkgram.lake.sources.open import SourceFrame, open_edges
from walkgram.lake.sources.open import open_nodes as open_table
from walkgram.lake.sources.paths import SourcePaths, describe_source, fingerprint_source, source_paths
from walkgram.stages.source import edge_table, load_report, vocabulary
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.source.ids import IdColumn

if TYPE_CHECKING:
    from walkgram.config.schema import Config
    from walkgram.config.source import EdgeColumns


def run(context: JobContext) -> Mapping[str, Any]:
    """Read the edges and nodes, validate them, sum equal edges, number the nodes."""
    config = context.config.input
    source, columns, paths = open_edge_source(context)
    side = open_item_table(context, paths.items)
    rules, (node_frame, node_ids) = ValueRules.from_config(config), open_nodes(context, paths.nodes)
    ids = edge_table.find_ids(source.frame, columns, source.is_text, rules, node_ids, paths.table)
    rows, nodes = edge_table.parse(source.frame, columns, rules, ids), None
    if node_frame is not None and node_ids is not None:
        nodes = read_nodes(context, node_frame, node_ids._replace(kind=ids[0].kind), paths.nodes)
        rows = edge_table.flag_unknown_nodes(rows, nodes)
    profile = edge_table.profile(rows, columns)
    edge_table.validate(profile, paths.table, config.bad_rows)
    edges = context.materialize("edges", edge_table.sum_duplicates(rows, config.directed, bool(columns.weight)))
    sums = edge_table.validate_sums(edges, paths.table)
    num_nodes = context.write("vocabulary", vocabulary.number_items(edge_table.count_edges_per_node(edges, nodes)))
    context.write("edges", edge_table.index_edges(edges, context.read("vocabulary"), config.directed))
    counts: dict[str, Any] = {"rows read": profile["rows"], "bad rows": profile["bad"]}
    counts |= {"duplicates": profile["rows"] - profile["bad"] - sums["edges"], **sums, "nodes": num_nodes}
    if config.edge_columns.weight and not columns.weight:
        counts["weights"] = f"1 for each row, as there is no column {config.edge_columns.weight!r}"
    report = describe_load(context, paths.table, rows, profile, ids, counts)
    if side is not None:
        report["titles"] = write_item_table(context, side, paths.items)
    load_report.log_report(context.log, f"load_edges: read {paths.table}", report)
    return {**counts, "ids": ids[0].kind, "directed": config.directed, "source": report}


def describe_load(
    context: JobContext,
    path: str,
    rows: DataFrame,
    profile: Mapping[str, Any],
    ids: Sequence[IdColumn],
    counts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the load understood, for the log and the manifest."""
    warnings = [column.notice for column in ids]
    warnings += [load_report.warn_of_weights(profile), load_report.warn_of_sides(profile)]
    low, high = profile["lowest"], profile["highest"]
    return {
        "files": "" if context.source_frame is not None else describe_source(path),
        "first row": load_report.describe_first_row(rows, profile),
        "rows": {"read": counts["rows read"], "edges": counts["edges"], "self loops": counts["self loops"]},
        "dropped": {name: counts[name] for name in ("bad rows", "duplicates") if counts[name]},
        "bad rows": load_report.describe_faults(profile),
        "weights": counts.get("weights", "") or f"{low:g} to {high:g}",
        "nodes": load_report.describe_hub(context.read("vocabulary"), counts["nodes"]),
        "titles": "",
        "warning": [warning for warning in warnings if warning],
    }


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


def open_nodes(context: JobContext, path: str) -> tuple[DataFrame, IdColumn] | tuple[None, None]:
    """Return the table of nodes and the type of its ids; None, None where the path is empty."""
    if not path:
        return None, None
    config = context.config.input
    column = config.item_columns.item_id
    frame, untyped = open_table(context.spark, path, config, {"input.item_columns.item_id": column})
    return frame, edge_table.find_node_ids(frame, column, untyped, ValueRules.from_config(config))


def read_nodes(context: JobContext, frame: DataFrame, ids: IdColumn, path: str) -> DataFrame:
    """Return the nodes' ids, each once."""
    config = context.config.input
    nodes = edge_table.parse_nodes(frame, ids, ValueRules.from_config(config))
    edge_table.validate(edge_table.profile_nodes(nodes), path, config.bad_rows)
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
