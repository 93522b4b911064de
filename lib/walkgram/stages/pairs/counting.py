"""Blocks of users' lists -> exact pair counts, without a shuffle of pairs: each task owns a range of items.

A task reads every block through the page cache, counts its items' rows, and writes what is made of them itself.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.config.pairs import Pairs
from walkgram.kernels.pairs import cooccurrence, inverted_lists
from walkgram.kernels.pairs.cooccurrence import PairRows
from walkgram.stages.pairs.baskets import item_bounds
from walkgram.stages.ports import BlockStore, ShardStore, to_batches
from walkgram.stages.workers import cache_zip_directories

__all__ = [
    "BYTES",
    "SPREAD",
    "SUMMARY",
    "CountPlan",
    "estimate_pairs",
    "explain_no_pairs",
    "explain_no_users",
    "open_blocks",
    "shard_ranges",
    "write_counts",
]
__all__ += ["collect_summary", "count_span", "make_pair_rows", "orient", "read_pair_rows", "write_shards"]

SUMMARY = "shard long, rows long, frequency long, weight double, most long, heaviest double, seconds double"
SPREAD = "task seconds (least / median / most)"
MOST, LEAST = 1 << 30, 1 << 27  # increments of a shard: the most, and the least where there are few shards
FEW = 16
VISIT = 8  # increments that a visit to a user's list costs
SAMPLE, STRATA = 1 << 26, 64  # increments and ranges of items that the size of the pairs table is guessed from
BYTES = 6  # of a row of the pairs table, about

Made = Mapping[str, np.ndarray]  # columns of the rows to write


@dataclass(frozen=True)
class CountPlan:
    """How counting is cut into shards, a function of the data and the configuration alone. work: as `baskets.totals` has it."""

    config: Pairs
    n: int
    work: np.ndarray

    @property
    def increments(self) -> int:
        """Increments in all."""
        return int(self.work[0].sum())

    def spans(self) -> list[tuple[int, int]]:
        """Consecutive ranges of the items, of about equal work."""
        number = max(2, -(-self.increments // MOST), min(FEW, -(-self.increments // LEAST)))
        cuts = cooccurrence.split_by_work(self.work[0] + VISIT * self.work[1], self.config.tasks or number)
        return [(int(low), int(high)) for low, high in pairwise(item_bounds(self.n)[cuts])]

    def sample(self) -> list[tuple[int, int, float]]:
        """(low, high, factor): ranges of items to count for a guess at the whole, and how much of it each stands for."""
        if self.increments <= SAMPLE:
            return [(0, self.n, 1.0)]
        upto, edges, share = np.concatenate([[0], np.cumsum(self.work[0])]), item_bounds(self.n), SAMPLE / STRATA
        chosen = []
        for stratum in range(STRATA):
            low = int(np.searchsorted(upto, self.increments * (stratum + 0.5) / STRATA, "right")) - 1
            high = min(max(low + 1, int(np.searchsorted(upto, upto[low] + share))), len(edges) - 1)
            taken = int(upto[high] - upto[low])
            chosen.append((int(edges[low]), int(edges[high]), self.increments / STRATA / max(1, taken)))
        return chosen


def open_blocks(made: Sequence[int], store: BlockStore) -> list[Mapping[str, np.ndarray]]:
    """The blocks by number, mapped."""
    return [store.open(number) for number in made]


def count_span(
    blocks: Sequence[Mapping[str, np.ndarray]], span: tuple[int, int], n: int, config: Pairs, floor: int
) -> Iterator[PairRows]:
    """The counts of the items of a span, of pairs with frequency >= floor."""
    return cooccurrence.count_pairs(blocks, *span, n, config.mode == "basket", floor, config.counter_columns)


def write_counts(
    tasks: DataFrame, spans: Sequence[tuple[int, int]], made: Sequence[int], plan: CountPlan, floor: int,
    store: BlockStore, then: Callable[[PairRows], Made], sink: ShardStore | None,
) -> DataFrame:  # fmt: skip
    """Count span `id` for each row of `tasks`, of pairs with frequency >= floor, and write what `then` makes of the counts
    as shard `id`; returns a `SUMMARY` row for each. Shards that are there are left as they are.

    Memory of a task: 16 bytes for each of the columns counted at a time, 40 MiB for a batch; the blocks are mapped.
    """

    def batches_of(number: int) -> Iterator[Made]:
        return map(then, count_span(open_blocks(made, store), spans[number], plan.n, plan.config, floor))

    return write_shards(tasks, batches_of, sink)


def write_shards(tasks: DataFrame, batches_of: Callable[[int], Iterable[Made]], sink: ShardStore | None) -> DataFrame:
    """Write the shards `id` of `tasks`, those that are not there; returns a `SUMMARY` row for each. No sink: sum alone."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for batch in batches:
            for number in batch["id"].to_pylist():
                started = time.monotonic()
                sums = [0, 0, 0.0, 0, 0.0]
                if sink is None:
                    for columns in batches_of(number):
                        add_to_summary(sums, columns)
                elif sink.has(number):
                    for held in sink.read(number):
                        add_to_summary(sums, {name: held[name].to_numpy() for name in held.schema.names})
                else:
                    sink.write(number, (summarize_batch(sums, columns) for columns in batches_of(number)))
                values = [number, *sums, time.monotonic() - started]
                names = [field.split()[0] for field in SUMMARY.split(", ")]
                yield from to_batches({name: np.array([value]) for name, value in zip(names, values, strict=True)})

    return tasks.mapInArrow(write, SUMMARY)


