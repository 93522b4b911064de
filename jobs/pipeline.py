"""The whole line, from interactions or edges to export, one stage after the other; finished stages are skipped."""

import functools
import sys
import time

import edges
import export
import graph
import interactions
import load_edges
import merge
import neighbours
import pairs
import train
import walks
from walkgram import job, processes, session
from walkgram.config import Config
from walkgram.lake import files, manifest, spark
from walkgram.report import plots, text

SHARED = (graph, walks, train, neighbours, export)
LINES = {  # by input.kind; `merge` is the line of jobs/update.py
    "interactions": (interactions, pairs, edges, *SHARED),
    "edges": (load_edges, *SHARED),
    "merge": (merge, edges, *SHARED),
}


def sections(*kinds: str) -> list[str]:
    """The sections of the configuration that these lines read."""
    return list(dict.fromkeys([*(name for kind in kinds for stage in LINES[kind] for name in stage.JOB.sections), "report"]))


def run(config: Config, force: bool, verbose: bool, line: str = "") -> None:
    """Run every stage of a line (of input.kind's, where none is named) that is not up to date, then show what came out."""
    processes.check_alone()
    if config.export.plots:
        plots.check()
    started, stages = time.monotonic(), [module.JOB for module in LINES[line or config.input.kind]]
    for number, stage in enumerate(stages, 1):
        say = functools.partial(print, f"[{number}/{len(stages)}]", flush=True)
        job.execute(stage, config, force=force, verbose=verbose, say=say)
    root = config.lake.path
    there = (n for n in ("vocabulary", "embeddings", "neighbours", "items") if manifest.read(root, n) is not None)
    frames = {name: spark.read(session.get_session("pipeline", verbose), files.join(root, name)) for name in there}
    print("\n".join(text.summary(frames, config.report)))
    print(f"\nall done in {time.monotonic() - started:.0f} s; the tables lie in {root}:")
    for stage in stages:
        for table in stage.writes(config):
            print(f"  {table:13} {files.join(root, table)}")


def main(argv: list[str] | None = None) -> int:
    """Parse, load, run the line."""
    return job.guarded(job.parser("pipeline", __doc__, sections("interactions", "edges")), run, argv)


if __name__ == "__main__":
    sys.exit(main())
