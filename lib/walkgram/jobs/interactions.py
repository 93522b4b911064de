"""Source tables -> interactions, vocabulary, and items where the source has them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import Observation
from pyspark.sql import functions as F

from walkgram.errors import InputError
from walkgram.jobs.base import Job, JobContext, from_interactions
from walkgram.lake import parquet
from walkgram.lake.sources import sample
from walkgram.lake.sources.frame import open_frame
from walkgram.lake.sources.open import SourceFrame, open_items, open_source
from walkgram.lake.sources.paths import SourcePaths, fingerprint_source, is_sample, source_paths
from walkgram.stages.source import interactions, items, vocabulary

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Read the source, validate it, filter its rows, number the items."""
    config, min_rating = context.config.input, context.config.interactions.min_rating
    source, paths = open_interactions(context)
    rows = interactions.parse(source.frame, config.columns, config.timestamp_unit, source.is_text)
    profile = interactions.profile(rows)
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
    if paths.items:
        side = open_items(context.spark, paths.items, config, items.required_columns(config.item_columns)).frame
        id_type = context.read("interactions").schema["item_id"].dataType
        context.write("items", items.select_items(side, config.item_columns, id_type))
    return interactions.row_report(profile, observation.get["rows"], num_rows) | {"items": num_items}


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
