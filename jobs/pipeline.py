"""The whole line, from interactions to export, one stage after the other; finished stages are skipped."""

import sys
import time

import edges
import export
import graph
import interactions
import neighbours
import pairs
import train
import walks
from walkgram import job, session
from walkgram.config import Config
from walkgram.errors import ConfigError
from walkgram.lake import files, manifest, spark
from walkgram.report import plots, text

LINE = [m.JOB for m in (interactions, pairs, edges, graph, walks, train, neighbours, export)]
SECTIONS = list(dict.fromkeys([*(section for stage in LINE for section in stage.sections), "report"]))


def run(config: Config, force: bool, verbose: bool) -> None:
    """Run every stage that is not up to date, then show what came out."""
    if config.export.plots:
        plots.check()
    group = config.report.group
    if group and config.input.items and group not in config.input.item_columns.keep:
        raise ConfigError(f"report.group: {group} is not among input.item_columns.keep {config.input.item_columns.keep}")
    started = time.monotonic()
    for number, stage in enumerate(LINE, 1):
        job.execute(
            stage,
            config,
            force=force,
            verbose=verbose,
            say=lambda line, n=number: print(f"[{n}/{len(LINE)}] {line}", flush=True),
        )
    root = config.lake.path
    frames = {
        name: spark.read(session.start("pipeline", verbose), files.join(root, name))
        for name in ("vocabulary", "embeddings", "neighbours", "items")
        if manifest.read(root, name) is not None
    }
    for line in text.summary(frames, config.report):
        print(line)
    print(f"\nall done in {time.monotonic() - started:.0f} s; the tables lie in {root}:")
    for stage in LINE:
        for table in stage.writes(config):
            print(f"  {table:13} {files.join(root, table)}")


def main(argv: list[str] | None = None) -> int:
    """Parse, load, run the line."""
    return job.guarded(job.parser("pipeline", __doc__, SECTIONS), run, argv)


if __name__ == "__main__":
    sys.exit(main())
