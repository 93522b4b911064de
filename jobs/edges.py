"""baskets, or the pairs table where it is kept -> edges: pairs weighted by pmi (or its kin) and cut."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram import job
from walkgram.errors import InputError
from walkgram.stages import edges, pairs


def run(run: job.Run) -> Mapping[str, Any]:
    """Weigh and cut, straight from the counts or from the pairs on disk: the same edges."""
    config = run.config
    total = run.rows("interactions") if config.pmi.total == "interactions" else run.inputs["baskets"].counts["users"]
    weigher = edges.Weigher(run.blocks("baskets", "frequency"), float(total), config.pmi, config.edges)
    kept = run.write("edges", weighed(run, weigher))
    if kept == 0:
        cuts = f"edges.min_weight = {config.edges.min_weight} with edges.min_frequency = {config.edges.min_frequency}"
        raise InputError(f"{cuts} keeps no edge: {edges.most(weighed(run, weigher.uncut()))}")
    weight, frequency = run.read("edges").agg(F.sum("weight"), F.sum("frequency")).collect()[0]
    return {"edges": kept, "total weight": f"{weight:.4f}", "total frequency": frequency}


def weighed(run: job.Run, weigher: edges.Weigher) -> DataFrame:
    """The edges under a weigher."""
    if run.config.pairs.keep:
        return edges.from_pairs(run.read("pairs"), weigher)
    n, plan = run.rows("vocabulary"), pairs.plan(run.read("baskets/work"))
    spans = plan.ranges(n, run.config.pairs.tasks or 4 * run.cores)
    store = run.blocks("baskets", "users")
    return pairs.counts(run.tasks(len(spans)), spans, plan.blocks, n, store, weigher, edges.SCHEMA)


def reads(config: job.Config) -> tuple[str, ...]:
    """The pairs table only where it is kept."""
    return ("interactions", "vocabulary", "baskets") + ("pairs",) * config.pairs.keep


JOB = job.Job("edges", __doc__, run, ("pairs", "pmi", "edges"), reads, lambda _: ("edges",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