def add_to_summary(sums: list[float], columns: Made) -> None:
    """Add a batch to the rows, the frequency and the weight so far, and to the largest of both."""
    frequency, weight = columns["frequency"], columns.get("weight", np.empty(0))
    sums[0] += len(frequency)
    sums[1] += int(frequency.sum())
    sums[2] += float(weight.sum())
    sums[3], sums[4] = max(sums[3], int(frequency.max(initial=0))), max(sums[4], float(weight.max(initial=0.0)))


def summarize_batch(sums: list[float], columns: Made) -> pa.RecordBatch:
    """A batch to be written, added to the sums."""
    add_to_summary(sums, columns)
    return pa.RecordBatch.from_arrays([pa.array(values) for values in columns.values()], names=list(columns))


def orient(item: np.ndarray, partner: np.ndarray, config: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """(src, dst) of items whose rows are counted, and their partners; or, of src and dst, (item, partner)."""
    return (partner, item) if config.mode == "basket" else (item, partner)


def make_pair_rows(config: Pairs) -> Callable[[PairRows], Made]:
    """Counts -> rows of the table `pairs`; without weights of users the support is the frequency."""

    def make(found: PairRows) -> Made:
        item = np.repeat(found.row, np.diff(found.ptr))
        src, dst = orient(item, found.partner.astype(np.int64), config)
        frequency = found.frequency.astype(np.int64)
        support = found.support / inverted_lists.SUPPORT_SCALE if len(found.support) else frequency.astype(np.float64)
        return {"src": src, "dst": dst, "frequency": frequency, "support": support}

    return make


def read_pair_rows(batch: pa.RecordBatch, config: Pairs) -> tuple[PairRows, np.ndarray]:
    """PairRows of the table `pairs` -> (counts, support), as they were when they were written; every row group by itself."""
    src, dst, frequency, support = (batch[name].to_numpy() for name in ("src", "dst", "frequency", "support"))
    item, partner = orient(src, dst, config)
    first = np.flatnonzero(np.diff(item, prepend=-1))
    none = np.empty(0, np.int64)
    return PairRows(item[first], np.append(first, len(item)), partner.astype(np.uint32), frequency, none), support


def estimate_pairs(task: DataFrame, made: Sequence[int], plan: CountPlan, store: BlockStore) -> DataFrame:
    """How many pairs there are, about: one row, pairs. Exact where counting takes fewer than SAMPLE increments."""

    def guess(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cache_zip_directories()
        for _ in batches:
            blocks, total = open_blocks(made, store), 0.0
            for low, high, factor in plan.sample():
                total += factor * sum(len(rows.partner) for rows in count_span(blocks, (low, high), plan.n, plan.config, 1))
            yield from to_batches({"pairs": np.array([round(total)])})

    return task.mapInArrow(guess, "pairs long")


def collect_summary(summary: DataFrame) -> dict[str, Any]:
    """The sums and maxima of a `SUMMARY`, how many shards there are, and their least, median and longest seconds."""
    found = summary.orderBy("shard").collect()
    seconds = sorted(row["seconds"] for row in found)
    spread = f"{seconds[0]:.1f} / {seconds[len(seconds) // 2]:.1f} / {seconds[-1]:.1f}"
    sums = {name: sum(row[name] for row in found) for name in ("rows", "frequency", "weight")}
    sums |= {name: max(row[name] for row in found) for name in ("most", "heaviest")}
    return sums | {"shards": len(found), "seconds": spread}


def shard_ranges(spans: Sequence[tuple[int, int]]) -> Made:
    """Block 2 of the totals: the items of each shard of the pairs table, `spans` (shards, 2) int64."""
    return {"spans": np.array(spans, np.int64)}


def explain_no_users(config: Pairs) -> str:
    """What to say where no list has an entry."""
    if config.mode == "sequence":
        return "no interaction has a time, which pairs.mode = sequence needs: name it in input.columns.timestamp"
    return "table interactions has no rows: run jobs/interactions.py"


def explain_no_pairs(config: Pairs) -> str:
    """What to say where there is nothing to count."""
    within = {"basket": "share a user", "sequence": "follow one another in reach of pairs.window and pairs.max_gap"}
    raised = "raise pairs.max_items_per_user, " if config.max_items_per_user else ""
    return (
        f"no two kept items {within[config.mode]}, so there are no pairs: lower interactions.min_rating, {raised}"
        "or check the id columns"
    )
