"""Any edge table straight to walks, embeddings and neighbours: the pipeline's line of input.kind = "edges"."""

import sys

import pipeline
from walkgram.config import Config
from walkgram.runtime import job


def run(config: Config, force: bool, verbose: bool) -> None:
    """Run the line of a graph, whatever input.kind says."""
    source = config.input.model_copy(update={"kind": "edges"})
    pipeline.run(config.model_copy(update={"input": source}), force, verbose)


def main(argv: list[str] | None = None) -> int:
    """Parse, load, run the line."""
    return job.run_guarded(job.make_parser("embed_graph", __doc__, pipeline.sections("edges")), run, argv)


if __name__ == "__main__":
    sys.exit(main())
