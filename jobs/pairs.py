"""interactions, vocabulary -> baskets (users' lists as block files), and the pairs table where pairs.write_table asks for it."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import tables
from walkgram.errors import InputError
from walkgram.runtime import job
from walkgram.stages.pairs import baskets, counting, pair_rows
from walkgram.stages.workers import TaskSetup

ENTRIES, ITEM = 1 << 24, 8  # interactions of a block where pairs.blocks is 0, and at least so many for each item
FEW, LEAST = 8, 1 << 20  # blocks that cores may share, where each has so many interactions


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Write the blocks of lists and what they add up to; count all pairs where they are kept."""
    config, n, entries = run.config.pairs, run.rows("vocabulary"), run.rows("interactions")
    blocks = config.blocks or max(-(-entries // max(ENTRIES, ITEM * n)), min(FEW, -(-entries // LEAST)))
    lists, counted, sent = (
        run.blocks("baskets", "users"),
        run.blocks("baskets", "totals"),
        run.rounds(run.inputs["interactions"].run),
    )
    stores, setup = baskets.BasketStores(sent, lists, counted), TaskSetup.from_config(run.config.spark)
    made, found = baskets.build_baskets(run, "interactions", blocks, n, config, stores, setup)
    run.out.rows["baskets"] = len(made)
    if not made:
        raise InputError(counting.explain_no_users(config))
    if found["increments"] == 0:
        raise InputError(counting.explain_no_pairs(config))
    counts = {"users": found["users"], "increments": found["increments"], "blocks": len(made)}
    left_out = {"left out for want of a time, or by the cap": entries - found["entries"]} if entries > found["entries"] else {}
    return counts | left_out | (kept(run, made) if config.write_table else {})


def kept(run: job.RunContext, made: list[int]) -> dict[str, Any]:
    """Say how large the pairs table will be, then write it."""
    config, n = run.config.pairs, run.rows("vocabulary")
    lists, work = run.blocks("baskets", "users"), run.blocks("baskets", "totals").open(1)["work"]
    plan = counting.CountPlan(config, n, work, TaskSetup.from_config(run.config.spark))
    about = counting.estimate_pairs(run.tasks(1), made, plan, lists).collect()[0]["pairs"]
    run.say(f"pairs: about {about:,} pairs before the cut, {about * counting.PAIR_BYTES / 2**20:,.0f} MiB")
    spans, sink = plan.split_items(), run.shards("pairs", tables.table_schema("pairs"))
    run.blocks("baskets", "totals").write(2, counting.shard_ranges(spans))
    then = pair_rows.make_pair_rows(config)
    sums = counting.collect_summary(
        counting.write_counts(run.tasks(len(spans)), spans, made, plan, config.min_frequency, lists, then, sink)
    )
    run.out.rows["pairs"] = sums["rows"]
    return {"pairs": sums["rows"], "shards": sums["shards"], counting.TASK_SECONDS: sums["seconds"]}


JOB = job.Job(
    "pairs", __doc__, run, ("pairs",), lambda _: ("interactions", "vocabulary"),
    lambda config: ("baskets", "pairs") if config.pairs.write_table else ("baskets",), resumes=True,
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
