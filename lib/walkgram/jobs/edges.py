"""baskets, or the pairs table where it is written -> edges: pairs weighted by PMI or a relative of it, then filtered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from walkgram import tables
from walkgram.errors import ConfigError, InputError, name_jobs
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.lake.shards import Shards
from walkgram.stages.pairs import counting, edges
from walkgram.stages.workers import TaskSetup

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Weigh and filter the pairs, from the counts or from the pairs table: the same edges."""
    config, totals = context.config, context.blocks("baskets", "totals")
    edges.check_counting(config.pairs, {name: table.config.get("pairs", {}) for name, table in context.inputs.items()})
    normalizer = edges.compute_pmi_normalizer(config.pmi, config.pairs.user_weight != "none", totals)
    weigher = edges.EdgeWeigher(totals, config.pairs, config.pmi, config.edges, normalizer)
    directed, top_k = config.pairs.mode == "sequence", config.edges.top_k
    schema = tables.table_schema("edges")
    shards = context.scratch_shards("weighed", schema) if top_k else context.shards("edges", schema)
    sums = counting.collect_summary(weigh(context, weigher, shards))
    if sums["rows"] == 0:
        raise InputError(explain_no_edge(context, weigher))
    counts = {"edges": sums["rows"], "total weight": f"{sums['weight']:.4f}", "total frequency": sums["frequency"]}
    if top_k:
        rows = context.write("edges", edges.top_k_per_node(context.read_shards(shards), top_k, directed))
        counts = {"weighed": sums["rows"], "edges": rows}
    context.out.rows["edges"] = counts["edges"]
    return counts | {"directed": directed, "shards": sums["shards"], counting.TASK_SECONDS: sums["seconds"]}


def weigh(context: JobContext, weigher: edges.EdgeWeigher, sink: Shards | None) -> DataFrame:
    """Write the edges of a weigher, from the pairs table or, where it lacks pairs that the filter keeps, from the baskets."""
    config, min_frequency = context.config.pairs, weigher.cuts.min_frequency
    setup = TaskSetup.from_config(context.config.spark)
    if config.write_table and config.min_frequency <= min_frequency:
        pairs = context.shards("pairs", tables.table_schema("pairs"))
        tasks = context.tasks(context.inputs["pairs"].counts["shards"])
        return edges.weigh_pairs_table(tasks, pairs, weigher, sink, setup)
    totals = weigher.totals.open(1)
    if "work" not in totals:
        raise ConfigError(
            "the baskets come from a merge and cannot be counted: set pairs.write_table = true as before, "
            f"or run {name_jobs('baskets')} with --force"
        )
    plan = counting.CountPlan(config, context.rows("vocabulary"), totals["work"], setup)
    spans, lists, blocks = plan.split_items(), context.blocks("baskets", "users"), totals["blocks"].tolist()
    return counting.write_counts(context.tasks(len(spans)), spans, blocks, plan, min_frequency, lists, weigher, sink)


def explain_no_edge(context: JobContext, weigher: edges.EdgeWeigher) -> str:
    """Return the message for a filter that keeps nothing; counts the pairs once more without it."""
    names = ("min_weight", "min_frequency", "min_item_frequency")
    limits = " with ".join(f"edges.{name} = {getattr(context.config.edges, name)}" for name in names)
    unfiltered = counting.collect_summary(weigh(context, weigher.without_cuts(), None))
    return f"{limits} keeps no edge: {edges.filter_diagnostics(unfiltered)}"


def reads(config: "Config") -> tuple[str, ...]:
    """Return the tables: the pairs only where they are written."""
    return ("interactions", "vocabulary", "baskets") + ("pairs",) * config.pairs.write_table


JOB = Job(
    "edges", __doc__, run, ("pairs", "pmi", "edges"), reads, lambda _: ("edges",), applies=from_interactions, resumes=True
)
