"""graph -> walks, node2vec's biased random walks, and tokens, the visits of each node."""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from walkgram import job
from walkgram.config import Config
from walkgram.errors import ConfigError, InputError
from walkgram.kernels.transition import biases
from walkgram.lake import sources
from walkgram.lake.blocks import Blocks
from walkgram.stages import rounds, walks


def run(run: job.Run) -> Mapping[str, Any]:
    """Walk from every start node, shard by shard, by either engine; count the visits."""
    config, blocks = run.config.walks, run.inputs["graph"].counts["blocks"]
    if biases(config.p, config.q).excess > 0 and not run.inputs["graph"].config["graph"]["way_back"]:
        raise ConfigError(f"walks.p = {config.p} needs the edges' ways back: set graph.way_back = true")
    if config.engine == "memory" and blocks > 1:
        raise ConfigError(f"walks.engine = memory needs a graph of one block, this one has {blocks}: set graph.blocks = 1")
    found, graph, n, took = starts(run), run.blocks("graph"), run.rows("vocabulary"), 0
    plan = walks.Plan(config, len(found.open(0)["nodes"]), n)
    sink = run.shards("walks", walks.schema(n))
    if config.engine == "blocks" or blocks > 1:
        made = [0, plan.total * config.walk_length]
        run.measure = lambda: (made[0], made[1])
        took = rounds.walk(run.tasks, plan, blocks, graph, found, run.rounds, sink, partial(made.__setitem__, 0))
    run.measure = lambda: (sink.count() * plan.total // plan.shards, plan.total)
    counts = walks.walk(run.tasks(plan.shards, 4 * run.cores), plan, graph, found, sink)
    nodes = run.write("tokens", walks.tokens(counts))
    run.out.rows["walks"] = plan.total
    return {"walks": plan.total, "start nodes": plan.starts, "nodes": nodes, "shards": plan.shards, "rounds": took}


def starts(run: job.Run) -> Blocks:
    """The block of the start nodes: every node, or those of the table walks.starts."""
    config, nodes = run.config.walks, run.blocks("graph", "nodes")
    if not config.starts:
        return nodes
    table = sources.open_beside(run.spark, config.starts, run.config.input, {"walks.starts_column": config.starts_column}).frame
    chosen = run.scratch("starts")
    if not walks.starts(table, config.starts_column, run.read("vocabulary"), nodes, chosen).collect():
        raise InputError(f"walks.starts: {config.starts} has no rows: walks must start somewhere")
    return chosen


def source(config: Config) -> dict[str, str]:
    """The fingerprint of the table of start nodes."""
    return {config.walks.starts: sources.fingerprint(config.walks.starts)} if config.walks.starts else {}


JOB = job.Job(
    "walks", __doc__, run, ("walks",), lambda _: ("vocabulary", "graph"), lambda _: ("walks", "tokens"), source, resumes=True
)

if __name__ == "__main__":
    sys.exit(job.main(JOB))
