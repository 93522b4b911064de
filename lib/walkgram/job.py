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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from walkgram import sample
from walkgram.config import Config, describe, load
from walkgram.errors import WalkgramError
from walkgram.lake import files, manifest
from walkgram.lake.blocks import Blocks
from walkgram.lake.manifest import Manifest, Transaction

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Job", "Run", "execute", "main"]

MADE_BY = {
    "interactions": "interactions", "vocabulary": "interactions", "items": "interactions", "baskets": "pairs", "pairs": "pairs",
    "tokens": "walks", "embeddings": "train", "losses": "train",
}  # fmt: skip
LOADED = {"vocabulary": "load_edges", "items": "load_edges", "edges": "load_edges"}  # where the source is a graph's edges


@dataclass(frozen=True)
class Job:
    """One stage of the line: what it depends on and what it makes."""

    name: str
    summary: str
    run: Callable[["Run"], Mapping[str, Any]]
    sections: tuple[str, ...]
    reads: Callable[[Config], Sequence[str]]
    writes: Callable[[Config], Sequence[str]]
    source: Callable[[Config], Mapping[str, str]] = lambda _: {}


@dataclass
class Run:
    """One run of a job: its configuration, its finished inputs, and the transaction that it writes into."""

    config: Config
    inputs: Mapping[str, Manifest]
    out: Transaction
    name: str
    verbose: bool = False
    force: bool = False
    after: list[Callable[[], None]] = field(default_factory=list)
    _spark: "SparkSession | None" = field(default=None, repr=False)

    @property
    def spark(self) -> "SparkSession":
        """The Spark session, started at first use."""
        if self._spark is None:
            from walkgram import session

            self._spark = session.start(self.name, self.verbose)
        return self._spark

    def read(self, table: str) -> "DataFrame":
        """An input table, or an output table that this run has staged, as a DataFrame."""
        from walkgram.lake import spark

        return spark.read(self.spark, self.folder(table))

    def write(self, table: str, frame: "DataFrame") -> int:
        """Stage an output table (or a part of one, `table/part`); returns its rows."""
        from walkgram.lake import spark

        return spark.write(self.out, table, frame)

    def keep(self, name: str, frame: "DataFrame") -> "DataFrame":
        """A DataFrame computed once, kept as long as this run."""
        from walkgram.lake import spark

        return spark.keep(self.out, name, frame)

    def folder(self, table: str) -> str:
        """Where an input table lies, or where an output table is staged."""
        ours = table.partition("/")[0] in self.out.tables
        return self.out.folder(table) if ours else files.join(self.config.lake.path, table)

    def blocks(self, table: str, *below: str) -> Blocks:
        """The block files of an input or output table."""
        version = self.inputs[table].run if table in self.inputs else self.out.manifest.run
        return Blocks(files.join(self.folder(table), *below), version)

    def scratch(self, name: str) -> Blocks:
        """Block files that last as long as this run."""
        return Blocks(files.join(self.out.staging, f"_{name}"), self.out.manifest.run)

    def finally_do(self, action: Callable[[], None]) -> None:
        """Do this once the tables are in place."""
        self.after.append(action)

    def tasks(self, count: int) -> "DataFrame":
        """A DataFrame with one row a task, `id` 0..count-1."""
        return self.spark.range(0, count, 1, max(1, count))

    @property
    def cores(self) -> int:
        """Tasks that run at once."""
        return int(self.spark.sparkContext.defaultParallelism)

    def rows(self, table: str) -> int:
        """Rows of an input table."""
        return self.inputs[table].rows[table]


def execute(
    job: Job, config: Config, *, force: bool = False, verbose: bool = False, say: Callable[[str], None] = print
) -> bool:
    """Run a job unless its tables are up to date; returns whether it ran.

    Raises `WalkgramError`; the tables are then as they were.
    """
    root = config.lake.path
    source = dict(job.source(config))
    tables = tuple(job.writes(config))
    files.check_output(root)
    manifest.check_places(root, tables, list(source))
    made_by = makers(config)
    inputs = {table: manifest.require(root, table, made_by.get(table, table)) for table in job.reads(config)}
    manifest.check_lineage(inputs, made_by)
    ids = {table: found.id for table, found in inputs.items()} | source
    sections = {name: getattr(config, name).model_dump() for name in job.sections}
    mark = manifest.identity(
        job.name, sections, ids, manifest.code_version(inspect.getsource(inspect.getmodule(job.run) or job.run))
    )
    made = [manifest.read(root, table) for table in tables]
    if not force and all(found is not None and found.id == mark.id for found in made):
        say(f"{job.name}: up to date, made {made[0].finished if made[0] else ''} (--force runs it again)")
        return False
    say(f"{job.name}: {job.summary}")
    started = time.monotonic()
    with Transaction(root, mark, tables) as out:
        run = Run(config, inputs, out, job.name, verbose, force)
        out.counts = dict(job.run(run))
    for action in run.after:
        action()
    counted = ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}" for name, value in out.counts.items()
    )
    say(f"{job.name}: done in {time.monotonic() - started:.1f} s: {counted}")
    return True


def makers(config: Config) -> Mapping[str, str]:
    """Table -> job that makes it, where the names differ: by what the configuration says of the source, or the lake shows."""
    vocabulary = manifest.read(config.lake.path, "vocabulary")
    loaded = config.input.kind == "edges" or (vocabulary is not None and vocabulary.job == "load_edges")
    return MADE_BY | LOADED if loaded else MADE_BY


def parser(name: str, summary: str, sections: Sequence[str]) -> argparse.ArgumentParser:
    """The command line of a job; its --help lists every key that the job reads."""
    made = argparse.ArgumentParser(
        prog=f"jobs/{name}.py",
        description=summary,
        epilog="keys (--set section.key=value, or in the TOML file):" + describe(["lake", *sections]),
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


def main(job: Job, argv: Sequence[str] | None = None) -> int:
    """Parse, load, execute; returns the exit status."""

    def body(config: Config, force: bool, verbose: bool) -> None:
        execute(job, config, force=force, verbose=verbose)

    return guarded(parser(job.name, job.summary, job.sections), body, argv)


def guarded(command: argparse.ArgumentParser, body: Callable[[Config, bool, bool], None], argv: Sequence[str] | None) -> int:
    """Run `body(config, force, verbose)` and turn its errors into one line and an exit status: 2 for what the user can mend."""
    args = command.parse_args(argv)
    try:
        config = load(args.config, args.overrides, None if args.config else sample.CONFIG)
        body(config, args.force, args.verbose)
    except KeyboardInterrupt:
        print(f"{command.prog}: stopped; finished tables stay, and a rerun goes on from them", file=sys.stderr)
        return 130
    except Exception as error:
        if args.verbose:
            traceback.print_exc()
        message, status = one_line(error)
        if "pyspark" in sys.modules:
            print(file=sys.stderr)  # Spark's progress bar leaves its line open
        print(f"{command.prog}: error: {message}", file=sys.stderr)
        return status
    return 0


def one_line(error: BaseException) -> tuple[str, int]:
    """The message of an error and the exit status; errors raised inside Spark's tasks are found in Spark's text."""
    if isinstance(error, WalkgramError):
        return str(error), 2
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
