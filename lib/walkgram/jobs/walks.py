"""graph -> walks, node2vec's biased random walks, and node_visits, how often they visit each node."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from walkgram.errors import ConfigError, InputError, name_jobs
from walkgram.jobs.base import Job, JobContext
from walkgram.kernels.walks.transition import compute_biases
from walkgram.lake.blocks import Blocks
from walkgram.lake.sources.open import open_source
from walkgram.lake.sources.paths import fingerprint_files
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.walks import partitioned, walks
from walkgram.stages.workers import TaskSetup

if TYPE_CHECKING:
    from walkgram.config.schema import Config

TASKS_PER_CORE = 4


def run(context: JobContext) -> Mapping[str, Any]:
    """Walk from every start node, shard by shard, by either engine; count the visits."""
    config, num_nodes, graph = context.config.walks, context.rows("vocabulary"), context.blocks("graph")
    num_partitions = check_graph(context)
    starts, supersteps = find_starts(context), 0
    setup = TaskSetup.from_config(context.config.spark)
    plan = walks.WalkPlan(config, len(starts.open(0)["nodes"]), num_nodes, setup)
    shards = context.shards("walks", walks.walks_schema(num_nodes))
    if config.engine == "partitioned" or num_partitions > 1:
        progress = [0, plan.num_walks * config.walk_length]
        context.count_progress(lambda: (progress[0], progress[1]))
        supersteps = partitioned.walk_partitioned(
            context.tasks, plan, num_partitions, graph, starts, context.exchange, shards, partial(progress.__setitem__, 0)
        )
    context.count_progress(lambda: (shards.count() * plan.num_walks // plan.num_shards, plan.num_walks))
    counts = walks.write_walks(context.tasks(plan.num_shards, TASKS_PER_CORE * context.cores), plan, graph, starts, shards)
    num_visited = context.write("node_visits", walks.sum_visits(counts))
    context.out.rows["walks"] = plan.num_walks
    return {
        "walks": plan.num_walks,
        "start nodes": plan.num_starts,
        "nodes": num_visited,
        "shards": plan.num_shards,
        "supersteps": supersteps,
    }


def check_graph(context: JobContext) -> int:
    """Return the number of partitions. Raises `ConfigError` where the graph does not serve these walks."""
    config, graph = context.config.walks, context.inputs["graph"]
    has_reverse = graph.config.get("graph", {}).get("reverse_probabilities", True)
    if compute_biases(config.p, config.q).excess > 0 and not has_reverse:
        raise ConfigError(
            f"walks.p = {config.p} needs the reverse probabilities: set graph.reverse_probabilities = true, "
            f"run {name_jobs('graph')} again"
        )
    num_partitions = int(graph.counts.get("partitions", 1))
    if config.engine == "replicated" and num_partitions > 1:
        raise ConfigError(
            f"walks.engine = replicated needs a graph of one partition, this one has {num_partitions}: set graph.partitions = 1"
        )
    return num_partitions


def find_starts(context: JobContext) -> Blocks:
    """Return the block of the start nodes: every node, or those of the table walks.starts."""
    config, nodes = context.config.walks, context.blocks("graph", "nodes")
    if not config.starts:
        return nodes
    by_suffix, column = context.config.input.model_copy(update={"format": "auto"}), config.starts_column
    table = open_source(context.spark, config.starts, by_suffix, {"walks.starts_column": column}).frame
    starts = context.scratch("starts")
    rules = ValueRules.from_config(context.config.input)
    if not walks.write_start_nodes(table, column, context.read("vocabulary"), nodes, starts, rules).collect():
        raise InputError(f"walks.starts: {config.starts} has no rows: walks must start somewhere")
    return starts


def fingerprint(config: "Config") -> dict[str, str]:
    """Return the fingerprint of the table of start nodes."""
    return {path: fingerprint_files(path) for path in [config.walks.starts] if path}


# input: how the table of start nodes is read.
SECTIONS, READS, WRITES = ("walks", "input"), ("vocabulary", "graph"), ("walks", "node_visits")
JOB = Job("walks", __doc__, run, SECTIONS, lambda _: READS, lambda _: WRITES, sources=fingerprint, resumes=True)
