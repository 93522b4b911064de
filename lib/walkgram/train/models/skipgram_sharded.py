"""Objective `skipgram` on tables that no process holds whole: a batch of walks borrows its rows (`row_sharded`)."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import rng
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.sgns.negatives import UnigramTable
from walkgram.train import checkpoint
from walkgram.train.data import walks
from walkgram.train.distributed import ProcessGroup, walks_per_sync
from walkgram.train.models import skipgram
from walkgram.train.placement import row_sharded
from walkgram.train.state import StepResult

__all__ = ["RowShardedSkipgram"]

EVERY = 16  # batches from one agreement on the loss, on saving and on stopping to the next
# Negatives drawn for a batch: for each of its walks, and at least for each of a tile. On a planted graph of 20,000 nodes, walks
# of 80, 8 a walk cost 0.4 points of the neighbours that share a label, 32 cost none.
FOR_A_WALK, FOR_A_NEGATIVE = 32, 32


class RowShardedSkipgram:
    """In and out tables (n, dim) float32, of which process i owns rows i, i + world, ...; the steps and rates of `Skipgram`.

    counts (n,) int64: tokens of each row; kept: two places for this process's rows. Every step is collective. Memory: 8 n dim /
    world bytes; 12 a row of the whole tables for the negatives and subsampling, besides what `Walks` holds; some 30 dim a row
    that a batch borrows, of its tokens and its negatives.
    """

    def __init__(
        self,
        walks: walks.WalkDataset,
        counts: NDArray[np.int64],
        config: Train,
        peers: ProcessGroup,
        kept: Sequence[checkpoint.CheckpointSlot],
    ) -> None:
        self.walks, self.config, self.peers, self.kept = walks, config, peers, kept
        self.law = skipgram.make_params(config, counts)
        self.vector = row_sharded.RowShardedEmbedding(len(counts), config.dim, peers, self.start)
        self.context = row_sharded.RowShardedEmbedding(len(counts), config.dim, peers)
        self.order_seed, self.pool_seed = (rng.derive_seed(config.seed, name) for name in ("order", "pool"))
        self.every = skipgram.loss_stride(walks.total)
        self.tokens = int(counts.sum())
        self.size, self.turn = config.skipgram.batch_walks, 0

    def start(self, rows: Tensor) -> Tensor:
        """(k, dim): the first values of rows (k,) int64 of the in table, those of `Skipgram`."""
        values = np.empty((len(rows), self.config.dim), np.float32)
        skipgram.init_vectors(values, rng.derive_seed(self.config.seed, "tables"), self.config.skipgram.init_norm, rows.numpy())
        return torch.from_numpy(values)

    def join(self, peers: ProcessGroup) -> int:
        """Share the walks with the processes that share the tables; batches between two agreements, 0 where alone."""
        self.walks.part = peers.rank, peers.world
        if peers.world == 1:
            return 0
        length = self.tokens / max(1, self.walks.total)
        self.size = min(self.size, walks_per_sync(self.vector.n, length, peers.world, self.config.sync_tokens))
        return EVERY

    def exchange(self) -> None:
        """Every step has done it."""

    def steps(self) -> int:
        """Batches of an epoch."""
        return self.walks.count(self.size)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[tuple[int, int, walks.WalkBatch]]:
        """(epoch, number, walks) in the order of (seed, epoch); of the epoch's batches at all processes, each its own."""
        for number, chunk in enumerate(self.walks.batches(self.size, self.order_seed, epoch, skip), skip):
            yield epoch, number * self.peers.world + self.peers.rank, chunk

    def step(self, batch: tuple[int, int, walks.WalkBatch], progress: float, following: float) -> StepResult:
        """Train on some walks, or none, while the other processes do; by one thread."""
        epoch, number, walks = batch
        rates = self.rate(progress), self.rate(following)
        chunk, drawn = None, np.empty(0, np.int64)
        if len(walks.walk_ids):
            chunk = copy_walks(walks, number)
            shared = self.law.shared_negatives
            size = max(FOR_A_WALK * len(walks.walk_ids), FOR_A_NEGATIVE * shared) if shared else 0
            drawn = row_sharded.negative_pool(UnigramTable(self.law.alias_table), self.pool_seed, epoch, number, size)
        keys = skipgram.epoch_seeds(self.config.seed, epoch)
        tables = self.vector, self.context
        loss, weight, tokens, wrong = row_sharded.train_sharded(*tables, chunk, drawn, self.law, keys, rates, self.every)
        reason = "" if wrong < 0 else f"a vector of walk {walks.walk_ids[wrong]} is not finite, rate {rates[0]:.3g}"
        return StepResult(loss, weight, tokens, reason)

    def rate(self, progress: float) -> float:
        """The rate when `progress` (0 to 1) of all epochs is done."""
        return skipgram.learning_rate_at(self.config.skipgram, progress)

    def measure(self) -> None:
        """Nothing is held out."""

    def state(self) -> dict[str, Any]:
        """Write the own rows where the last checkpoint's are not; which of the two places that is. Collective.

        The rows that the last checkpoint names are not written over before it is replaced, and it is replaced when all
        processes have written theirs: whenever a run is killed, the checkpoint that is there has all its rows, of one time.
        """
        name = self.peers.told(uuid.uuid4().hex)  # the first process says it when the last checkpoint is in place
        self.turn = 1 - self.turn
        rows = {"of": name, "vector": self.vector.local, "context": self.context.local}
        self.kept[self.turn].save(lambda file: torch.save(rows, file))
        self.peers.any(False)  # all have written
        return {"turn": self.turn, "of": name}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state. Raises `TrainError` where this process's rows are damaged or gone."""
        self.turn = int(state["turn"])
        kept = self.kept[self.turn]
        rows = checkpoint.load_checkpoint(kept, ("of", "vector", "context"))
        if rows is None or rows["of"] != state["of"]:
            raise TrainError(f"{kept.place}: {'gone' if rows is None else 'of another checkpoint'}: {checkpoint.ANEW}")
        self.vector.local.copy_(rows["vector"])
        self.context.local.copy_(rows["context"])

    def counts(self) -> dict[str, int]:
        """Nothing beyond the loop's."""
        return {}

    @property
    def rows(self) -> range:
        """Those that this process owns."""
        return range(self.peers.rank, self.vector.n, self.peers.world)

    def vectors(self) -> tuple[Tensor, Tensor | None]:
        """The own rows of the in table and the out table, or their mean alone."""
        if self.config.skipgram.output == "mean":
            return self.vector.local.add(self.context.local).div_(2), None
        return self.vector.local, self.context.local


def copy_walks(walks: walks.WalkBatch, number: int) -> row_sharded.ShardedBatch:
    """The walks with their own values alone, not the row group's."""
    ends = np.cumsum(walks.lengths)
    starts = ends - walks.lengths
    places = np.repeat(walks.starts - starts, walks.lengths) + np.arange(ends[-1])
    return row_sharded.ShardedBatch(walks.values[places], starts, walks.lengths, walks.walk_ids, number)
