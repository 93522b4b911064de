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
    place, items_place = generated(run) if sampled(run.config) else sources.places(config)
    kind = sources.kind_of(place, config)
    raw = sources.open_source(run.spark, place, kind, config, interactions.needed(config.columns))
    rows = interactions.typed(raw, config.columns, config.timestamp_unit, kind == "csv")
    found = interactions.census(rows)
    interactions.check(found, place, config.columns, config.bad_rows)
    distinct = Observation()
    one = interactions.latest(interactions.usable(rows)).observe(distinct, F.count(F.lit(1)).alias("rows"))
    threshold = run.config.interactions.min_rating
    kept = run.write("interactions", interactions.kept(one, threshold))
    if kept == 0:
        raise InputError(
            f"interactions.min_rating = {threshold} keeps none of {found['rows']:,} rows; "
            f"the highest rating is {found['highest']}"
        )
    run.write("vocabulary", vocabulary.vocabulary(run.read("interactions")))
    if items_place:
        side = sources.open_source(
            run.spark, items_place, sources.kind_of(items_place, config), config, items.needed(config.item_columns)
        )
        run.write("items", items.items(side, config.item_columns, run.read("interactions").schema["item_id"].dataType))
    usable = found["rows"] - found["null_ids"] - found["bad"]
    once = distinct.get["rows"]
    return {
        "rows read": found["rows"], "null ids": found["null_ids"], "bad rows": found["bad"], "duplicates": usable - once,
        "below the threshold": once - kept, "kept": kept, "items": run.out.rows["vocabulary"],
    }  # fmt: skip


def sampled(config: Config) -> bool:
    """Whether the source is the generated sample."""
    return config.input.source == "sample" and not config.input.path


def generated(run: job.Run) -> tuple[str, str]:
    """Write the sample's CSV files into the lake; their places."""
    config = run.config.sample
    folder = run.folder("sample")
    for name, frame in zip(("ratings.csv", "items.csv"), sample.generate(**config.model_dump()), strict=True):
        arrow.write_csv(folder, name, frame)
    return f"{folder}/ratings.csv", f"{folder}/items.csv"


def source(config: Config) -> Mapping[str, str]:
    """Fingerprints of the source's files."""
    return {} if sampled(config) else {place: sources.fingerprint(place) for place in sources.places(config.input) if place}


def writes(config: Config) -> list[str]:
    """The tables of this configuration."""
    return (
        ["interactions", "vocabulary"] + ["items"] * bool(config.input.items or sampled(config)) + ["sample"] * sampled(config)
    )


JOB = job.Job("interactions", __doc__, run, ("input", "sample", "interactions"), lambda _: (), writes, source)

if __name__ == "__main__":
    sys.exit(job.main(JOB))
