"""Source tables -> interactions, vocabulary, and items where the source has them."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Observation
from pyspark.sql import functions as F

from walkgram.config import Config
from walkgram.errors import InputError
from walkgram.lake import parquet
from walkgram.lake.sources import sample
from walkgram.lake.sources.open import open_source
from walkgram.lake.sources.paths import SourcePaths, fingerprint_source, is_sample, source_paths
from walkgram.runtime import job
from walkgram.stages.source import interactions, items, vocabulary


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Read the source, check it, keep what passes, number the items."""
    config = run.config.input
    place, items_place, _ = generated(run) if is_sample(config) else source_paths(config)
    raw, untyped = open_source(run.spark, place, config, interactions.required_columns(config.columns))
    rows = interactions.parse(raw, config.columns, config.timestamp_unit, untyped)
    found = interactions.profile(rows)
    interactions.validate(found, place, config.columns, config.bad_rows)
    distinct, threshold = Observation(), run.config.interactions.min_rating
    one = interactions.deduplicate(interactions.drop_invalid(rows)).observe(distinct, F.count(F.lit(1)).alias("rows"))
    kept = run.write("interactions", interactions.above_threshold(one, threshold))
    if kept == 0:
        nothing = f"interactions.min_rating = {threshold} keeps none of {found['rows']:,} rows"
        highest = found["highest"]
        raise InputError(f"{nothing}; " + ("no row has a rating" if highest is None else f"the highest rating is {highest}"))
    if "interactions_rejected" in run.out.tables:
        run.write("interactions_rejected", interactions.below_threshold(one, threshold))
    items_kept = run.write("vocabulary", vocabulary.build_vocabulary(run.read("interactions")))
    if items_place:
        side = open_source(run.spark, items_place, config, items.required_columns(config.item_columns)).frame
        run.write("items", items.select_items(side, config.item_columns, run.read("interactions").schema["item_id"].dataType))
    return interactions.row_report(found, distinct.get["rows"], kept) | {"items": items_kept}


def generated(run: job.RunContext) -> SourcePaths:
    """Write the sample's CSV files into the lake; their places."""
    folder = run.folder("sample")
    frames = sample.generate_sample(**run.config.sample.model_dump())
    return SourcePaths(parquet.write_csv(folder, "ratings.csv", frames[0]), parquet.write_csv(folder, "items.csv", frames[1]))


def writes(config: Config) -> list[str]:
    """The tables of this configuration."""
    own = is_sample(config.input)
    further = {"items": config.input.items or own, "sample": own, "interactions_rejected": config.interactions.keep_rejected}
    return ["interactions", "vocabulary"] + [name for name, written in further.items() if written]


SECTIONS = ("input", "sample", "interactions")
JOB = job.Job("interactions", __doc__, run, SECTIONS, lambda _: (), writes, lambda config: fingerprint_source(config.input))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
