"""A day's new, changed and removed interactions merged into interactions, vocabulary, baskets and pairs: exact, no recount."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from walkgram import job, tables
from walkgram.config import Config
from walkgram.lake import manifest, sources
from walkgram.stages import interactions, merge, merge_counts


def run(run: job.Run) -> Mapping[str, Any]:
    """Renew the touched users' interactions, then add to the counts what their lists change."""
    config, n, below = run.config, run.rows("vocabulary"), "below" in run.out.tables
    merge.check(config, run.inputs["pairs"].config["pairs"], run.inputs["interactions"].config["interactions"], below)
    stored = merge.union(run.read(name, former=True) for name in ("interactions", *["below"] * below))
    state = merge.state(
        stored, *(changed(run, key, stored) for key in ("path", "removed")), config.interactions.min_rating, run.keep
    )
    found = {"users touched": state.users.count(), "interactions": run.write("interactions", state.interactions)}
    for name in run.out.tables[4:]:
        run.write(name, state.below if name == "below" else run.read(name, former=True))
    words = run.write("vocabulary", merge.extended(run.read("vocabulary", former=True), state.before, state.after, n))
    sides = merge_counts.sides(state, words, config.pairs, run)
    former, totals = (run.blocks("baskets", "totals", former=former) for former in (True, False))
    table, sink = (run.shards("pairs", tables.schema("pairs"), former) for former in (True, False))
    made = merge_counts.counts(run.tasks, former, sides, (n, words), config.pairs, totals, table, sink)
    run.out.rows |= {"pairs": made["pairs"], "baskets": 0}
    return found | {"new items": words - n} | made


def changed(run: job.Run, key: str, stored: DataFrame) -> DataFrame:
    """The usable rows of merge.path, or the ids of merge.removed; none where there is none, or the table is empty."""
    config, place = run.config.input, getattr(run.config.merge, key)
    if not place:
        return stored.limit(0)
    columns = config.columns.model_copy(update={} if key == "path" else {"rating": "", "timestamp": ""})
    raw, untyped = sources.open_source(run.spark, place, config, interactions.needed(columns))
    rows = interactions.typed(raw, columns, config.timestamp_unit, untyped, stored.schema)
    run.say(f"merge: {place}: {merge.check_day(rows, place, columns, config.bad_rows)}")
    return interactions.usable(rows)


def writes(config: Config) -> list[str]:
    """The tables that hold the state, and those beside them that the lake has."""
    beside = [name for name in ("items", "below") if manifest.read(config.lake.path, name) is not None]
    return ["interactions", "vocabulary", "baskets", "pairs", *beside]


JOB = job.Job(
    "merge", __doc__, run, ("merge", "input", "interactions", "pairs"), writes, writes,
    lambda config: {place: sources.fingerprint(place) for place in (config.merge.path, config.merge.removed) if place},
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(job.main(JOB))
