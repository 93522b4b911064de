"""What a job's `run` is given: the four verbs' hands (read, write, rows, blocks) of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from walkgram.config import Config
from walkgram.lake import parquet, paths
from walkgram.lake.blocks import Blocks
from walkgram.lake.exchange import Exchange
from walkgram.lake.manifest import Manifest
from walkgram.lake.shards import Shards
from walkgram.lake.transaction import MATERIALIZED, Transaction
from walkgram.runtime import progress

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["RunContext"]


@dataclass
class RunContext:
    """One run of a job: its configuration, its finished inputs, and the transaction that it writes into."""

    config: Config
    inputs: Mapping[str, Manifest]
    out: Transaction
    name: str
    verbose: bool = False
    force: bool = False
    say: Callable[[str], None] = print
    after: list[Callable[[], None]] = field(default_factory=list)
    measure: progress.Count | None = None
    _spark: "SparkSession | None" = field(default=None, repr=False)

    @property
    def spark(self) -> "SparkSession":
        """The Spark session, started at first use."""
        if self._spark is None:
            from walkgram.runtime import session

            self._spark = session.start(self.name, self.verbose)
        return self._spark

    def read(self, table: str, former: bool = False) -> "DataFrame":
        """An output table that this run has staged, else an input table, as a DataFrame; `former`: as it was before."""
        from walkgram.lake import spark_tables

        return spark_tables.read_frame(self.spark, self.folder(table, former))

    def write(self, table: str, frame: "DataFrame") -> int:
        """Stage an output table (or a part of one, `table/part`); returns its rows."""
        from walkgram.lake import spark_tables

        return spark_tables.write_frame(self.out, table, frame)

    def keep(self, name: str, frame: "DataFrame") -> "DataFrame":
        """A DataFrame computed once, kept as long as this run."""
        from walkgram.lake import spark_tables

        return spark_tables.materialize(self.out, name, frame)

    def folder(self, table: str, former: bool = False) -> str:
        """Where an output table is staged, or where an input table lies (`former`: also one that this run writes anew)."""
        ours = table.partition("/")[0] in self.out.tables and not former
        return self.out.folder(table) if ours else paths.join_path(self.config.lake.path, table)

    def blocks(self, table: str, *below: str, former: bool = False) -> Blocks:
        """The block files of an output or input table."""
        read = table in self.inputs and (former or table not in self.out.tables)
        version = self.inputs[table].run if read else self.out.manifest.run
        return Blocks(paths.join_path(self.folder(table, former), *below), version)

    def scratch(self, name: str) -> Blocks:
        """Block files that last as long as this run."""
        return Blocks(paths.join_path(self.out.staging, f"_{name}"), self.out.manifest.run)

    def shards(self, table: str, schema: "pa.Schema", former: bool = False) -> Shards:
        """The shards of an output table, for tasks to write, or of an input table that tasks wrote."""
        return Shards(self.folder(table, former), paths.join_path(self.out.staging, "_attempts"), schema)

    def scratch_shards(self, name: str, schema: "pa.Schema") -> Shards:
        """Shards that last as long as this run, or, where the job resumes, until one of its runs is done."""
        return Shards(paths.join_path(self.out.staging, f"_{name}"), paths.join_path(self.out.staging, "_attempts"), schema)

    def read_shards(self, made: Shards) -> "DataFrame":
        """Shards as a DataFrame."""
        from walkgram.lake import spark_tables

        return spark_tables.read_frame(self.spark, made.folder)

    def files(self, table: str) -> list[parquet.ParquetShard]:
        """The Parquet files of an input table, or of an output table that this run has staged, or kept."""
        kept = paths.join_path(self.out.staging, MATERIALIZED + table)
        return parquet.list_shards(kept if paths.exists(kept) else self.folder(table))

    def rounds(self, name: str) -> Exchange:
        """What this run's tasks send each other under a name; gone after the run."""
        return Exchange(paths.join_path(self.out.staging, "_rounds", name), paths.join_path(self.out.staging, "_attempts"))

    def counted(self) -> tuple[int, int]:
        """(done, total) for the progress line: what the job measures, else Spark's tasks."""
        if self._spark is None:
            return 0, 0
        return self.measure() if self.measure else progress.count_tasks(self._spark.sparkContext)()

    def finally_do(self, action: Callable[[], None]) -> None:
        """Do this once the tables are in place."""
        self.after.append(action)

    def tasks(self, count: int, among: int = 0) -> "DataFrame":
        """A DataFrame with `id` 0..count-1, one row a task, or dealt out to `among` tasks."""
        return self.spark.range(0, count, 1, max(1, min(count, among or count)))

    @property
    def cores(self) -> int:
        """Tasks that run at once."""
        return int(self.spark.sparkContext.defaultParallelism)

    def rows(self, table: str) -> int:
        """Rows of an input table."""
        return self.inputs[table].rows[table]
