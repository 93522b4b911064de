"""The line for notebooks and other programs: the user's DataFrame, session and lake; no logic of its own.

    from walkgram import Pipeline

    line = Pipeline(lake="s3://bucket/lake", spark=spark, walks={"p": 0.5, "q": 2}, train={"dim": 64})
    line.run(ratings, columns={"user_id": "customer", "item_id": "sku"})
    line.table("embeddings")
    line.most_similar("B00X", k=5)

Errors are `walkgram.errors.WalkgramError` and its subclasses. Progress is logged under the logger `walkgram`, level INFO.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from walkgram.config.load import load_config
from walkgram.config.locations import require_location
from walkgram.errors import ConfigError, InputError
from walkgram.lake import manifest, paths
from walkgram.lake.commit_record import read_undisturbed
from walkgram.lake.file_list import check_files, checksum_in_threads
from walkgram.redaction import redact
from walkgram.runtime.context import RunOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from walkgram.config.schema import Config

__all__ = ["Pipeline", "Similar"]

logger = logging.getLogger("walkgram")


class Similar(NamedTuple):
    """A similar item and its score: by neighbours.metric, the cosine by default."""

    item_id: Any
    score: float


class Pipeline:
    """The jobs from a table of interactions, or of edges, to embeddings and neighbours in a lake.

    lake: folder of the tables, local or a URI that pyarrow.fs and Spark both know. spark: the user's session, which stays as
    it is; without one, walkgram starts a session when it needs one. config: a TOML file that the sections override.
    progress: show a progress bar on the standard error stream. sections: those of the configuration (`walkgram keys` lists
    them), such as walks={"p": 0.5}.

    Raises `ConfigError` for an unknown key, a wrong type or a value out of range, with the key's path.
    """

    def __init__(
        self,
        lake: str | Path,
        spark: "SparkSession | None" = None,
        config: str | Path | None = None,
        progress: bool = False,
        **sections: Mapping[str, Any],
    ) -> None:
        base: dict[str, Any] = {}
        if config is not None:
            base = load_config(str(config)).model_dump(exclude_unset=True)
        for name, values in sections.items():
            if not isinstance(values, Mapping):
                raise ConfigError(f"{name}: give the section's keys as a mapping, such as walks={{'p': 0.5}}")
            base[name] = {**base.get(name, {}), **values}
        require_location("lake.path", str(lake))
        # Absolute: tasks may run in another folder than this program.
        base["lake"] = {**base.get("lake", {}), "path": str(paths.local_path(str(lake)) or lake)}
        self.config: Config = load_config(None, base=base)
        self.progress = progress
        self.user_session = spark
        self._verified_runs: set[str] = set()

    def run(
        self,
        source: "DataFrame | str | Path | None" = None,
        columns: Mapping[str, str] | None = None,
        *,
        tag: str = "",
        tables: Sequence[str] = (),
        force: bool = False,
    ) -> "Pipeline":
        """Make the tables (default: pipeline.tables) that are not up to date, with all that they need; return the pipeline.

        source: a DataFrame of the user's session, or a path; without one, as the section `input` says. columns: our name ->
        the source's, such as {"user_id": "customer"}; of a DataFrame, rating and timestamp (weight, of edges) are used where
        it has them. tag: names the DataFrame's content; without one it is known by the hash of its plan, which does not see
        that the data behind the plan has changed. force: run even what is up to date.

        Raises `WalkgramError`; finished tables stay as they were.
        """
        from walkgram.lake.sources.frame import fingerprint_frame, name_columns
        from walkgram.runtime.pipeline import run_pipeline

        frame = source if source is not None and not isinstance(source, str | Path) else None
        config = self._with_source(None if frame is not None else source, name_columns(self.config.input, frame, columns))
        options = RunOptions(
            force=force,
            log=lambda line: logger.info("%s", redact(line)),
            spark=self.user_session,
            source_frame=frame,
            source_id=fingerprint_frame(frame, tag) if frame is not None else "",
            show_progress=self.progress,
        )
        run_pipeline(config, options, wanted=tables)
        return self

    def table(self, name: str) -> "DataFrame":
        """Return a table of the lake as a DataFrame.

        Raises `LakeError` where it is not there, with the job that makes it, and where its files are not those that were
        written: names and sizes are compared each time, checksums the first time (key lake.verify).
        """
        return read_undisturbed(self.config.lake.path, name, lambda: self._read_table(name))

    def most_similar(self, item_id: Any, k: int = 10) -> list[Similar]:
        """Return the k most similar items and their scores, the best first, from the table `neighbours`.

        Raises `InputError` for an item without a vector, and `ConfigError` where k is above the neighbours that the lake has.
        """
        neighbours = self.table("neighbours")
        config = manifest.require_manifest(self.config.lake.path, "neighbours", "neighbours").config
        limit = config.get("neighbours", {}).get("k", k)
        if not 0 < k <= limit:
            raise ConfigError(f"k = {k}: the table neighbours has {limit} an item; run with neighbours={{'k': {max(k, 1)}}}")
        rows = neighbours.where(neighbours["item_id"] == item_id).where(neighbours["rank"] <= k).orderBy("rank").collect()
        if not rows:
            raise InputError(
                f"item {item_id!r} has no neighbours: it is not in the lake, or has no edge; look at table('edges')"
            )
        return [Similar(row["neighbour_id"], row["score"]) for row in rows]

    def _read_table(self, name: str) -> "DataFrame":
        """Return a table, after its files are checked."""
        from walkgram.lake import spark_tables
        from walkgram.runtime.job import find_makers
        from walkgram.runtime.session import get_session

        makers = find_makers(self.config)
        if name not in makers:
            raise ConfigError(f"{name}: no such table; there are {', '.join(sorted(makers))}")
        found = manifest.require_manifest(self.config.lake.path, name, makers[name])
        is_read = self.config.lake.verify == "checksums" and f"{name} {found.run}" not in self._verified_runs
        check_files(self.config.lake.path, {name: found}, checksum_in_threads if is_read else None)
        self._verified_runs.add(f"{name} {found.run}")
        spark = self.user_session or get_session("table")
        return spark_tables.read_frame(spark, paths.join_path(self.config.lake.path, name))

    def _with_source(self, path: "str | Path | DataFrame | None", columns: Mapping[str, Any]) -> "Config":
        """Return the configuration with the source's path and columns."""
        require_location("input.path", str(path or ""))
        changes = dict(columns) | ({} if path is None else {"path": str(path)})
        section = self.config.input.model_copy(update=changes)
        return self.config.model_copy(update={"input": section})
