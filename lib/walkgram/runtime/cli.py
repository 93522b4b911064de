"""The command `walkgram`, and the main of every file in jobs/: parse, load, run; errors in one line, with an exit status."""

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from walkgram.config.load import describe_keys, load_config
from walkgram.jobs.base import Job
from walkgram.jobs.registry import JOBS, UPDATE, load_job
from walkgram.lake.sources import sample
from walkgram.redaction import redact
from walkgram.runtime.arguments import Parser, add_options
from walkgram.runtime.context import RunOptions
from walkgram.runtime.errors import summarize_error
from walkgram.runtime.job import run_job
from walkgram.runtime.signals import STOPPED, exit_on_signals

if TYPE_CHECKING:
    from walkgram.config.schema import Config

__all__ = ["main"]

Body = Callable[["Config", RunOptions], None]

COMMANDS = {
    "run": "the line: every job that the wanted tables need and that is not up to date",
    "update": "a day's interactions merged into the lake (merge.upserts, merge.deletes), then every job after the merge",
    "embed_graph": "the line of a graph's edges: as run with input.kind = edges",
    "keys": "list the keys of the configuration, with type, default, unit and meaning",
    "preflight": "check Spark, the executors' Python and packages, and the lake's folder, before a run",
    "show": "list a lake's tables: rows, when and from what, seconds, and which are stale and why",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `walkgram COMMAND ...`; return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    rest = arguments[1:]
    if name in ("-h", "--help", "--version"):
        return print_usage(name)
    if name == "keys":
        return print_keys(rest)
    if name == "show":
        from walkgram.runtime import show

        return run_guarded(show.make_parser(), show.show_lake, rest)
    if name == "preflight":
        from walkgram.runtime import preflight

        return run_guarded(preflight.make_preflight_parser(), preflight.run_preflight, rest)
    if name in ("run", "update", "embed_graph", "embed-graph"):
        return run_line(name.replace("-", "_"), rest)
    if name in (*JOBS, UPDATE):
        return run_single(load_job(name), rest)
    print(f"walkgram: error: {redact(name)}: no such command; walkgram --help lists them", file=sys.stderr)
    return 2


def run_single(job: Job, argv: Sequence[str], prog: str = "") -> int:
    """Run one job; return the exit status. Of several processes that torchrun has started, the first one runs it."""
    parser = make_parser(prog or f"walkgram {job.name}", job.summary, job.sections)

    def body(config: "Config", options: RunOptions) -> None:
        run_job(job, config, options)

    if job.name == "train":
        from walkgram.runtime import launch

        return launch.run_in_group(lambda: run_guarded(parser, body, argv), parser.prog)
    return run_guarded(parser, body, argv)


def run_line(name: str, argv: Sequence[str]) -> int:
    """Run the pipeline, the update or a graph's line; return the exit status."""
    from walkgram.runtime import pipeline

    jobs = [load_job(job) for job in ((UPDATE, *JOBS) if name == "update" else JOBS)]

    def body(config: "Config", options: RunOptions) -> None:
        started = time.monotonic()
        if name == "embed_graph":
            config = config.model_copy(update={"input": config.input.model_copy(update={"kind": "edges"})})
        ordered = pipeline.run_pipeline(config, options, update=name == "update")
        for line in pipeline.summarize(config, ordered, options, started):
            options.log(line)

    return run_guarded(make_parser(f"walkgram {name}", COMMANDS[name], pipeline.list_sections(jobs)), body, argv)


def make_parser(prog: str, summary: str, sections: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command; its --help lists every key that the command reads."""
    parser = Parser(
        prog=prog,
        description=summary,
        epilog="keys (--set section.key=value, or in the TOML file):" + describe_keys(["lake", "spark", *sections]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(
        parser,
        config="TOML file; without it the embedded sample's configuration (conf/sample.toml)",
        verbose="show Spark's log, and stack traces of errors",
        overrides="override a key; may be repeated",
        force="run even where the tables are up to date",
    )
    return parser


def run_guarded(parser: argparse.ArgumentParser, body: Body, argv: Sequence[str]) -> int:
    """Run `body(config, options)`; turn its errors into one line and an exit status: 2 for what the user can mend."""
    args = parser.parse_args(list(argv))
    show_warnings()
    try:
        overrides = [*args.overrides, *([f"lake.path={args.lake}"] if getattr(args, "lake", None) else [])]
        config = load_config(args.config, overrides, None if args.config else sample.SAMPLE_CONFIG)
        with exit_on_signals(parser.prog):
            body(config, RunOptions(args.force, args.verbose, print_line))
    except KeyboardInterrupt:
        print(f"{parser.prog}: {STOPPED}", file=sys.stderr)
        return 130
    except Exception as error:
        if args.verbose:
            sys.stderr.write(redact(traceback.format_exc()))
        message, status = summarize_error(error)
        if "pyspark" in sys.modules:
            print(file=sys.stderr)  # Spark's progress bar leaves its line open
        print(f"{parser.prog}: error: {redact(message)}", file=sys.stderr)
        return status
    return 0


def print_line(line: str) -> None:
    """Print a line of progress at once, without secrets."""
    print(redact(line), flush=True)


class StandardErrorHandler(logging.Handler):
    """Prints messages on the standard error stream of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record's message, without secrets."""
        print(redact(self.format(record)), file=sys.stderr, flush=True)


def show_warnings() -> None:
    """Show what walkgram logs as warnings on the standard error stream; the command's process alone does this."""
    logger = logging.getLogger("walkgram")
    if not any(isinstance(handler, StandardErrorHandler) for handler in logger.handlers):
        logger.addHandler(StandardErrorHandler(logging.WARNING))


def print_usage(flag: str) -> int:
    """Print the commands, or the version."""
    import walkgram

    if flag == "--version":
        print(f"walkgram {walkgram.__version__}")
        return 0
    print("usage: walkgram COMMAND [--config FILE] [--set section.key=value ...] [--force] [--verbose]\n")
    print("Item embeddings from co-occurrence: interactions -> pairs -> edges -> graph -> walks -> embeddings.\n\ncommands:")
    for name, summary in COMMANDS.items():
        print(f"  {name:13} {summary}")
    print("\njobs, one stage each:")
    for name in (*JOBS, UPDATE):
        print(f"  {name:13} {load_job(name).summary}")
    print("\nwalkgram COMMAND --help lists the keys that the command reads.")
    return 0


def print_keys(argv: Sequence[str]) -> int:
    """Print the keys of all sections, or of those named."""
    from walkgram.config.schema import Config

    names = list(Config.model_fields)
    parser = Parser(prog="walkgram keys", description=COMMANDS["keys"])
    parser.add_argument("section", nargs="*", choices=[*names, []], help=f"of {', '.join(names)}; none: all")
    print(describe_keys(parser.parse_args(list(argv)).section or names).lstrip("\n"))
    return 0
