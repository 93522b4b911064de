"""Source tables -> interactions, vocabulary, and items where the source has them."""

import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Observation
from pyspark.sql import functions as F

from walkgram import job, sample
from walkgram.config import Config
from walkgram.errors import InputError
from walkgram.lake import arrow, sources
from walkgram.stages import interactions, items, vocabulary


def run(run: job.Run) -> Mapping[str, Any]:
    """Read the source, check it, keep what passes, number the items."""
    config = run.config.input
    place, items_place, _ = generated(run) if sources.sampled(config) else sources.places(config)
    raw, untyped = sources.open_source(run.spark, place, config, interactions.needed(config.columns))
    rows = interactions.typed(raw, config.columns, config.timestamp_unit, untyped)
    found = interactions.census(rows)
    interactions.check(found, place, config.columns, config.bad_rows)
    distinct, threshold = Observation(), run.config.interactions.min_rating
    one = interactions.latest(interactions.usable(rows)).observe(distinct, F.count(F.lit(1)).alias("rows"))
    kept = run.write("interactions", interactions.kept(one, threshold))
    if kept == 0:
        nothing = f"interactions.min_rating = {threshold} keeps none of {found['rows']:,} rows"
        highest = found["highest"]
        raise InputError(f"{nothing}; " + ("no row has a rating" if highest is None else f"the highest rating is {highest}"))
    if "below" in run.out.tables:
        run.write("below", interactions.below(one, threshold))
    items_kept = run.write("vocabulary", vocabulary.vocabulary(run.read("interactions")))
    if items_place:
        side = sources.open_source(run.spark, items_place, config, items.needed(config.item_columns)).frame
        run.write("items", items.items(side, config.item_columns, run.read("interactions").schema["item_id"].dataType))
    return interactions.tally(found, distinct.get["rows"], kept) | {"items": items_kept}


def generated(run: job.Run) -> sources.Places:
    """Write the sample's CSV files into the lake; their places."""
    folder = run.folder("sample")
    frames = sample.generate(**run.config.sample.model_dump())
    return sources.Places(arrow.write_csv(folder, "ratings.csv", frames[0]), arrow.write_csv(folder, "items.csv", frames[1]))


def writes(config: Config) -> list[str]:
    """The tables of this configuration."""
    own = sources.sampled(config.input)
    further = {"items": config.input.items or own, "sample": own, "below": config.interactions.keep_below}
    return ["interactions", "vocabulary"] + [name for name, written in further.items() if written]


SECTIONS = ("input", "sample", "interactions")
JOB = job.Job("interactions", __doc__, run, SECTIONS, lambda _: (), writes, lambda config: sources.fingerprints(config.input))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
