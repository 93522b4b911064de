"""What a lake holds: its tables, from when and from what, what they cost, and which are stale and why."""

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from walkgram.config.load import describe_keys
from walkgram.errors import WalkgramError
from walkgram.jobs.base import Job
from walkgram.jobs.registry import JOBS, UPDATE, load_job
from walkgram.lake import paths
from walkgram.lake.commit_record import read_lake
from walkgram.lake.manifest import Manifest
from walkgram.redaction import redact, redact_values
from walkgram.runtime.arguments import Parser, add_options
from walkgram.runtime.context import RunOptions
from walkgram.runtime.job import code_version, find_makers, select_sections

if TYPE_CHECKING:
    from walkgram.config.schema import Config

__all__ = ["describe_lake", "explain_stale", "make_parser", "show_lake"]

COLUMNS = ("table", "rows", "made", "by", "seconds", "CPU s", "state")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of `walkgram show`."""
    parser = Parser(
        prog="walkgram show",
        description="list a lake's tables: rows, when and from what, seconds, CPU seconds, which are stale and why",
        epilog="stale is judged by the configuration that is given (--config, --set) and by the code that is installed\n"
        + describe_keys(["lake"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("lake", nargs="?", help="folder of the lake; without it lake.path of the configuration")
    add_options(parser, "TOML file that the lake was made with; without it the sample's", "show stack traces of errors")
    return parser


def show_lake(config: "Config", options: RunOptions) -> None:
    """Log the table of a lake's tables, and under it why each stale one is stale."""
    for line in describe_lake(config):
        options.log(line)


def describe_lake(config: "Config") -> Iterator[str]:
    """Yield the lines of `walkgram show`. Raises `LakeError` where the lake is not there."""
    root = config.lake.path
    paths.check_reachable("lake.path", root)
    found = read_lake(root)
    if not found:
        yield f"{root}: no table of walkgram there"
        return
    stale = explain_stale(config, found)
    rows = [COLUMNS]
    for name, table in found.items():
        cells = (name, f"{table.rows.get(name, 0):,}", table.finished, table.job, f"{table.seconds:.1f}")
        cpu = getattr(table, "cpu_seconds", 0.0)
        rows.append((*cells, f"{cpu:.1f}" if cpu else "-", "stale" if name in stale else "up to date"))
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    right = {"rows", "seconds", "CPU s"}
    for row in rows:
        padded = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, text, width in zip(COLUMNS, row, widths, strict=True)
        ]
        yield "  ".join(padded).rstrip()
    for name, reason in stale.items():
        yield f"{name} is stale: {reason}"
    for name, table in found.items():
        yield f"{name} <- {', '.join(table.inputs) or 'the configuration alone'}"


def explain_stale(config: "Config", found: Mapping[str, Manifest]) -> dict[str, str]:
    """Return table -> why a run under this configuration and code would make it anew; tables up to date are left out."""
    jobs = {name: load_job(name) for name in (*JOBS, UPDATE)}
    reasons: dict[str, str] = {}
    for name, table in found.items():
        reason = explain_table(config, jobs[table.job], table, found) if table.job in jobs else ""
        if reason:
            reasons[name] = reason
    makers = find_makers(config)
    changed = True
    while changed:  # what is made from a stale table is stale
        changed = False
        for name, table in found.items():
            for source in table.inputs:
                if name not in reasons and source in reasons and source != name and makers.get(source) != makers.get(name):
                    reasons[name] = f"its input {source} is stale"
                    changed = True
    return reasons


def explain_table(config: "Config", job: Job, table: Manifest, found: Mapping[str, Manifest]) -> str:
    """Return why the job would make the table anew, whatever its inputs' own state; "" where it would not."""
    sections = select_sections(config, job)
    for name in job.sections:
        values = redact_values(getattr(config, name).model_dump())
        changed = [key for key in values if table.config.get(name, {}).get(key, values[key]) != values[key]]
        if changed:
            key = changed[0]
            return f"{name}.{key} was {table.config[name][key]!r} and is {values[key]!r}"
    for name, known in table.inputs.items():
        if name in found and found[name].id != known and found[name].job != table.job:
            return f"{name} was made anew since"
    try:
        sources = dict(job.sources(sections))
    except WalkgramError as error:
        return f"its source cannot be read: {error}"
    for path, known in sources.items():
        if table.inputs.get(redact(path), known) != known:
            return f"the source {path} has changed"
    if table.code != code_version(job, sections):
        return f"the code of job {job.name} has changed"
    return ""
