"""graph -> walks, node2vec's biased random walks, and tokens, the visits of each node."""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from walkgram.config import Config
from walkgram.errors import ConfigError, InputError
from walkgram.kernels.walks.transition import compute_biases
from walkgram.lake.blocks import Blocks
from walkgram.lake.sources import files
from walkgram.runtime import job
from walkgram.stages.walks import partitioned, walks
from walkgram.stages.workers import TaskSetup


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Walk from every start node, shard by shard, by either engine; count the visits."""
    config, made_by, blocks = run.config.walks, run.inputs["graph"], run.inputs["graph"].counts.get("blocks", 1)
    if compute_biases(config.p, config.q).excess > 0 and not made_by.config.get("graph", {}).get("reverse_probabilities", True):
        raise ConfigError(
            f"walks.p = {config.p} needs the ways back: set graph.reverse_probabilities = true, run jobs/graph.py again"
        )
    if config.engine == "replicated" and blocks > 1:
        raise ConfigError(
            f"walks.engine = replicated needs a graph of one block, this one has {blocks}: set graph.partitions = 1"
        )
    found, graph, n, took = starts(run), run.blocks("graph"), run.rows("vocabulary"), 0
    plan = walks.WalkPlan(config, len(found.open(0)["nodes"]), n, TaskSetup.from_config(run.config.spark))
    sink = run.shards("walks", walks.walks_schema(n))
    if config.engine == "partitioned" or blocks > 1:
        steps = [0, plan.num_walks * config.walk_length]
        run.measure = lambda: (steps[0], steps[1])
        took = partitioned.walk_partitioned(
            run.tasks, plan, blocks, graph, found, run.rounds, sink, partial(steps.__setitem__, 0)
        )
    run.measure = lambda: (sink.count() * plan.num_walks // plan.num_shards, plan.num_walks)
    counts = walks.write_walks(run.tasks(plan.num_shards, 4 * run.cores), plan, graph, found, sink)
    nodes = run.write("node_visits", walks.sum_visits(counts))
    run.out.rows["walks"] = plan.num_walks
    return {"walks": plan.num_walks, "start nodes": plan.num_starts, "nodes": nodes, "shards": plan.num_shards, "rounds": took}


def starts(run: job.RunContext) -> Blocks:
    """The block of the start nodes: every node, or those of the table walks.starts."""
    config, nodes = run.config.walks, run.blocks("graph", "nodes")
    if not config.starts:
        return nodes
    by_suffix, column = run.config.input.model_copy(update={"format": "auto"}), config.starts_column
    table = files.open_source(run.spark, config.starts, by_suffix, {"walks.starts_column": column}).frame
    chosen = run.scratch("starts")
    if not walks.write_start_nodes(table, column, run.read("vocabulary"), nodes, chosen).collect():
        raise InputError(f"walks.starts: {config.starts} has no rows: walks must start somewhere")
    return chosen


def source(config: Config) -> dict[str, str]:
    """The fingerprint of the table of start nodes."""
    return {place: files.fingerprint_files(place) for place in [config.walks.starts] if place}


READS, WRITES = ("vocabulary", "graph"), ("walks", "node_visits")
JOB = job.Job("walks", __doc__, run, ("walks",), lambda _: READS, lambda _: WRITES, source, resumes=True)

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
