"""graph partitions -> walks, for graphs larger than one machine's memory: each task maps one partition, and walkers move.

The computation is bulk synchronous (Malewicz et al. 2010, Pregel). All walkers of a wave of shards walk at once. In a
superstep every task reads the messages to its partition, advances these walkers until they leave it, and writes their steps
and their messages to other partitions. A step of a walk takes at most two supersteps. Supersteps are stored on the lake: an
interrupted run continues after the last superstep that all tasks have finished. When no messages are left, the steps are
assembled into shards. They equal the shards of `stages.walks.walks`, byte by byte.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.errors import LakeError, name_jobs
from walkgram.kernels.graph import csr, edge_records
from walkgram.kernels.walks import visit_counts
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, WalkSteps, initial_walkers
from walkgram.kernels.walks.partitioned_walk import advance_partition
from walkgram.kernels.walks.walk import MAX_TRIES
from walkgram.stages.ports import BlockStore, ExchangeStore, ShardStore, to_batches
from walkgram.stages.walks.message_batches import (
    batch_to_messages,
    message_receivers,
    messages_to_batch,
    split_by_receiver,
    steps_to_batch,
)
from walkgram.stages.walks.walks import VisitCounter, WalkPlan, walk_params

__all__ = ["PartitionedWalk", "walk_partitioned"]

WALKERS = 1 << 23  # walkers of a wave for each partition: about 1 GB in its task, half of it on the lake
SUPERSTEP_SCHEMA = "messages long, steps long"


@dataclass(frozen=True)
class PartitionedWalk:
    """One wave of shards. graph, starts: blocks; messages: sent to partitions; steps: sent to the shards of the wave."""

    plan: WalkPlan
    wave: range
    num_partitions: int
    graph: BlockStore
    starts: BlockStore
    messages: ExchangeStore
    steps: ExchangeStore

    def run_superstep(self, tasks: DataFrame, superstep: int) -> DataFrame:
        """Run a superstep of the partitions `id` of `tasks`; returns the number of messages and steps of each."""

        def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            self.plan.setup.apply()
            for batch in batches:
                for partition in batch["id"].to_pylist():
                    if not self.messages.has(superstep, partition):  # an earlier attempt may have written them
                        self.run_partition(superstep, partition)
                    counts = {
                        "messages": self.messages.rows(superstep, partition),
                        "steps": self.steps.rows(superstep, partition),
                    }
                    yield from to_batches({name: np.array([count]) for name, count in counts.items()})

        return tasks.mapInArrow(run, SUPERSTEP_SCHEMA)

    def run_partition(self, superstep: int, partition: int) -> None:
        """Advance the walkers of a partition; write their steps, then their messages, which mark the task as finished."""
        params, starts = walk_params(self.plan.config), self.starts.open(0)["nodes"]
        arrays = edge_records.unpack_block(self.graph.open(partition))
        rows = GraphPartition(
            indptr=arrays["indptr"],
            indices=arrays["indices"],
            alias_table=arrays["alias_table"],
            reverse_probabilities=arrays["reverse_probabilities"],
            number=partition,
            num_partitions=self.num_partitions,
        )
        no_messages, no_steps = initial_walkers(np.empty(0, np.int64), np.empty(0, csr.index_dtype(self.plan.n)))
        messages, steps = [messages_to_batch(no_messages)], [steps_to_batch(no_steps)]  # fix the columns if nothing is sent
        if superstep == 0:
            received = self.start_walkers(partition, starts, steps)
        else:
            received = self.receive_messages(superstep, partition)
        for walkers in received:
            new_messages, new_steps = advance_partition(rows, params, starts, walkers)
            messages += map(messages_to_batch, new_messages)
            steps += map(steps_to_batch, new_steps)
        first_ids = np.array([self.plan.walk_ids(shard).start for shard in self.wave])
        shard_of_step = np.searchsorted(first_ids, walk_of_steps(steps), "right") - 1
        self.steps.write(superstep, partition, split_by_receiver(steps, shard_of_step, len(first_ids)))
        receivers = message_receivers(messages, self.num_partitions)
        self.messages.write(superstep, partition, split_by_receiver(messages, receivers, self.num_partitions))

    def start_walkers(self, partition: int, starts: np.ndarray, steps: list[pa.RecordBatch]) -> Iterator[WalkerMessages]:
        """Return the wave's walkers that start in a partition, and append their first steps to `steps`."""
        for shard in self.wave:
            for walk_ids in self.plan.row_groups(shard):
                first = starts[walk_ids % len(starts)].astype(csr.index_dtype(self.plan.n))
                is_local = first % self.num_partitions == partition
                walkers, first_steps = initial_walkers(walk_ids[is_local], first[is_local])
                steps.append(steps_to_batch(first_steps))
                yield walkers

    def receive_messages(self, superstep: int, partition: int) -> Iterator[WalkerMessages]:
        """Read the messages of the previous superstep to a partition, sender by sender."""
        for sender in range(self.num_partitions):
            yield batch_to_messages(self.messages.read(superstep - 1, sender, partition))

    def assemble_shards(self, tasks: DataFrame, num_supersteps: int, shards: ShardStore) -> DataFrame:
        """Assemble the steps of all supersteps into the shards `id` of `tasks`, counted from the wave's first shard."""

        def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for shard in batch["id"].to_pylist():
                    if not shards.has(self.wave[shard]):
                        shards.write(self.wave[shard], self.assemble_row_groups(num_supersteps, shard))
                    yield from to_batches({"shard": np.array([shard])})

        return tasks.mapInArrow(run, "shard long")

    def assemble_row_groups(self, num_supersteps: int, shard: int) -> Iterator[pa.RecordBatch]:
        """Assemble the row groups of a shard as `stages.walks.walks` splits them."""
        walk_ids = self.plan.walk_ids(self.wave[shard])
        nodes = np.zeros((len(walk_ids), self.plan.config.walk_length), csr.index_dtype(self.plan.n))
        lengths, last_steps = np.zeros(len(walk_ids), np.int64), np.full(len(walk_ids), -1, np.int64)
        for superstep in range(num_supersteps):
            for sender in range(self.num_partitions):
                batch = self.steps.read(superstep, sender, shard)
                walk_id, step, node = (batch[name].to_numpy() for name in WalkSteps._fields)
                visit_counts.place_steps(walk_id - walk_ids.start, step, node, nodes, lengths, last_steps)
        if (last_steps + 1 != lengths).any():
            raise LakeError(f"steps of walks are missing between supersteps: run {name_jobs('walks')} with --force")
        for group in self.plan.row_groups(self.wave[shard]):
            rows = slice(group[0] - walk_ids.start, group[-1] + 1 - walk_ids.start)
            yield VisitCounter(self.plan.n).pack_walks(group, nodes[rows], lengths[rows])


