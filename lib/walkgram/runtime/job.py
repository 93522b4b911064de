"""What every job shares: the command line, the skip of finished work, the commit, and errors in one line.

A job is a `Job`: its name, the sections of the configuration it depends on, the tables it reads and writes, and `run`,
which takes a `Run` (the four verbs' hands: read, write, rows, blocks) and returns what it counted.
"""

import argparse
import inspect
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from walkgram.config import Config, describe_keys, load_config
from walkgram.errors import Stopped, WalkgramError
from walkgram.lake import manifest, paths
from walkgram.lake.code_version import code_version
from walkgram.lake.sources import sample
from walkgram.lake.transaction import Transaction, recover_commit
from walkgram.runtime import progress
from walkgram.runtime.context import RunContext

__all__ = ["Job", "RunContext", "run_job", "run_main"]

MADE_BY = {
    "interactions": "interactions", "vocabulary": "interactions", "items": "interactions", "interactions_rejected": "interactions",
    "baskets": "pairs", "pairs": "pairs", "node_visits": "walks", "embeddings": "train", "losses": "train",
}  # fmt: skip
LOADED = {"vocabulary": "load_edges", "items": "load_edges", "edges": "load_edges"}  # where the source is a graph's edges


@dataclass(frozen=True)
class Job:
    """One stage of the line: what it depends on and what it makes. `resumes`: a stopped run's staged work is gone on with."""

    name: str
    summary: str
    run: Callable[["RunContext"], Mapping[str, Any]]
    sections: tuple[str, ...]
    reads: Callable[[Config], Sequence[str]]
    writes: Callable[[Config], Sequence[str]]
    source: Callable[[Config], Mapping[str, str]] = lambda _: {}
    resumes: bool = False


def run_job(
    job: Job, config: Config, *, force: bool = False, verbose: bool = False, say: Callable[[str], None] = print
) -> bool:
    """Run a job unless its tables are up to date; returns whether it ran.

    Raises `WalkgramError`; the tables are then as they were.
    """
    root = config.lake.path
    source = dict(job.source(config))
    tables = tuple(job.writes(config))
    paths.check_writable(root)
    manifest.check_paths(root, tables, list(source))
    recover_commit(root, job.name)
    made_by = list_makers(config)
    inputs = {table: manifest.require_manifest(root, table, made_by.get(table, table)) for table in job.reads(config)}
    manifest.check_lineage(inputs, made_by)
    ids = {table: found.id for table, found in inputs.items()} | source
    sections = {name: getattr(config, name).model_dump() for name in job.sections}
    mark = manifest.make_manifest(
        job.name, sections, ids, code_version(inspect.getsource(inspect.getmodule(job.run) or job.run))
    )
    made, own = [manifest.read_manifest(root, table) for table in tables], set(tables) & set(inputs)
    if not force and all(
        found is not None and (found.id == mark.id or (own and is_merged(found, mark, source))) for found in made
    ):
        say(f"{job.name}: up to date, made {made[0].finished if made[0] else ''} (--force runs it again)")
        return False
    say(f"{job.name}: {job.summary}")
    started = time.monotonic()
    with Transaction(root, mark, tables, resume=job.resumes and not force) as out:
        run = RunContext(config, inputs, out, job.name, verbose, force, say)
        with progress.show_progress(job.name, run.counted):
            out.counts = dict(job.run(run))
    for action in run.after:
        action()
    counted = [format_count(name, value) for name, value in out.counts.items() if value is not False]
    say(f"{job.name}: done in {time.monotonic() - started:.1f} s: {', '.join(counted)}")
    return True


def is_merged(found: manifest.Manifest, mark: manifest.Manifest, source: Mapping[str, str]) -> bool:
    """Whether a job that replaces what it reads (a merge) has taken this source in: what else it read is replaced."""
    same = (found.job, found.code, found.config) == (mark.job, mark.code, mark.config)
    return same and bool(source) and all(found.inputs.get(place) == known for place, known in source.items())


def format_count(name: str, value: object) -> str:
    """One count, for the job's last line; what is true is named."""
    if value is True:
        return name
    return f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}"


def list_makers(config: Config) -> Mapping[str, str]:
    """Table -> job that makes it, where the names differ: by what the configuration says of the source, or the lake shows."""
    vocabulary = manifest.read_manifest(config.lake.path, "vocabulary")
    loaded = config.input.kind == "edges" or (vocabulary is not None and vocabulary.job == "load_edges")
    return MADE_BY | LOADED if loaded else MADE_BY


def make_parser(name: str, summary: str, sections: Sequence[str]) -> argparse.ArgumentParser:
    """The command line of a job; its --help lists every key that the job reads."""
    made = argparse.ArgumentParser(
        prog=f"jobs/{name}.py",
        description=summary,
        epilog="keys (--set section.key=value, or in the TOML file):" + describe_keys(["lake", *sections]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--config", metavar="FILE", help="TOML file; without it the embedded sample's configuration (conf/sample.toml)"
    )
    made.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="override a key; may be repeated",
    )
    made.add_argument("--force", action="store_true", help="run even where the tables are up to date")
    made.add_argument("--verbose", action="store_true", help="show Spark's log, and stack traces of errors")
    return made


def run_main(job: Job, argv: Sequence[str] | None = None) -> int:
    """Parse, load, execute; returns the exit status."""

    def body(config: Config, force: bool, verbose: bool) -> None:
        run_job(job, config, force=force, verbose=verbose)

    return run_guarded(make_parser(job.name, job.summary, job.sections), body, argv)


def run_guarded(
    command: argparse.ArgumentParser, body: Callable[[Config, bool, bool], None], argv: Sequence[str] | None
) -> int:
    """Run `body(config, force, verbose)` and turn its errors into one line and an exit status: 2 for what the user can mend."""
    args = command.parse_args(argv)
    try:
        config = load_config(args.config, args.overrides, None if args.config else sample.SAMPLE_CONFIG)
        body(config, args.force, args.verbose)
    except KeyboardInterrupt:
        print(f"{command.prog}: stopped; finished tables stay, and a rerun goes on from them", file=sys.stderr)
        return 130
    except Exception as error:
        if args.verbose:
            traceback.print_exc()
        message, status = summarize_error(error)
        if "pyspark" in sys.modules:
            print(file=sys.stderr)  # Spark's progress bar leaves its line open
        print(f"{command.prog}: error: {message}", file=sys.stderr)
        return status
    return 0


def summarize_error(error: BaseException) -> tuple[str, int]:
    """The message of an error and the exit status; errors raised inside Spark's tasks are found in Spark's text."""
    if isinstance(error, WalkgramError):
        return str(error), error.status if isinstance(error, Stopped) else 2
    text = str(error)
    ours = re.search(r"walkgram\.errors\.\w+: (.+)", text)
    if ours:
        return ours.group(1), 2
    unreadable = re.search(r"\[FAILED_READ_FILE[^\]]*\][^\n]*?(\S+:/[^\s]+)", text)
    if unreadable:
        return (
            f"{unreadable.group(1).rstrip('.')}: truncated or damaged file (or other column types than its neighbours'): "
            "replace it, or run the job that wrote it with --force",
            2,
        )
    raised = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Invalid): .+$", text, re.MULTILINE)
    first = raised[-1] if raised else next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first} (--verbose shows the stack trace)", 1
