"""baskets, or the pairs table where it is kept -> edges: pairs weighted by pmi (or its kin) and cut."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram import job
from walkgram.errors import InputError
from walkgram.stages import edges, pairs


def run(run: job.Run) -> Mapping[str, Any]:
    """Weigh and cut, straight from the counts or from the pairs on disk: the same edges."""
    config = run.config
    users = run.inputs["baskets"].counts["users"]
    total = run.rows("interactions") if config.pmi.total == "interactions" else users
    weigher = edges.Weigher(
        run.blocks("baskets", "frequency"), float(total), config.pmi.weight, config.pmi.shift, config.pmi.smoothing,
        config.edges.min_weight, config.edges.min_frequency,
    )  # fmt: skip
    kept = run.write("edges", weighed(run, weigher))
    if kept == 0:
        raise InputError(
            f"edges.min_weight = {config.edges.min_weight} with edges.min_frequency = {config.edges.min_frequency} "
            f"keeps no edge: {most(weighed(run, replace(weigher, min_weight=0.0, min_frequency=1)))}"
        )
    sums = run.read("edges").agg(F.sum("weight").alias("weight"), F.sum("frequency").alias("frequency")).first()
    return {
        "edges": kept,
        "total weight": f"{sums and sums['weight']:.4f}",
        "total frequency": sums and sums["frequency"],
    }


def most(uncut: DataFrame) -> str:
    """What the cuts would have to spare, for the error's line."""
    found = uncut.agg(F.max("weight").alias("weight"), F.max("frequency").alias("frequency")).first()
    if found is None or found["weight"] is None:
        return "no pair has a weight above 0; try another pmi.weight, or pmi.total"
    return f"the heaviest pair weighs {found['weight']:.6g}, the most frequent has {found['frequency']} users"


def weighed(run: job.Run, weigher: edges.Weigher) -> DataFrame:
    """The edges under a weigher."""
    if run.config.pairs.keep:
        return edges.from_pairs(run.read("pairs"), weigher)
    n, plan = run.rows("vocabulary"), pairs.plan(run.read("baskets/work"))
    spans = plan.ranges(n, run.config.pairs.tasks or 4 * run.cores)
    store = run.blocks("baskets", "users")
    return pairs.counts(run.tasks(len(spans)), spans, plan.blocks, n, store, weigher, edges.SCHEMA)


JOB = job.Job(
    "edges", __doc__, run, ("pairs", "pmi", "edges"),
    lambda config: ("interactions", "vocabulary", "baskets") + ("pairs",) * config.pairs.keep, lambda _: ("edges",),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(job.main(JOB))
