"""edges -> graph: CSR rows with alias tables and an edge filter, as block files that the walkers map."""

import math
from collections.abc import Mapping
from typing import Any

from walkgram.errors import ConfigError, InputError
from walkgram.jobs.base import Job, JobContext
from walkgram.stages.graph import build
from walkgram.stages.graph.memory import min_host_memory_mib
from walkgram.stages.workers import TaskSetup


def run(context: JobContext) -> Mapping[str, Any]:
    """Write the graph's blocks: parts, then the nodes, then partitions out of parts."""
    config, num_nodes = context.config.graph, context.rows("vocabulary")
    if config.partitions > num_nodes:
        raise ConfigError(
            f"graph.partitions = {config.partitions} is above the {num_nodes} nodes of the vocabulary, and a partition holds "
            f"a node or more: set it to {num_nodes} at most, or to 0 for as many as needed"
        )
    directed = bool(context.inputs["edges"].counts.get("directed", False))
    num_edges = context.rows("edges") * (1 if directed else 2)
    max_mib = 1024 * config.partition_gib or min_host_memory_mib(context.tasks(context.cores)) / 2
    by_size = max(1, math.ceil(build.estimate_mib(num_nodes, num_edges, directed) / max_mib))
    num_partitions = config.partitions or min(num_nodes, by_size)
    num_parts = num_partitions * max(1, -(-num_edges // (build.PART_EDGES * num_partitions)))
    scratch, graph, setup = context.scratch("parts"), context.blocks("graph"), TaskSetup.from_config(context.config.spark)
    parts = build.write_parts(context.read("edges"), num_parts, num_nodes, directed, scratch, setup).collect()
    if not parts:
        raise InputError("table edges has no rows: a graph needs an edge")
    numbers = sorted(row["part"] for row in parts)
    equal_weights = min(row["lightest"] for row in parts) == max(row["heaviest"] for row in parts)
    nodes = context.blocks("graph", "nodes")
    rows = build.write_nodes(context.tasks(1), numbers, num_parts, num_nodes, scratch, nodes, setup).collect()
    num_present = rows[0]["nodes"]
    layout = build.GraphLayout(num_partitions, num_parts, num_nodes, directed, equal_weights, config.reverse_probabilities)
    build.write_partitions(context.tasks(num_partitions), numbers, layout, scratch, graph, setup).collect()
    context.out.rows["graph"] = sum(row["edges"] for row in parts)
    max_degree = max(row["largest_degree"] for row in parts)
    return {
        "nodes": num_present,
        "steps": context.out.rows["graph"],
        "largest degree": max_degree,
        "partitions": num_partitions,
    }


JOB = Job("graph", __doc__, run, ("graph",), lambda _: ("vocabulary", "edges"), lambda _: ("graph",))
