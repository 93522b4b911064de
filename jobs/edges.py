"""baskets, or the pairs table where it is kept -> edges: pairs weighted by pmi (or its kin) and cut."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram import tables
from walkgram.errors import ConfigError, InputError
from walkgram.lake.shards import Shards
from walkgram.runtime import job
from walkgram.stages.pairs import counting, edges
from walkgram.stages.workers import TaskSetup


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Weigh and cut, straight from the counts or from the pairs on disk: the same edges."""
    config, counted = run.config, run.blocks("baskets", "totals")
    edges.check_counting(config.pairs, {table: found.config.get("pairs", {}) for table, found in run.inputs.items()})
    total, directed = (
        edges.compute_pmi_normalizer(config.pmi, config.pairs.user_weight != "none", counted),
        config.pairs.mode == "sequence",
    )
    weigher = edges.EdgeWeigher(counted, config.pairs, config.pmi, config.edges, total)
    schema, best = tables.table_schema("edges"), config.edges.top_k
    sink = run.scratch_shards("weighed", schema) if best else run.shards("edges", schema)
    sums = counting.collect_summary(weighed(run, weigher, sink))
    if sums["rows"] == 0:
        names = ("min_weight", "min_frequency", "min_item_frequency")
        cuts = " with ".join(f"edges.{name} = {getattr(config.edges, name)}" for name in names)
        spared = counting.collect_summary(weighed(run, weigher.without_cuts(), None))
        raise InputError(f"{cuts} keeps no edge: {edges.filter_diagnostics(spared)}")
    found = {"edges": sums["rows"], "total weight": f"{sums['weight']:.4f}", "total frequency": sums["frequency"]}
    if best:
        found = {
            "weighed": sums["rows"],
            "edges": run.write("edges", edges.top_k_per_node(run.read_shards(sink), best, directed)),
        }
    run.out.rows["edges"] = found["edges"]
    return found | {"directed": directed, "shards": sums["shards"], counting.TASK_SECONDS: sums["seconds"]}


def weighed(run: job.RunContext, weigher: edges.EdgeWeigher, sink: Shards | None) -> DataFrame:
    """Write the edges under a weigher: from the pairs table, or, where it is cut too high or not there, from the lists."""
    config, floor, setup = run.config.pairs, weigher.cuts.min_frequency, TaskSetup.from_config(run.config.spark)
    if config.write_table and config.min_frequency <= floor:
        table = run.shards("pairs", tables.table_schema("pairs"))
        return edges.weigh_pairs_table(run.tasks(run.inputs["pairs"].counts["shards"]), table, weigher, sink, setup)
    known = weigher.totals.open(1)
    if "work" not in known:
        raise ConfigError(
            "baskets were merged, not counted: set pairs.write_table = true as before, or run jobs/pairs.py --force"
        )
    plan = counting.CountPlan(config, run.rows("vocabulary"), known["work"], setup)
    spans, lists = plan.split_items(), run.blocks("baskets", "users")
    return counting.write_counts(run.tasks(len(spans)), spans, known["blocks"].tolist(), plan, floor, lists, weigher, sink)


def reads(config: job.Config) -> tuple[str, ...]:
    """The pairs table only where it is kept."""
    return ("interactions", "vocabulary", "baskets") + ("pairs",) * config.pairs.write_table


JOB = job.Job("edges", __doc__, run, ("pairs", "pmi", "edges"), reads, lambda _: ("edges",), resumes=True)

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
