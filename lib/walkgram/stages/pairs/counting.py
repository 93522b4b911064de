"""Blocks of users' lists -> exact pair counts without a shuffle of pairs: each task counts a range of items.

A task reads every block through the page cache, counts the rows of its items, and writes its own shard.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.errors import name_jobs
from walkgram.kernels.pairs import cooccurrence
from walkgram.kernels.pairs.accumulator import PairRows
from walkgram.stages.pairs.baskets import item_bounds
from walkgram.stages.ports import BlockStore, ShardStore, to_batches
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = [
    "PAIR_BYTES",
    "TASK_SECONDS",
    "CountPlan",
    "ShardSummary",
    "collect_summary",
    "count_span",
    "estimate_pairs",
    "explain_no_pairs",
    "explain_no_users",
    "open_blocks",
    "shard_ranges",
    "write_counts",
    "write_shards",
]

SUMMARY_SCHEMA = "shard long, rows long, frequency long, weight double, max_frequency long, max_weight double, seconds double"
TASK_SECONDS = "task seconds (least / median / most)"
MAX_INCREMENTS = 1 << 30  # of a shard
MIN_INCREMENTS, FEW_SHARDS = 1 << 27, 16  # up to FEW_SHARDS shards have at least MIN_INCREMENTS increments each
VISIT = 8  # cost of a visit to a user's list, in increments
SAMPLE, STRATA = 1 << 26, 64  # increments, and ranges of items, of the sample that estimates the size of the pairs table
PAIR_BYTES = 6  # of a row of the pairs table, about

Columns = Mapping[str, np.ndarray]  # columns of the rows to write
Blocks = Sequence[Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class CountPlan:
    """How counting is split into shards: a function of the data and the configuration alone.

    n: items; work (2, ranges): increments and visits by range of items, as `baskets.sum_totals` writes them.
    """

    config: Pairs
    n: int
    work: np.ndarray
    setup: TaskSetup = NO_SETUP

    @property
    def increments(self) -> int:
        """Number of increments of all items."""
        return int(self.work[0].sum())

    def split_items(self) -> list[tuple[int, int]]:
        """Split the items into consecutive spans of about equal work."""
        num_spans = max(2, -(-self.increments // MAX_INCREMENTS), min(FEW_SHARDS, -(-self.increments // MIN_INCREMENTS)))
        cuts = cooccurrence.split_by_work(self.work[0] + VISIT * self.work[1], self.config.tasks or num_spans)
        return [(int(low), int(high)) for low, high in pairwise(item_bounds(self.n)[cuts])]

    def sample_items(self) -> list[tuple[int, int, float]]:
        """Sample ranges of items to estimate the number of pairs; returns (low, high, factor), the weight of each range."""
        if self.increments <= SAMPLE:
            return [(0, self.n, 1.0)]
        cumulated, bounds = np.concatenate([[0], np.cumsum(self.work[0])]), item_bounds(self.n)
        size = SAMPLE / STRATA
        sample = []
        for stratum in range(STRATA):
            low = int(np.searchsorted(cumulated, self.increments * (stratum + 0.5) / STRATA, "right")) - 1
            high = min(max(low + 1, int(np.searchsorted(cumulated, cumulated[low] + size))), len(bounds) - 1)
            increments = int(cumulated[high] - cumulated[low])
            sample.append((int(bounds[low]), int(bounds[high]), self.increments / STRATA / max(1, increments)))
        return sample


@dataclass
class ShardSummary:
    """Sums and maxima over the rows of a shard. Rows without a weight leave both of its fields at 0."""

    rows: int = 0
    frequency: int = 0
    weight: float = 0.0
    max_frequency: int = 0
    max_weight: float = 0.0

    def add(self, columns: Columns) -> None:
        """Add a batch of rows."""
        frequency, weight = columns["frequency"], columns.get("weight", np.empty(0))
        self.rows += len(frequency)
        self.frequency += int(frequency.sum())
        self.weight += float(weight.sum())
        self.max_frequency = max(self.max_frequency, int(frequency.max(initial=0)))
        self.max_weight = max(self.max_weight, float(weight.max(initial=0.0)))


def open_blocks(numbers: Sequence[int], store: BlockStore) -> Blocks:
    """Map the blocks of these numbers."""
    return [store.open(number) for number in numbers]


def count_span(blocks: Blocks, span: tuple[int, int], n: int, config: Pairs, floor: int) -> Iterator[PairRows]:
    """Count the pairs of a span of the n items; pairs with frequency < floor are left out."""
    return cooccurrence.count_pairs(blocks, *span, n, config.mode == "basket", floor, config.counter_columns)


def write_counts(
    tasks: DataFrame, spans: Sequence[tuple[int, int]], block_numbers: Sequence[int], plan: CountPlan, floor: int,
    lists: BlockStore, make_rows: Callable[[PairRows], Columns], shards: ShardStore | None,
) -> DataFrame:  # fmt: skip
    """Count span `id` for each row of `tasks` and write make_rows(counts) as shard `id`; returns rows of SUMMARY_SCHEMA.

    Pairs with frequency < floor are left out. Shards that exist are read for the summary, not written again. Memory of a
    task: 16 bytes for each of `counter_columns`, and 40 MiB for a batch; the blocks are mapped.
    """

    def shard_batches(number: int) -> Iterator[Columns]:
        return map(make_rows, count_span(open_blocks(block_numbers, lists), spans[number], plan.n, plan.config, floor))

    return write_shards(tasks, shard_batches, shards, plan.setup)


def write_shards(
    tasks: DataFrame, shard_batches: Callable[[int], Iterable[Columns]], shards: ShardStore | None,
    setup: TaskSetup = NO_SETUP,
) -> DataFrame:  # fmt: skip
    """Write shard_batches(id) as shard `id` for each row of `tasks`; returns rows of SUMMARY_SCHEMA.

    Shards that exist are read for the summary, not written again. Without a store (None) the rows are only summed.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        setup.apply()
        for batch in batches:
            for number in batch["id"].to_pylist():
                started = time.monotonic()
                summary = write_shard(number, shard_batches, shards)
                row = {"shard": number, **asdict(summary), "seconds": time.monotonic() - started}
                yield from to_batches({name: np.array([value]) for name, value in row.items()})

    return tasks.mapInArrow(write, SUMMARY_SCHEMA)


