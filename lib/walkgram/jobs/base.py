"""What a job is, and what it asks of its surroundings.

A job names the sections of the configuration that it reads, the tables that it reads and writes, and `run`. Its file in
this folder exports `JOB`; `registry.py` lists the files. The order of the jobs follows from the tables (`runtime/pipeline.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from walkgram.lake.blocks import Blocks
from walkgram.lake.exchange import Exchange
from walkgram.lake.manifest import Manifest
from walkgram.lake.parquet import ParquetShard
from walkgram.lake.shards import Shards

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from walkgram.config.schema import Config
    from walkgram.train.distributed import ProcessGroup

__all__ = ["Job", "JobContext", "JobOutput", "from_edges", "from_interactions"]


class JobOutput(Protocol):
    """The tables that a run writes: staged, and visible together when the run is done (`walkgram.lake.transaction`)."""

    @property
    def manifest(self) -> Manifest:
        """What the tables are made from."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table, set by the job."""

    def folder(self, table: str) -> str:
        """Return where the run writes a table."""


class JobContext(Protocol):
    """What a job's `run` is given (`walkgram.runtime.context.RunContext`)."""

    @property
    def config(self) -> "Config":
        """The sections that the job declares, `lake` and `spark`."""

    @property
    def inputs(self) -> Mapping[str, Manifest]:
        """The manifests of the tables that the job reads."""

    @property
    def out(self) -> JobOutput:
        """The tables that the job writes."""

    @property
    def force(self) -> bool:
        """Whether the run was asked to start from nothing."""

    @property
    def show_progress(self) -> bool:
        """Whether progress bars are shown."""

    @property
    def spark(self) -> "SparkSession":
        """The Spark session, started at first use."""

    @property
    def cores(self) -> int:
        """Tasks that run at once."""

    @property
    def source_frame(self) -> "DataFrame | None":
        """The user's DataFrame, where the source is one."""

    def log(self, message: str) -> None:
        """Log a line of progress."""

    def read(self, table: str, previous: bool = False) -> "DataFrame":
        """Return a table that this run has staged, else an input table; `previous`: as it was before this run."""

    def write(self, table: str, frame: "DataFrame") -> int:
        """Stage an output table, or a part of one (`table/part`); return its rows."""

    def materialize(self, name: str, frame: "DataFrame") -> "DataFrame":
        """Compute a DataFrame once; it lasts as long as the run."""

    def folder(self, table: str, previous: bool = False) -> str:
        """Return where an output table is staged, or where an input table is."""

    def blocks(self, table: str, *subfolders: str, previous: bool = False) -> Blocks:
        """Return the block files of an output or input table."""

    def shards(self, table: str, schema: "pa.Schema", previous: bool = False) -> Shards:
        """Return the shards of an output table, for tasks to write, or of an input table that tasks wrote."""

    def files(self, table: str) -> list[ParquetShard]:
        """Return the Parquet files of an input table, or of a table that this run has staged or materialized."""

    def scratch(self, name: str) -> Blocks:
        """Return block files that last as long as the run."""

    def scratch_shards(self, name: str, schema: "pa.Schema") -> Shards:
        """Return shards that last as long as the run or, where the job resumes, until one of its runs is done."""

    def read_shards(self, shards: Shards) -> "DataFrame":
        """Return shards as a DataFrame."""

    def exchange(self, name: str) -> Exchange:
        """Return what this run's tasks send each other under a name; it lasts as long as the run."""

    def tasks(self, count: int, num_tasks: int = 0) -> "DataFrame":
        """Return a DataFrame with `id` 0..count-1, one row a task, or split among `num_tasks` tasks."""

    def rows(self, table: str) -> int:
        """Return the rows of an input table."""

    def run_processes(
        self, function: "Callable[[Any, ProcessGroup], Any]", spec: object, num_processes: int = 1, use_gpu: bool = False
    ) -> Any:
        """Call function(spec, group) at every process of a group; return what it returned at the first one.

        The processes are those that torchrun has started together, else `num_processes` that Spark starts, else this one. Both
        arguments must be picklable, the function by its name.
        """

    def check_table(self, folder: str) -> None:
        """Raise `LakeError` where the files of a table that the job does not declare differ from its manifest."""

    def count_progress(self, count: Callable[[], tuple[int, int]]) -> None:
        """Show count() = (done, total) as the run's progress, in place of Spark's tasks."""

    def finish_checkpoint(self, job: str) -> None:
        """Let the commit of the tables remove a job's checkpoint, whoever completes it."""


def no_tables(config: "Config") -> Sequence[str]:
    """Return no table."""
    return ()


def no_sources(config: "Config") -> Mapping[str, str]:
    """Return no source."""
    return {}


def always(config: "Config") -> bool:
    """Return True."""
    return True


def from_interactions(config: "Config") -> bool:
    """Return whether the line starts with interactions."""
    return config.input.kind == "interactions"


def from_edges(config: "Config") -> bool:
    """Return whether the line starts with the edges of a graph."""
    return config.input.kind == "edges"


def no_check(config: "Config") -> None:
    """Accept every configuration."""


@dataclass(frozen=True)
class Job:
    """One stage of the line.

    sections: of the configuration; `run` and the functions below, `applies` excepted, get these, `lake` and `spark` only.
    applies: whether the job is part of the line under a configuration. sources: path -> fingerprint of what it reads outside
    the lake. modules: those whose code the tables depend on beside what its own file imports. check: raise `ConfigError` for
    a configuration that cannot be run; called before any job of a line starts. resumes: what a stopped run has staged is
    used by the next one. uses_spark: `run` works on Spark. takes_frame: a DataFrame of the user can be its source.
    """

    name: str
    summary: str
    run: Callable[[JobContext], Mapping[str, Any]]
    sections: tuple[str, ...]
    reads: Callable[["Config"], Sequence[str]]
    writes: Callable[["Config"], Sequence[str]]
    applies: Callable[["Config"], bool] = always
    sources: Callable[["Config"], Mapping[str, str]] = no_sources
    modules: Callable[["Config"], Sequence[str]] = no_tables
    check: Callable[["Config"], None] = no_check
    resumes: bool = False
    uses_spark: bool = True
    takes_frame: bool = False
