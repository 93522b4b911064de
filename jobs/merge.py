"""A day's new, changed and removed interactions merged into interactions, vocabulary, baskets and pairs: exact, no recount."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram import tables
from walkgram.config import Config
from walkgram.lake import manifest
from walkgram.lake.sources import files
from walkgram.runtime import job
from walkgram.stages.pairs import merge, merge_counts
from walkgram.stages.source import interactions
from walkgram.stages.workers import TaskSetup


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Renew the touched users' interactions, then add to the counts what their lists change."""
    config, n, below = run.config, run.rows("vocabulary"), "interactions_rejected" in run.out.tables
    merge.check_mergeable(config, run.inputs["pairs"].config["pairs"], run.inputs["interactions"].config["interactions"], below)
    stored = merge.union_all(run.read(name, former=True) for name in ("interactions", *["interactions_rejected"] * below))
    state = merge.merge_interactions(
        stored, *(changed(run, key, stored) for key in ("upserts", "deletes")), config.interactions.min_rating, run.keep
    )
    found = {"users touched": state.users.count(), "interactions": run.write("interactions", state.interactions)}
    for name in run.out.tables[4:]:
        run.write(name, state.rejected if name == "interactions_rejected" else run.read(name, former=True))
    words = run.write("vocabulary", merge.extend_vocabulary(run.read("vocabulary", former=True), state.before, state.after, n))
    setup = TaskSetup.from_config(config.spark)
    sides = merge_counts.count_sides(state, words, config.pairs, run, setup)
    former, totals = (run.blocks("baskets", "totals", former=former) for former in (True, False))
    table, sink = (run.shards("pairs", tables.table_schema("pairs"), former) for former in (True, False))
    stores = merge_counts.MergeStores(former, totals, table, sink)
    made = merge_counts.merge_counts(run.tasks, sides, words, config.pairs, stores, setup)
    run.out.rows |= {"pairs": made["pairs"], "baskets": 0}
    return found | {"new items": words - n} | made


def changed(run: job.RunContext, key: str, stored: DataFrame) -> DataFrame:
    """The usable rows of merge.upserts, or the ids of merge.deletes; none where there is none, or the table is empty."""
    config, place = run.config.input, getattr(run.config.merge, key)
    if not place:
        return stored.limit(0)
    columns = config.columns.model_copy(update={} if key == "upserts" else {"rating": "", "timestamp": ""})
    raw, untyped = files.open_source(run.spark, place, config, interactions.required_columns(columns))
    rows = interactions.parse(raw, columns, config.timestamp_unit, untyped, stored.schema)
    run.say(f"merge: {place}: {merge.check_upserts(rows, place, columns, config.bad_rows)}")
    return interactions.drop_invalid(rows)


def writes(config: Config) -> list[str]:
    """The tables that hold the state, and those beside them that the lake has."""
    beside = [name for name in ("items", "interactions_rejected") if manifest.read_manifest(config.lake.path, name) is not None]
    return ["interactions", "vocabulary", "baskets", "pairs", *beside]


JOB = job.Job(
    "merge", __doc__, run, ("merge", "input", "interactions", "pairs"), writes, writes,
    lambda config: {place: files.fingerprint_files(place) for place in (config.merge.upserts, config.merge.deletes) if place},
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
