"""Source tables -> interactions, vocabulary, and items where the source has them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.jobs.side_tables import open_items, write_items
from walkgram.lake import parquet
from walkgram.lake.sources import sample
from walkgram.lake.sources.frame import open_frame
from walkgram.lake.sources.open import SourceFrame, open_source
from walkgram.lake.sources.paths import SourcePaths, describe_files, fingerprint_source, is_sample, source_paths
from walkgram.stages.source import interactions, load_report, vocabulary
from walkgram.stages.source.columns import ValueRules
from walkgram.stages.source.ids import IdColumn

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Read the source, validate it, filter its rows, number the items."""
    config, min_rating = context.config.input, context.config.interactions.min_rating
    source, paths = open_interactions(context)
    side = open_items(context, paths.items)
    rules = ValueRules.from_config(config)
    ids = interactions.find_ids(source.frame, config.columns, source.is_text, rules)
    rows = interactions.parse(source.frame, config.columns, rules, ids)
    profile = interactions.profile(rows, config.columns)
    interactions.validate(profile, paths.table, config.columns, config.bad_rows)
    observation = Observation()
    distinct = interactions.deduplicate(interactions.drop_invalid(rows))
    distinct = distinct.observe(observation, F.count(F.lit(1)).alias("rows"))
    num_rows = context.write("interactions", interactions.above_threshold(distinct, min_rating))
    if num_rows == 0:
        highest = profile["highest"]
        reason = "no row has a rating" if highest is None else f"the highest rating is {highest}"
        raise InputError(f"interactions.min_rating = {min_rating} keeps none of {profile['rows']:,} rows; {reason}")
    if "interactions_rejected" in context.out.tables:
        context.write("interactions_rejected", interactions.below_threshold(distinct, min_rating))
    num_items = context.write("vocabulary", vocabulary.build_vocabulary(context.read("interactions")))
    counts = interactions.row_report(profile, observation.get["rows"], num_rows)
    report = describe_load(context, paths.table, rows, profile, ids, counts)
    if side is not None:
        report["titles"] = write_items(context, side, paths.items)
    load_report.log_report(context.log, f"interactions: read {paths.table}", report)
    return {**counts, "items": num_items, "source": report}


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
        "files": "" if context.source_frame is not None else describe_files(path),
        "first row": load_report.describe_first_row(rows),
        "rows": {"read": counts["rows read"], "kept": counts["kept"]},
        "dropped": {name: counts[name] for name in ("null ids", "bad rows", "duplicates", "below the threshold")},
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
    return dict(fingerprint_source(config.input))


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
