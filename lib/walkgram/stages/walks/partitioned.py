"""graph blocks -> walks, for graphs beyond one machine's memory: each task maps one block, and walkers move between blocks.

All walkers of a wave of shards are under way at once. A round: every task reads the letters for its block, lets the walkers
run until they leave it, writes the steps that they made and the letters that they became. At most two rounds a step. Rounds
lie on the lake, so that a stopped run goes on with the last one that was whole; when no letters are left, the steps are put
together into the shards. The walks are those of `stages.walks`, in the same shards.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.errors import LakeError
from walkgram.kernels.graph import csr, edge_records
from walkgram.kernels.walks import visit_counts
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, WalkSteps, initial_walkers, make_walk_params
from walkgram.kernels.walks.partitioned_walk import advance_partition
from walkgram.kernels.walks.walk import MAX_TRIES
from walkgram.stages.ports import BlockStore, ExchangeStore, ShardStore, to_batches
from walkgram.stages.walks.walks import VisitCounter, WalkPlan
from walkgram.stages.workers import cache_zip_directories

__all__ = ["PartitionedWalk", "walk_partitioned"]

WALKERS = 1 << 23  # under way at once for each block: about 1 GB in its task, half of it on the lake
SENT = "letters long, steps long"
Table = list[pa.RecordBatch]


@dataclass(frozen=True)
class PartitionedWalk:
    """What the tasks of a wave need. wave: its shards; count: blocks; letters, steps: what is sent."""

    plan: WalkPlan
    wave: range
    count: int
    graph: BlockStore
    starts: BlockStore
    letters: ExchangeStore
    steps: ExchangeStore

    def round(self, tasks: DataFrame, number: int) -> DataFrame:
        """Round `number` of the blocks `id` of `tasks`; returns the letters and the steps of each."""

        def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            cache_zip_directories()
            for batch in batches:
                for block in batch["id"].to_pylist():
                    if not self.letters.has(number, block):  # else an attempt before this one had written it
                        self.run_block(number, block)
                    made = [store.rows(number, block) for store in (self.letters, self.steps)]
                    yield from to_batches(dict(zip(("letters", "steps"), np.array(made).reshape(2, 1), strict=True)))

        return tasks.mapInArrow(run, SENT)

    def run_block(self, number: int, block: int) -> None:
        """Let the walkers of a block run; write their steps, then their letters, which mark the task as done."""
        arrays, own, starts = edge_records.unpack_block(self.graph.open(block)), self.plan.config, self.starts.open(0)["nodes"]
        mapped = GraphPartition(arrays["indptr"], arrays["indices"], arrays["slots"], arrays["back"], block, self.count)
        how = make_walk_params(own.p, own.q, own.walk_length, own.restart_probability, own.stop_probability, own.seed)
        no_letters, no_steps = initial_walkers(np.empty(0, np.int64), np.empty(0, csr.index_dtype(self.plan.n)))
        letters, steps = (
            [messages_to_batch(no_letters)],
            [steps_to_batch(no_steps)],
        )  # so that the columns are known where nobody goes
        for waiting in self.departing(block, starts, steps) if number == 0 else self.arriving(number, block):
            made, trail = advance_partition(mapped, how, starts, waiting)
            letters += map(messages_to_batch, made)
            steps += map(steps_to_batch, trail)
        edges = np.array([self.plan.ids(shard).start for shard in self.wave])
        self.steps.write(
            number,
            block,
            split_by_receiver(steps, lambda t: np.searchsorted(edges, t["walk"].to_numpy(), "right") - 1, len(edges)),
        )
        self.letters.write(number, block, split_by_receiver(letters, lambda t: message_receivers(t, self.count), self.count))

    def departing(self, block: int, starts: np.ndarray, steps: Table) -> Iterator[WalkerMessages]:
        """The wave's walkers that start in a block, and their first steps into `steps`."""
        for shard in self.wave:
            for ids in self.plan.groups(shard):
                first = starts[ids % len(starts)].astype(csr.index_dtype(self.plan.n))
                here = first % self.count == block
                letters, first_steps = initial_walkers(ids[here], first[here])
                steps.append(steps_to_batch(first_steps))
                yield letters

    def arriving(self, number: int, block: int) -> Iterator[WalkerMessages]:
        """The letters for a block of the round before, sender by sender."""
        for sender in range(self.count):
            yield batch_to_messages(self.letters.read(number - 1, sender, block))

    def gathered(self, tasks: DataFrame, rounds: int, sink: ShardStore) -> DataFrame:
        """Put the steps of `rounds` rounds together into the shards `id` of `tasks` (counted from the wave's first)."""

        def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for shard in batch["id"].to_pylist():
                    if not sink.has(self.wave[shard]):
                        sink.write(self.wave[shard], self.row_groups(rounds, shard))
                    yield from to_batches({"shard": np.array([shard])})

        return tasks.mapInArrow(run, "shard long")

    def row_groups(self, rounds: int, shard: int) -> Iterator[pa.RecordBatch]:
        """The row groups of a shard, as `stages.walks` cuts them."""
        ids = self.plan.ids(self.wave[shard])
        nodes = np.zeros((len(ids), self.plan.config.walk_length), csr.index_dtype(self.plan.n))
        lengths, last = np.zeros(len(ids), np.int64), np.full(len(ids), -1, np.int64)
        for number in range(rounds):
            for sender in range(self.count):
                batch = self.steps.read(number, sender, shard)
                walk, step, node = (batch[name].to_numpy() for name in WalkSteps._fields)
                visit_counts.place_steps(walk - ids.start, step, node, nodes, lengths, last)
        if (last + 1 != lengths).any():
            raise LakeError("the rounds of walks do not fit together: run jobs/walks.py with --force")
        for group in self.plan.groups(self.wave[shard]):
            part = slice(group[0] - ids.start, group[-1] + 1 - ids.start)
            yield VisitCounter(self.plan.n).row_group(group, nodes[part], lengths[part])


