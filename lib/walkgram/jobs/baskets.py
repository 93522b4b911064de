"""interactions, vocabulary -> baskets: the users' item lists as block files, and their totals."""

from collections.abc import Mapping
from typing import Any

from walkgram.errors import InputError
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.stages.pairs import baskets, counting
from walkgram.stages.workers import TaskSetup

BLOCK_ENTRIES, ENTRIES_PER_ITEM = 1 << 24, 8  # interactions of a block where pairs.blocks is 0, and at least so many an item
MIN_BLOCKS, MIN_ENTRIES = 8, 1 << 20  # blocks for the cores to share, where each has so many interactions


def run(context: JobContext) -> Mapping[str, Any]:
    """Write the blocks of lists and their totals, and the item ranges of the pairs table where one is written."""
    config, num_items, entries = context.config.pairs, context.rows("vocabulary"), context.rows("interactions")
    by_size = max(-(-entries // max(BLOCK_ENTRIES, ENTRIES_PER_ITEM * num_items)), min(MIN_BLOCKS, -(-entries // MIN_ENTRIES)))
    lists, totals = context.blocks("baskets", "users"), context.blocks("baskets", "totals")
    stores = baskets.BasketStores(context.exchange(context.inputs["interactions"].run), lists, totals)
    setup = TaskSetup.from_config(context.config.spark)
    numbers, sums = baskets.build_baskets(context, "interactions", config.blocks or by_size, num_items, config, stores, setup)
    context.out.rows["baskets"] = len(numbers)
    if not numbers:
        raise InputError(counting.explain_no_users(config))
    if sums["increments"] == 0:
        raise InputError(counting.explain_no_pairs(config))
    if config.write_table:
        plan = counting.CountPlan(config, num_items, totals.open(1)["work"])
        totals.write(2, counting.shard_ranges(plan.split_items()))
    counts = {"users": sums["users"], "increments": sums["increments"], "blocks": len(numbers)}
    left_out = entries - sums["entries"]
    return counts | ({"left out for want of a time, or by the cap": left_out} if left_out > 0 else {})


JOB = Job(
    "baskets",
    __doc__,
    run,
    ("pairs",),
    lambda _: ("interactions", "vocabulary"),
    lambda _: ("baskets",),
    applies=from_interactions,
    resumes=True,
)
