"""baskets -> pairs: the exact counts of all pairs, where pairs.write_table asks for the table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from walkgram import tables
from walkgram.errors import ConfigError, name_jobs
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.stages.pairs import counting, edges, pair_rows
from walkgram.stages.workers import TaskSetup

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Estimate the size of the table, log it, then count."""
    config, num_items = context.config.pairs, context.rows("vocabulary")
    edges.check_counting(config, {"baskets": context.inputs["baskets"].config["pairs"]})
    lists, totals = context.blocks("baskets", "users"), context.blocks("baskets", "totals").open(1)
    if "work" not in totals:
        raise ConfigError(
            f"the baskets come from a merge, which has the pairs already: run {name_jobs('baskets')} with --force to recount"
        )
    setup, blocks = TaskSetup.from_config(context.config.spark), totals["blocks"].tolist()
    plan = counting.CountPlan(config, num_items, totals["work"], setup)
    estimate = counting.estimate_pairs(context.tasks(1), blocks, plan, lists).collect()[0]["pairs"]
    context.log(f"pairs: about {estimate:,} pairs before the cut, {estimate * counting.PAIR_BYTES / 2**20:,.0f} MiB")
    spans, shards = plan.split_items(), context.shards("pairs", tables.table_schema("pairs"))
    make_rows = pair_rows.make_pair_rows(config)
    summary = counting.write_counts(
        context.tasks(len(spans)), spans, blocks, plan, config.min_frequency, lists, make_rows, shards
    )
    sums = counting.collect_summary(summary)
    context.out.rows["pairs"] = sums["rows"]
    return {"pairs": sums["rows"], "shards": sums["shards"], counting.TASK_SECONDS: sums["seconds"]}


def writes(config: "Config") -> tuple[str, ...]:
    """Return the table, where the configuration asks for it."""
    return ("pairs",) if config.pairs.write_table else ()


JOB = Job(
    "pairs",
    __doc__,
    run,
    ("pairs",),
    lambda _: ("interactions", "vocabulary", "baskets"),
    writes,
    applies=from_interactions,
    resumes=True,
)
