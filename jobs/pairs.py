"""interactions, vocabulary -> baskets (users' lists as block files), and the pairs table where pairs.keep asks for it."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.errors import InputError
from walkgram.stages import pairs, vocabulary

ENTRIES = 1 << 22  # interactions of a block, where pairs.blocks is 0


def run(run: job.Run) -> Mapping[str, Any]:
    """Write the basket blocks; count all pairs where they are kept."""
    n, entries = run.rows("vocabulary"), run.rows("interactions")
    indexed = vocabulary.index_items(run.read("interactions"), run.read("vocabulary"))
    blocks = run.config.pairs.blocks or -(-entries // ENTRIES)
    run.write("baskets/work", pairs.baskets(indexed, blocks, n, run.blocks("baskets", "users")))
    pairs.frequencies(run.read("vocabulary"), n, run.blocks("baskets", "frequency")).collect()
    plan = pairs.plan(run.read("baskets/work"))
    if plan.increments == 0:
        raise InputError(
            "no two kept items share a user, so there are no pairs: lower interactions.min_rating, or check the id columns"
        )
    found = {"users": plan.users, "increments": plan.increments}
    if run.config.pairs.keep:
        spans = plan.ranges(n, run.config.pairs.tasks or 4 * run.cores)
        store = run.blocks("baskets", "users")
        table = pairs.counts(run.tasks(len(spans)), spans, plan.blocks, n, store, pairs.pairs, pairs.SCHEMA)
        found["pairs"] = run.write("pairs", table)
    return found


JOB = job.Job(
    "pairs", __doc__, run, ("pairs",), lambda _: ("interactions", "vocabulary"),
    lambda config: ("baskets", "pairs") if config.pairs.keep else ("baskets",),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(job.main(JOB))
