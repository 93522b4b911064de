"""A day's interactions merged into the lake, then every stage after it: the nightly run beside the pipeline's first one."""

import functools
import sys

import pipeline
from walkgram.runtime import job

NAME = "update"


def main(argv: list[str] | None = None) -> int:
    """Parse, load, run the line that begins with the merge."""
    return job.run_guarded(
        job.make_parser(NAME, __doc__, pipeline.sections("merge")), functools.partial(pipeline.run, line="merge"), argv
    )


if __name__ == "__main__":
    sys.exit(main())
