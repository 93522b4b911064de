"""Tables beyond one machine's memory: every process owns a share of the rows, and borrows those that its walks need.

A batch of walks is trained on compact tables of its rows: its tokens, and a pool of negatives drawn once for the batch. The
rows are fetched from their owners, the CPU kernel trains them, and the owners add the changes of all processes.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import rng
from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu
from walkgram.kernels.sgns.negatives import UnigramTable
from walkgram.kernels.sgns.params import RaggedWalks, SgnsParams, SgnsTables, make_workspace
from walkgram.train import checkpoint
from walkgram.train.data.walks import WalkBatch
from walkgram.train.distributed import ProcessGroup
from walkgram.train.placement.base import NumberedBatch, Schedule, TableSetup, nonfinite_error
from walkgram.train.placement.sharded_embedding import RowShardedEmbedding
from walkgram.train.state import StepResult

__all__ = ["RowSharded", "ShardedTables", "negative_pool", "select_values", "train_sharded"]

SYNC_EVERY = 16  # batches between two agreements on the loss, on saving and on stopping
# Negatives of a batch: for each of its walks, and at least for each of a tile. On a planted graph of 20,000 nodes, walks of 80,
# 8 a walk cost 0.4 points of the neighbours that share a label, 32 cost none.
PER_WALK, PER_NEGATIVE = 32, 32


class ShardedTables(NamedTuple):
    """The in and the out table."""

    vector: RowShardedEmbedding
    context: RowShardedEmbedding


class RowSharded:
    """The in and out table, (n, dim) float32 each, of which process i owns rows i, i + world, ...

    Every step is collective, by one thread. Memory: 8 n dim / world bytes; 12 bytes for every row of the full tables for the
    negatives and subsampling, besides the lookup of `WalkDataset`; some 30 dim for every row that a batch borrows.
    """

    can_roll_back = False

    def __init__(self, setup: TableSetup) -> None:
        self.setup, self.group = setup, setup.group
        rows, dim = setup.num_rows, setup.config.dim
        self.shards = ShardedTables(
            RowShardedEmbedding(rows, dim, self.group, self.init_rows), RowShardedEmbedding(rows, dim, self.group)
        )
        self.pool_seed = rng.derive_seed(setup.config.seed, "pool")
        self.checkpoint_slot = 0

    def init_rows(self, rows: Tensor) -> Tensor:
        """Return (k, dim): the first values of rows (k,) int64 of the in table, equal to those of replicated tables."""
        values = np.empty((len(rows), self.setup.config.dim), np.float32)
        self.setup.fill_rows(values, rows.numpy())
        return torch.from_numpy(values)

    @property
    def rows(self) -> range:
        """The rows that this process owns."""
        return range(self.group.rank, self.setup.num_rows, self.group.world)

    def bind(self, group: ProcessGroup) -> None:
        """Do nothing: the tables are built with their processes."""

    def batches_per_sync(self, walks: int, batch_walks: int) -> int:
        """Return SYNC_EVERY: every step exchanges rows."""
        return SYNC_EVERY

    def train(self, batch: NumberedBatch, schedule: Schedule) -> StepResult:
        """Train on a batch, which may be empty, while the other processes train on theirs. Collective."""
        params, walks, pool = self.setup.params, None, np.empty(0, np.int64)
        if len(batch.walks.walk_ids):
            walks = select_values(batch.walks)
            size = max(PER_WALK * len(walks.walk_ids), PER_NEGATIVE * params.shared_negatives) if params.shared_negatives else 0
            pool = negative_pool(UnigramTable(params.alias_table), self.pool_seed, batch.epoch, batch.number, size)
        loss, weight, tokens, wrong = train_sharded(self.shards, walks, pool, params, schedule, self.setup.loss_stride)
        error = "" if wrong < 0 else nonfinite_error(batch.walks.walk_ids[wrong], schedule.rates[0])
        return StepResult(loss, weight, tokens, error)

    def measure_loss(self, batches: Iterable[WalkBatch], seeds: tuple[int, int]) -> tuple[float, float]:
        """Raise `NotImplementedError`: the configuration refuses validation walks for these tables."""
        raise NotImplementedError("validation walks on row-sharded tables")

    def synchronize(self) -> None:
        """Do nothing: every step exchanges rows."""

    def roll_back(self) -> None:
        """Raise `NotImplementedError`: these tables keep no former values, and a stop is agreed on every SYNC_EVERY batches."""
        raise NotImplementedError("row-sharded tables keep no former values")

    def state_dict(self) -> dict[str, Any]:
        """Write the rows of this process into the slot that the last checkpoint does not use; return its number. Collective.

        The rows of the last checkpoint are not overwritten before that is replaced, and it is replaced when all processes have
        written theirs: whenever a run is killed, the checkpoint has all its rows, of one time.
        """
        name = self.group.broadcast(uuid.uuid4().hex)  # the first process sends it when the last checkpoint is in place
        self.checkpoint_slot = 1 - self.checkpoint_slot
        rows = {"checkpoint": name, "vector": self.shards.vector.local, "context": self.shards.context.local}
        self.setup.slots[self.checkpoint_slot].save(lambda file: torch.save(rows, file))
        self.group.any(False)  # all processes have written
        return {"slot": self.checkpoint_slot, "checkpoint": name}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the rows of this process. Raises `TrainError` where they are damaged or missing."""
        self.checkpoint_slot = int(state["slot"])
        slot = self.setup.slots[self.checkpoint_slot]
        rows = checkpoint.load_checkpoint(slot, ("checkpoint", "vector", "context"))
        if rows is None or rows["checkpoint"] != state["checkpoint"]:
            reason = "missing" if rows is None else "rows of another checkpoint"
            raise TrainError(f"{slot.place}: {reason}: {checkpoint.REMEDY}")
        for table, name in zip(self.shards, ("vector", "context"), strict=True):
            table.local.copy_(rows[name])

    def tables(self) -> tuple[Tensor, Tensor]:
        """Return the rows that this process owns, in shared memory."""
        return self.shards.vector.local, self.shards.context.local

    def write_back(self) -> None:
        """Do nothing: the tables are trained where the caller writes."""


