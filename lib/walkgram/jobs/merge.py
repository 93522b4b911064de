"""A day's new, changed and removed interactions merged into interactions, vocabulary, baskets and pairs: exact, no recount."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from walkgram import tables
from walkgram.jobs.base import Job, JobContext
from walkgram.lake import manifest
from walkgram.lake.formats.base import CORRUPT_RECORD
from walkgram.lake.sources.open import check_columns, open_source
from walkgram.lake.sources.paths import fingerprint_files
from walkgram.stages.pairs import merge, merge_counts
from walkgram.stages.source import ids, interactions
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.workers import TaskSetup

if TYPE_CHECKING:
    from walkgram.config.schema import Config

REJECTED = "interactions_rejected"


def run(context: JobContext) -> Mapping[str, Any]:
    """Replace the touched users' interactions, then add to the counts what their lists change."""
    config, num_items = context.config, context.rows("vocabulary")
    has_rejected = REJECTED in context.out.tables
    merge.check_mergeable(
        config, context.inputs["pairs"].config["pairs"], context.inputs["interactions"].config["interactions"], has_rejected
    )
    stored = merge.union_all(context.read(name, previous=True) for name in ("interactions", *[REJECTED] * has_rejected))
    upserts, deletes = read_upserts(context, stored), read_deletes(context, stored)
    state = merge.merge_interactions(stored, upserts, deletes, config.interactions.min_rating, context.materialize)
    counts = {"users touched": state.users.count(), "interactions": context.write("interactions", state.interactions)}
    if has_rejected:
        context.write(REJECTED, state.rejected)
    if "items" in context.out.tables:
        context.write("items", context.read("items", previous=True))
    vocabulary = merge.extend_vocabulary(context.read("vocabulary", previous=True), state.before, state.after, num_items)
    num_merged, setup = context.write("vocabulary", vocabulary), TaskSetup.from_config(config.spark)
    sides = merge_counts.count_sides(state, num_merged, config.pairs, context, setup)
    previous, totals = (context.blocks("baskets", "totals", previous=previous) for previous in (True, False))
    schema = tables.table_schema("pairs")
    source, sink = (context.shards("pairs", schema, previous) for previous in (True, False))
    stores = merge_counts.MergeStores(previous, totals, source, sink)
    merged = merge_counts.merge_counts(context.tasks, sides, num_merged, config.pairs, stores, setup)
    context.out.rows.update({"pairs": merged["pairs"], "baskets": 0})
    return counts | {"new items": num_merged - num_items} | merged


def read_upserts(context: JobContext, stored: DataFrame) -> DataFrame:
    """Return the valid rows of merge.upserts; no rows where the key is empty."""
    config, path = context.config.input, context.config.merge.upserts
    if not path:
        return stored.limit(0)
    frame = open_source(context.spark, path, config, interactions.required_columns(config.columns)).frame
    rules = ValueRules.from_config(config)
    if rules.id_type == "auto":
        for name in merge.PAIR:
            ids.check_day_ids(frame, getattr(config.columns, name), stored, name, path)
    rows = interactions.parse(frame, config.columns, rules, stored.schema)
    context.log(f"merge: {path}: {merge.check_upserts(rows, path, config.columns, config.bad_rows)}")
    return interactions.drop_invalid(rows)


def read_deletes(context: JobContext, stored: DataFrame) -> DataFrame:
    """Return the stored rows, as user_id, item_id, that merge.deletes names; none where the key is empty.

    A table with both columns names single rows; one whose only column is user_id all rows of these users, or item_id all of
    these items. Another column beside one of the two is an error: it may be the other id under a wrong name.
    """
    config, path = context.config.input, context.config.merge.deletes
    if not path:
        return stored.limit(0).select(*merge.PAIR)
    frame, names = open_source(context.spark, path, config, {}).frame, config.columns.model_dump()
    columns = [name for name in frame.columns if name != CORRUPT_RECORD]
    found = [name for name in merge.PAIR if names[name] in columns]
    if len(found) < len(merge.PAIR) and (not found or len(columns) > 1):
        check_columns(path, columns, {f"input.columns.{name}": names[name] for name in merge.PAIR})
    rules = ValueRules.from_config(config)
    if rules.id_type == "auto":
        for name in found:
            ids.check_day_ids(frame, names[name], stored, name, path)
    rows = merge.parse_deletes(frame, {name: names[name] for name in found}, stored.schema, rules)
    context.log(f"merge: {path}: {merge.check_deletes(rows, path, config.bad_rows)}")
    keys = context.materialize("deletes", rows.where("bad IS NULL").select(*found).dropna().distinct())
    num_unknown = keys.join(stored, found, "left_anti").count()
    context.log(
        f"merge: {path}: {keys.count():,} to delete by {', '.join(found)}, of which {num_unknown:,} are not in the lake"
    )
    return stored.join(keys, found, "left_semi").select(*merge.PAIR)


def writes(config: "Config") -> list[str]:
    """Return the tables of the merged state, and those beside them that the lake has."""
    beside = [name for name in ("items", REJECTED) if manifest.read_manifest(config.lake.path, name) is not None]
    return ["interactions", "vocabulary", "baskets", "pairs", *beside]


def fingerprint(config: "Config") -> dict[str, str]:
    """Return the fingerprints of the day's tables."""
    paths = {"merge.upserts": config.merge.upserts, "merge.deletes": config.merge.deletes}
    return {path: fingerprint_files(path, key) for key, path in paths.items() if path}


JOB = Job("merge", __doc__, run, ("merge", "input", "interactions", "pairs"), writes, writes, sources=fingerprint)
