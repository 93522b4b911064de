"""Source tables -> interactions, vocabulary, and items where the source has them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.jobs.side_tables import open_item_table, write_item_table
from walkgram.lake import parquet
from walkgram.lake.sources import sample
from walkgram.lake.sources.frame import open_frame
from walkgram.lake.sources.open import SourceFrame, open_source
from walkgram.lake.sources.paths import (
    SourcePaths,
    describe_source,
    fingerprint_files,
    fingerprint_source,
    is_sample,
    source_paths,
)
from walkgram.stages.source import interactions, load_report, vocabulary
from walkgram.stages.source.columns import ValueRules, read_id
from walkgram.stages.source.filters import filter_rows, find_blocklists, find_filters, select_where
from walkgram.stages.source.ids import IdColumn

if TYPE_CHECKING:
    from walkgram.config.schema import Config


BLOCKED = {"block_users": "user_id", "block_items": "item_id"}  # column by key


def run(context: JobContext) -> Mapping[str, Any]:
    """Read the source, validate it, filter its rows, number the items."""
    config, min_rating = context.config.input, context.config.interactions.min_rating
    source, paths = open_interactions(context)
    side, rules = open_item_table(context, paths.items), ValueRules.from_config(config)
    frame = select_where(source.frame, config.where)
    ids = interactions.find_ids(frame, config.columns, source.is_text, rules)
    rows = interactions.parse(frame, config.columns, rules, ids)
    profile = interactions.profile(rows, config.columns)
    if profile["rows"] or not config.where:
        interactions.validate(profile, paths.table, config.columns, config.bad_rows)
    left_out = {"left out by input.where": source.frame.count() - profile["rows"]} if config.where else {}
    distinct, num_distinct, filtered = filter_interactions(context, interactions.drop_invalid(rows), rules)
    num_rows = context.write("interactions", interactions.above_threshold(distinct, min_rating))
    if num_rows == 0:
        raise InputError(explain_no_row(context, profile, left_out | filtered))
    if "interactions_rejected" in context.out.tables:
        context.write("interactions_rejected", interactions.below_threshold(distinct, min_rating))
    num_items = context.write("vocabulary", vocabulary.build_vocabulary(context.read("interactions")))
    counts = interactions.row_report(profile, num_distinct(), num_rows, left_out, filtered)
    report = describe_load(context, paths.table, rows, profile, ids, counts)
    if side is not None:
        report["titles"] = write_item_table(context, side, paths.items)
    load_report.log_report(context.log, f"interactions: read {paths.table}", report)
    return {**counts, "items": num_items, "source": report}


def filter_interactions(
    context: JobContext, rows: DataFrame, rules: ValueRules
) -> tuple[DataFrame, Callable[[], int], dict[str, int]]:
    """Keep one row a (user, item) and apply the filters of users and items.

    Returns the rows, their number before the filters (known once they are written), and the rows dropped by each filter.
    """
    config = context.config.interactions
    blocked = find_blocklists(config)
    distinct = interactions.deduplicate(rows)
    if not blocked and not find_filters(config):
        observation = Observation()
        distinct = distinct.observe(observation, F.count(F.lit(1)).alias("rows"))
        return distinct, lambda: int(observation.get["rows"]), {}
    distinct = context.materialize("distinct", distinct)
    num_distinct = before = distinct.count()
    dropped: dict[str, int] = {}
    for key, path in blocked.items():
        column = BLOCKED[key]
        name = getattr(context.config.input.columns, column)
        frame = open_source(context.spark, path, context.config.input, {f"input.columns.{column}": name}).frame
        value, _ = read_id(frame, name, distinct.schema[column].dataType.typeName(), rules)
        distinct = context.materialize(
            f"allowed_{column}", distinct.join(frame.select(value.alias(column)), column, "left_anti")
        )
        dropped[f"in {path}"], before = before - (left := distinct.count()), left
    for reason, kept in filter_rows(distinct, config, context.materialize):
        distinct = kept
        dropped[reason], before = before - (left := kept.count()), left
    return distinct, lambda: num_distinct, dropped


def explain_no_row(context: JobContext, profile: Mapping[str, Any], dropped: Mapping[str, int]) -> str:
    """Return the message for filters that keep nothing."""
    min_rating, highest = context.config.interactions.min_rating, profile["highest"]
    reason = "no row has a rating" if highest is None else f"the highest rating is {highest}"
    if any(dropped.values()):
        counts = ", ".join(f"{count:,} {name}" for name, count in dropped.items())
        return f"the filters keep none of {profile['rows']:,} rows: {counts}; interactions.min_rating = {min_rating}: {reason}"
    return f"interactions.min_rating = {min_rating} keeps none of {profile['rows']:,} rows; {reason}"


def describe_load(
    context: JobContext,
    path: str,
    rows: DataFrame,
    profile: Mapping[str, Any],
    ids: Sequence[IdColumn],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """Return what the load understood, for the log and the manifest."""
    config, kept = context.config.input, context.read("interactions")
    warnings = [column.notice for column in ids]
    if profile["first_time"]:
        warnings.append(load_report.warn_of_times(profile, config.columns.timestamp, config.timestamp_unit))
    return {
        "files": "" if context.source_frame is not None else describe_source(path),
        "first row": load_report.describe_first_row(rows, profile),
        "rows": {"read": counts["rows read"], "kept": counts["kept"]},
        "dropped": {name: count for name, count in counts.items() if count and name not in ("rows read", "kept")},
        "bad rows": load_report.describe_faults(profile),
        "ratings": "" if profile["highest"] is None else f"{profile['lowest']:g} to {profile['highest']:g}",
        "times": f"{profile['first_time']} to {profile['last_time']}" if profile["first_time"] else "",
        "users": load_report.find_largest(kept, "user_id", counts["kept"]),
        "items": load_report.find_largest(kept, "item_id", counts["kept"]),
        "titles": "",
        "warning": [warning for warning in warnings if warning],
    }


def open_interactions(context: JobContext) -> tuple[SourceFrame, SourcePaths]:
    """Return the source, and where its tables are."""
    config = context.config.input
    columns = interactions.required_columns(config.columns)
    if context.source_frame is not None:
        frame = context.materialize("source", open_frame(context.source_frame, columns).frame)
        return SourceFrame(frame, is_text=False), SourcePaths("the DataFrame", config.items)
    paths = write_sample(context) if is_sample(config) else source_paths(config)
    return open_source(context.spark, paths.table, config, columns), paths


def write_sample(context: JobContext) -> SourcePaths:
    """Write the sample's CSV files into the lake; return where they are."""
    folder = context.folder("sample")
    ratings, side = sample.generate_sample(**context.config.sample.model_dump())
    return SourcePaths(parquet.write_csv(folder, "ratings.csv", ratings), parquet.write_csv(folder, "items.csv", side))


def writes(config: "Config") -> list[str]:
    """Return the tables of this configuration."""
    sampled = is_sample(config.input)
    optional = {
        "items": bool(config.input.items) or sampled,
        "sample": sampled,
        "interactions_rejected": config.interactions.keep_rejected,
    }
    return ["interactions", "vocabulary", *(name for name, written in optional.items() if written)]


def fingerprint(config: "Config") -> dict[str, str]:
    """Return the fingerprint of every table of the source."""
    lists = {path: fingerprint_files(path, f"interactions.{key}") for key, path in find_blocklists(config.interactions).items()}
    return dict(fingerprint_source(config.input)) | lists


JOB = Job(
    "interactions",
    __doc__,
    run,
    ("input", "sample", "interactions"),
    lambda _: (),
    writes,
    applies=from_interactions,
    sources=fingerprint,
    takes_frame=True,
)