def select_values(walks: WalkBatch) -> WalkBatch:
    """Return the walks with their values alone, without the rest of the row group."""
    ends = np.cumsum(walks.lengths)
    starts = ends - walks.lengths
    places = np.repeat(walks.starts - starts, walks.lengths) + np.arange(ends[-1])
    return WalkBatch(walks.walk_ids, starts, walks.lengths, walks.values[places])


def negative_pool(unigram: UnigramTable, seed: int, epoch: int, number: int, size: int) -> NDArray[np.int64]:
    """Return (size,) int64 rows, with repeats: the negatives of a batch, a function of (seed, epoch, number)."""
    return unigram.draw(seed, (epoch << 32) + number, size)


def train_sharded(
    tables: ShardedTables,
    walks: WalkBatch | None,
    pool: NDArray[np.int64],
    params: SgnsParams,
    schedule: Schedule,
    loss_stride: int,
) -> tuple[float, float, int, int]:
    """Train on walks with no other values in their batch; None where this process has none, and others have some.

    Return as `cpu.train_walks`. Collective. pool (m,) int64: the batch's `negative_pool`, from which every tile takes its
    negatives with equal chances; params.alias_table is not used. The last number of the result is that of this process alone.
    """
    if walks is not None and params.shared_negatives and not len(pool):
        raise ValueError("a batch needs a pool of negatives")
    values = np.empty(0, np.int32) if walks is None else walks.values
    pool = pool[:0] if walks is None else pool
    tokens = np.unique(values).astype(np.int64)
    rows = np.union1d(tokens, pool)
    token_rows, all_rows = torch.from_numpy(tokens), torch.from_numpy(rows)
    places = torch.from_numpy(np.searchsorted(rows, tokens))
    old_vector, old_context = tables.vector.gather_rows(token_rows), tables.context.gather_rows(all_rows)
    # A coin of 0, one in 2^32, takes the slot's number for a row: with as many rows as slots there is such a row.
    height, dim = max(len(rows), len(pool)), tables.vector.dim
    vector, context = torch.zeros(height, dim), torch.zeros(height, dim)
    vector[places], context[: len(rows)] = old_vector.cpu(), old_context.cpu()
    compact, result = params._replace(keep_probability=params.keep_probability[rows]), (0.0, 0.0, 0, -1)
    workspace = make_workspace(compact, height, dim, with_step_curvature=True)
    if walks is not None:
        alias_table = np.zeros((len(pool), 2), np.uint32)
        alias_table[:, 1] = np.searchsorted(rows, pool)
        compact_rows = np.searchsorted(rows, values).astype(np.int32)
        result = cpu.train_walks(
            SgnsTables(vector.numpy(), context.numpy()),
            RaggedWalks(compact_rows, walks.starts, walks.lengths, walks.walk_ids),
            compact._replace(alias_table=alias_table),
            workspace,
            schedule.seeds,
            schedule.rates,
            loss_stride,
        )
    curvature = torch.from_numpy(workspace.step_curvature)
    tables.vector.scatter_add(token_rows, vector[places].to(old_vector) - old_vector, curvature[0][places])
    tables.context.scatter_add(all_rows, context[: len(rows)].to(old_context) - old_context, curvature[1][: len(rows)])
    return result