def write_shard(number: int, shard_batches: Callable[[int], Iterable[Columns]], shards: ShardStore | None) -> ShardSummary:
    """Write one shard unless it exists, and return the summary of its rows."""
    summary = ShardSummary()
    if shards is None:
        for columns in shard_batches(number):
            summary.add(columns)
    elif shards.has(number):
        for rows in shards.read(number):
            summary.add({name: rows[name].to_numpy() for name in rows.schema.names})
    else:
        shards.write(number, (summarize_batch(summary, columns) for columns in shard_batches(number)))
    return summary


def summarize_batch(summary: ShardSummary, columns: Columns) -> pa.RecordBatch:
    """Add a batch to the summary and pack it as Arrow."""
    summary.add(columns)
    return pa.RecordBatch.from_arrays([pa.array(values) for values in columns.values()], names=list(columns))


def estimate_pairs(task: DataFrame, block_numbers: Sequence[int], plan: CountPlan, lists: BlockStore) -> DataFrame:
    """Estimate the number of pairs in one row `pairs`; exact if counting takes at most SAMPLE increments."""

    def estimate(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        plan.setup.apply()
        for _ in batches:
            blocks, total = open_blocks(block_numbers, lists), 0.0
            for low, high, factor in plan.sample_items():
                total += factor * sum(len(rows.partner) for rows in count_span(blocks, (low, high), plan.n, plan.config, 1))
            yield from to_batches({"pairs": np.array([round(total)])})

    return task.mapInArrow(estimate, "pairs long")


def collect_summary(summary: DataFrame) -> dict[str, Any]:
    """Reduce rows of SUMMARY_SCHEMA to sums and maxima, the number of shards, and least / median / most seconds."""
    rows = summary.orderBy("shard").collect()
    seconds = sorted(row["seconds"] for row in rows)
    spread = f"{seconds[0]:.1f} / {seconds[len(seconds) // 2]:.1f} / {seconds[-1]:.1f}"
    sums = {name: sum(row[name] for row in rows) for name in ("rows", "frequency", "weight")}
    maxima = {name: max(row[name] for row in rows) for name in ("max_frequency", "max_weight")}
    return sums | maxima | {"shards": len(rows), "seconds": spread}


def shard_ranges(spans: Sequence[tuple[int, int]]) -> Columns:
    """Return block 2 of the totals: `spans` (shards, 2) int64, the items of each shard of the pairs table."""
    return {"spans": np.array(spans, np.int64)}


def explain_no_users(config: Pairs) -> str:
    """Explain why no user has an entry."""
    if config.mode == "sequence":
        return "no interaction has a time, which pairs.mode = sequence needs: name it in input.columns.timestamp"
    return f"table interactions has no rows: run {name_jobs('interactions')}"


def explain_no_pairs(config: Pairs) -> str:
    """Explain why there are no pairs."""
    relation = {"basket": "share a user", "sequence": "follow one another in reach of pairs.window and pairs.max_gap"}
    remedy = "raise pairs.max_items_per_user, " if config.max_items_per_user else ""
    return (
        f"no two kept items {relation[config.mode]}, so there are no pairs: lower interactions.min_rating, {remedy}"
        "or check the id columns"
    )