def walk_partitioned(
    tasks: Callable[[int], DataFrame], plan: WalkPlan, count: int, graph: BlockStore, starts: BlockStore,
    mail: Callable[[str], ExchangeStore], sink: ShardStore, tell: Callable[[int], None],
) -> int:  # fmt: skip
    """Walk all shards that are not there yet, wave by wave; returns the rounds that this took.

    tasks(k): a DataFrame of k tasks; mail(name): where rounds lie; tell(steps): called with the steps made so far.
    """
    questions = max(plan.config.q, 1 / plan.config.q)  # that a letter may have to ask
    size = max(1, int(WALKERS * count * plan.shards / plan.total / max(1.0, min(questions, MAX_TRIES) / 8)))
    rounds, steps = 0, 0
    for first in range(0, plan.shards, size):
        wave = range(first, min(first + size, plan.shards))
        letters, trail = (mail(f"{what}-{first}-of-{count}") for what in ("letters", "steps"))
        engine = PartitionedWalk(plan, wave, count, graph, starts, letters, trail)
        if not all(sink.has(shard) for shard in wave):
            number = engine.letters.latest(count)
            steps += sum(engine.steps.rows(n, sender) for n in range(number + 1) for sender in range(count))
            left = number < 0 or sum(engine.letters.rows(number, sender) for sender in range(count)) > 0
            while left:
                number += 1
                made = engine.round(tasks(count), number).collect()
                engine.letters.remove(number - 1)
                left, steps = any(row["letters"] for row in made), steps + sum(row["steps"] for row in made)
                tell(steps)
            engine.gathered(tasks(len(wave)), number + 1, sink).collect()
            rounds += number + 1
        engine.letters.remove()
        engine.steps.remove()
    return rounds


def split_by_receiver(tables: Table, receiver: Callable[[pa.Table], np.ndarray], receivers: int) -> Sequence[pa.RecordBatch]:
    """The rows of tables for each receiver."""
    whole = pa.Table.from_batches(tables)
    to = receiver(whole).astype(np.int16 if receivers < 2**15 else np.int64)  # numpy sorts 16 bits by digits
    ends = np.cumsum(np.bincount(to, minlength=receivers))
    ordered = whole.take(pa.array(np.argsort(to, kind="stable"))).combine_chunks()
    cut = (ordered.slice(end - size, size) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True))
    return [part.to_batches()[0] if part.num_rows else pa.RecordBatch.from_pylist([], schema=whole.schema) for part in cut]


def message_receivers(letters: pa.Table, count: int) -> np.ndarray:
    """The block that each letter goes to."""
    asks = letters["candidates"].combine_chunks().value_lengths().to_numpy() > 0
    return np.asarray(np.where(asks, letters["before"].to_numpy(), letters["at"].to_numpy()) % count)


def steps_to_batch(steps: WalkSteps) -> pa.RecordBatch:
    """Steps as rows."""
    return pa.RecordBatch.from_arrays([pa.array(column) for column in steps], names=list(WalkSteps._fields))


def messages_to_batch(letters: WalkerMessages) -> pa.RecordBatch:
    """Letters as rows."""
    heads = {name: pa.array(getattr(letters, name)) for name in WalkerMessages._fields[:7]}
    lists = {
        name: pa.LargeListArray.from_arrays(pa.array(ends), pa.array(getattr(letters, name)))
        for name, ends in (("candidates", letters.ends), ("shares", letters.ends), ("parts", letters.part_ends))
    }
    return pa.RecordBatch.from_pydict(heads | lists)


def batch_to_messages(rows: pa.RecordBatch) -> WalkerMessages:
    """Letters from rows."""
    heads: Any = [rows[name].to_numpy(zero_copy_only=False) for name in WalkerMessages._fields[:7]]
    ends, part_ends = (
        np.concatenate([[0], np.cumsum(rows[name].value_lengths().to_numpy(zero_copy_only=False))]).astype(np.int64)
        for name in ("candidates", "parts")
    )
    candidates, shares, parts = (rows[name].flatten().to_numpy() for name in ("candidates", "shares", "parts"))
    tails: Any = [ends, candidates, shares, part_ends, parts]
    return WalkerMessages(*heads, *tails)