def walk_of_steps(steps: Sequence[pa.RecordBatch]) -> np.ndarray:
    """Return the walk_id of each step."""
    return np.asarray(pa.Table.from_batches(steps)["walk_id"].to_numpy())


def walk_partitioned(
    tasks: Callable[[int], DataFrame], plan: WalkPlan, num_partitions: int, graph: BlockStore, starts: BlockStore,
    exchange: Callable[[str], ExchangeStore], shards: ShardStore, report_steps: Callable[[int], None],
) -> int:  # fmt: skip
    """Write all shards of walks that do not exist yet, wave by wave; returns the number of supersteps.

    tasks(k): a DataFrame of k tasks; exchange(name): a store of supersteps; report_steps(steps): called after each superstep
    with the number of steps so far.
    """
    ratio = max(plan.config.q, 1 / plan.config.q)  # bounds the candidates of a message, and thereby its size
    candidates = max(1.0, min(ratio, MAX_TRIES) / 8)
    wave_size = max(1, int(WALKERS * num_partitions * plan.num_shards / plan.num_walks / candidates))
    num_supersteps, num_steps = 0, 0
    for first in range(0, plan.num_shards, wave_size):
        wave = range(first, min(first + wave_size, plan.num_shards))
        messages, steps = (exchange(f"{name}-{first}-of-{num_partitions}") for name in ("messages", "steps"))
        engine = PartitionedWalk(plan, wave, num_partitions, graph, starts, messages, steps)
        if not all(shards.has(shard) for shard in wave):
            superstep = messages.latest(num_partitions)
            num_steps += sum(steps.rows(k, sender) for k in range(superstep + 1) for sender in range(num_partitions))
            is_active = superstep < 0 or sum(messages.rows(superstep, sender) for sender in range(num_partitions)) > 0
            while is_active:
                superstep += 1
                rows = engine.run_superstep(tasks(num_partitions), superstep).collect()
                messages.remove(superstep - 1)
                is_active = any(row["messages"] for row in rows)
                num_steps += sum(row["steps"] for row in rows)
                report_steps(num_steps)
            engine.assemble_shards(tasks(len(wave)), superstep + 1, shards).collect()
            num_supersteps += superstep + 1
        messages.remove()
        steps.remove()
    return num_supersteps
