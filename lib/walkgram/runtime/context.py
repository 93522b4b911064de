"""What a job's `run` is given: its configuration, its inputs, and the tables that it writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from walkgram.lake import parquet, paths
from walkgram.lake.blocks import Blocks
from walkgram.lake.exchange import Exchange
from walkgram.lake.file_list import Checksum, check_files, checksum_in_threads
from walkgram.lake.lock import LakeLock
from walkgram.lake.manifest import Manifest, read_manifest
from walkgram.lake.shards import Shards
from walkgram.lake.transaction import MATERIALIZED, Transaction
from walkgram.runtime import progress
from walkgram.runtime.cpu import CpuMeter

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from walkgram.config.schema import Config
    from walkgram.runtime import launch

__all__ = ["RunContext", "RunOptions"]

CHECKED_BY_TASKS = 1 << 30  # bytes of inputs from which on Spark's tasks read them for their checksums


@dataclass(frozen=True)
class RunOptions:
    """How jobs are run, beside their configuration.

    force: run even where the tables are up to date. verbose: show Spark's log. log: takes a line for the user. spark: the
    user's session; without one, walkgram starts its own. source_frame, source_id: the user's DataFrame that is the source,
    and its fingerprint. show_progress: show a progress line. lock: the lock that the caller holds for the job.
    cpu: CPU seconds by kind, to which every job adds its own.
    """

    force: bool = False
    verbose: bool = False
    log: Callable[[str], None] = print
    spark: "SparkSession | None" = None
    source_frame: "DataFrame | None" = None
    source_id: str = ""
    show_progress: bool = True
    lock: LakeLock | None = None
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass
class RunContext:
    """One run of a job (`walkgram.jobs.base.JobContext`)."""

    name: str
    config: "Config"
    inputs: Mapping[str, Manifest]
    out: Transaction
    options: RunOptions = field(default_factory=RunOptions)
    progress_count: progress.Count | None = None
    _spark: "SparkSession | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.out.checksums = self.checksum_files

    @property
    def spark(self) -> "SparkSession":
        """The Spark session, started at first use."""
        if self._spark is None:
            from walkgram.runtime import preflight, session

            spark = session.get_session(self.name, self.options.verbose, self.options.spark)
            preflight.check_workers(spark.sparkContext)
            self._spark = spark
        return self._spark

    @property
    def force(self) -> bool:
        """Whether the run was asked to start from nothing."""
        return self.options.force

    @property
    def show_progress(self) -> bool:
        """Whether progress bars are shown."""
        return self.options.show_progress

    @property
    def source_frame(self) -> "DataFrame | None":
        """The user's DataFrame, where the source is one."""
        return self.options.source_frame

    @property
    def cores(self) -> int:
        """Tasks that run at once."""
        return int(self.spark.sparkContext.defaultParallelism)

    def meter_cpu(self, meter: CpuMeter) -> None:
        """Let the run's manifests have the CPU seconds of a meter, those of a cluster's executors included."""

        def measure() -> dict[str, float]:
            meter.context = self._spark.sparkContext if self._spark is not None else None
            return meter.read()

        self.out.measure_cpu = measure

    def check_inputs(self, uses_spark: bool) -> None:
        """Compare the files of the inputs with their manifests, as `lake.verify` asks. Raises `LakeError`."""
        num_bytes = sum(entry["bytes"] for source in self.inputs.values() for entry in source.files.values())
        if uses_spark and num_bytes > CHECKED_BY_TASKS:
            _ = self.spark
        verify = self.config.lake.verify
        check_files(self.config.lake.path, self.inputs, self.checksum_files if verify == "checksums" else None)

    def check_table(self, folder: str) -> None:
        """Compare the files of a table that the job reads and does not declare, as `check_inputs` does with its inputs.

        folder: of the table, in any lake. A folder without a manifest was not made by walkgram, and is not checked.
        """
        parent, slash, name = folder.rstrip("/").rpartition("/")
        root = parent or slash or "."
        manifest = read_manifest(root, name)
        if manifest is not None:
            checksums = self.checksum_files if self.config.lake.verify == "checksums" else None
            check_files(root, {name: manifest}, checksums)

    def checksum_files(self, uris: Sequence[str]) -> Sequence[Checksum]:
        """Read files: in threads of this process, or by Spark's tasks where a Spark session has started."""
        if self._spark is None:
            return checksum_in_threads(uris)
        from walkgram.lake import spark_tables

        return spark_tables.checksum_in_tasks(self._spark, uris)

    def log(self, message: str) -> None:
        """Log a line of progress."""
        self.options.log(message)

    def read(self, table: str, previous: bool = False) -> "DataFrame":
        """Return a table that this run has staged, else an input table; `previous`: as it was before this run."""
        from walkgram.lake import spark_tables

        return spark_tables.read_frame(self.spark, self.folder(table, previous))

    def write(self, table: str, frame: "DataFrame") -> int:
        """Stage an output table, or a part of one (`table/part`); return its rows."""
        from walkgram.lake import spark_tables

        return spark_tables.write_frame(self.out, table, frame)

    def materialize(self, name: str, frame: "DataFrame") -> "DataFrame":
        """Compute a DataFrame once, by the session that it belongs to; read it by the session of the run."""
        from walkgram.lake import spark_tables

        spark_tables.materialize(self.out, name, frame)
        return spark_tables.read_frame(self.spark, self.materialized_folder(name))

    def materialized_folder(self, name: str) -> str:
        """Return where a materialized DataFrame is."""
        return paths.join_path(self.out.staging, MATERIALIZED + name)

    def folder(self, table: str, previous: bool = False) -> str:
        """Return where an output table is staged, or where an input table is (`previous`: also one that this run replaces)."""
        is_output = table.partition("/")[0] in self.out.tables and not previous
        return self.out.folder(table) if is_output else paths.join_path(self.config.lake.path, table)

    def blocks(self, table: str, *subfolders: str, previous: bool = False) -> Blocks:
        """Return the block files of an output or input table."""
        is_input = table in self.inputs and (previous or table not in self.out.tables)
        version = self.inputs[table].run if is_input else self.out.manifest.run
        return Blocks(paths.join_path(self.folder(table, previous), *subfolders), version)

    def shards(self, table: str, schema: "pa.Schema", previous: bool = False) -> Shards:
        """Return the shards of an output table, for tasks to write, or of an input table that tasks wrote."""
        return Shards(self.folder(table, previous), self.attempts_folder, schema)

    def files(self, table: str) -> list[parquet.ParquetShard]:
        """Return the Parquet files of an input table, or of a table that this run has staged or materialized."""
        materialized = self.materialized_folder(table)
        return parquet.list_shards(materialized if paths.exists(materialized) else self.folder(table))

    def scratch(self, name: str) -> Blocks:
        """Return block files that last as long as the run."""
        return Blocks(paths.join_path(self.out.staging, f"_{name}"), self.out.manifest.run)

    def scratch_shards(self, name: str, schema: "pa.Schema") -> Shards:
        """Return shards that last as long as the run or, where the job resumes, until one of its runs is done."""
        return Shards(paths.join_path(self.out.staging, f"_{name}"), self.attempts_folder, schema)

    def read_shards(self, shards: Shards) -> "DataFrame":
        """Return shards as a DataFrame."""
        from walkgram.lake import spark_tables

        return spark_tables.read_frame(self.spark, shards.folder)

    def exchange(self, name: str) -> Exchange:
        """Return what this run's tasks send each other under a name; it lasts as long as the run."""
        return Exchange(paths.join_path(self.out.staging, "_rounds", name), self.attempts_folder)

    @property
    def attempts_folder(self) -> str:
        """Where tasks write what is then renamed into place."""
        return paths.join_path(self.out.staging, "_attempts")

    def tasks(self, count: int, num_tasks: int = 0) -> "DataFrame":
        """Return a DataFrame with `id` 0..count-1, one row a task, or split among `num_tasks` tasks."""
        return self.spark.range(0, count, 1, max(1, min(count, num_tasks or count)))

    def rows(self, table: str) -> int:
        """Return the rows of an input table."""
        return self.inputs[table].rows[table]

    def run_processes(self, function: "launch.Work", spec: object, num_processes: int = 1, use_gpu: bool = False) -> Any:
        """Call function(spec, group) at every process of a group; return what it returned at the first one."""
        from walkgram.runtime import launch  # it loads torch

        request = launch.ProcessRequest(function, spec, num_processes, use_gpu, self.name)
        return launch.run_processes(request, lambda: self.spark)

    def count_progress(self, count: progress.Count) -> None:
        """Show count() = (done, total) as the run's progress, in place of Spark's tasks."""
        self.progress_count = count

    def current_progress(self) -> tuple[int, int]:
        """Return (done, total) for the progress line: what the job counts, else Spark's tasks."""
        if self.progress_count is not None:
            return self.progress_count()
        return progress.count_tasks(self._spark.sparkContext)() if self._spark is not None else (0, 0)

    def finish_checkpoint(self, job: str) -> None:
        """Let the commit of the tables remove a job's checkpoint, whoever completes it."""
        self.out.finished_checkpoint = job
