"""Tables beyond one machine's memory: every process owns a share of the rows, and borrows those that its walks need.

A chunk of walks is trained on compact tables of its own rows: its tokens, and a pool of negatives drawn once for the chunk.
The rows are fetched from their owners, `cpu.train_walks` moves them, and the owners add the changes of all processes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu
from walkgram.kernels.sgns.negatives import UnigramTable
from walkgram.train.distributed import ProcessGroup, delta_scale, saturation

__all__ = ["RowShardedEmbedding", "ShardedBatch", "negative_pool", "train_sharded"]


class ShardedBatch(NamedTuple):
    """Some walks: values (t,) int32 rows of the tables; starts, lengths, ids (m,) int64; its number, no other chunk's."""

    values: NDArray[np.int32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ids: NDArray[np.int64]
    number: int


class RowShardedEmbedding:
    """A table (n, dim) float32 of which process i owns rows i, i + world, ...: 4 n dim / world bytes at each.

    `made(rows)` gives the first values (k, dim) of rows (k,) int64; zeros without it. Every call is collective.
    """

    def __init__(self, n: int, dim: int, peers: ProcessGroup, made: Callable[[Tensor], Tensor] | None = None) -> None:
        self.n, self.dim, self.peers = n, dim, peers
        rows = torch.arange(peers.rank, n, peers.world)
        self.local = torch.zeros(len(rows), dim)
        for low in range(0, len(rows) if made else 0, 1 << 16):
            self.local[low : low + (1 << 16)] = made(rows[low : low + (1 << 16)]).to(self.local)  # type: ignore[misc]

    def fetch(self, rows: Tensor) -> Tensor:
        """(k, dim): the rows (k,) int64, distinct, of whatever owners. Bytes received: 4 dim + 8 a row."""
        order, wanted, sizes, asked = self.ask(rows)
        out = torch.empty(len(rows), self.dim, device=self.local.device)
        out[order] = self.exchange(self.local[wanted // self.peers.world], asked, sizes)
        return out

    def push(self, rows: Tensor, changes: Tensor, pace: Tensor) -> None:
        """Add changes (k, dim) to rows (k,) int64, distinct here; pace (k,) float32 as in `Peers.combine`.

        Of a row that several processes change it is the sum, in their order, times its `share`.
        """
        order, wanted, sizes, asked = self.ask(rows)
        came, pace = (self.exchange(x.to(self.local)[order], sizes, asked) for x in (changes, pace))
        distinct, back = wanted.unique(return_inverse=True)
        sums = torch.zeros(2, len(distinct)).index_add_(1, back, torch.stack([pace, saturation(pace)]))
        came *= delta_scale(*sums)[back, None]
        for to, change in zip((wanted // self.peers.world).split(asked), came.split(asked), strict=True):
            self.local[to] += change  # distinct within a process: no two of these meet

    def ask(self, rows: Tensor) -> tuple[Tensor, Tensor, list[int], list[int]]:
        """Tell each owner which rows are meant.

        (the order of the rows by owner; those that the others want of this one; how many go to each owner; how many from each).
        """
        rows = rows.to(self.local.device)
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.n:
            raise TrainError(f"rows {int(rows.min())} to {int(rows.max())} of a table of {self.n}")
        owner = rows % self.peers.world
        order = torch.argsort(owner, stable=True)
        count = torch.bincount(owner, minlength=self.peers.world)
        ones = [1] * self.peers.world
        sizes, asked = count.tolist(), self.exchange(count, ones, ones).tolist()
        return order, self.exchange(rows[order], sizes, asked), sizes, asked

    def exchange(self, values: Tensor, sizes: list[int], asked: list[int]) -> Tensor:
        """Send the first sizes[0] rows to process 0, the next to 1, ...; what came, asked[0] rows of process 0 first."""
        if self.peers.world == 1:
            return values
        out = values.new_empty((sum(asked), *values.shape[1:]))
        self.peers.call(dist.all_to_all_single, out, values.contiguous(), asked, sizes)
        return out


def negative_pool(uniform: UnigramTable, seed: int, epoch: int, number: int, size: int) -> NDArray[np.int64]:
    """(size,) int64 rows, repeats among them: the negatives of a chunk, a function of (seed, epoch, number)."""
    return uniform.draw(seed, (epoch << 32) + number, size)


def train_sharded(
    vector: RowShardedEmbedding, context: RowShardedEmbedding, chunk: ShardedBatch | None, drawn: NDArray[np.int64],
    law: cpu.SgnsParams, keys: tuple[int, int], rates: tuple[float, float], every: int,
) -> tuple[float, float, int, int]:  # fmt: skip
    """Train on a chunk (None: nothing of one's own, while others have some); returns and arguments are `cpu.train_walks`'s.

    drawn (m,) int64: the chunk's `pool`, from which every tile takes its negatives with equal chances, not the alias_table.
    Collective. The last number of the result tells of a row that is not finite, at the process alone whose walks met it.
    """
    if chunk is not None and law.shared_negatives and not len(drawn):
        raise ValueError("a chunk needs a pool of negatives")
    values = np.empty(0, np.int32) if chunk is None else chunk.values
    drawn = drawn[:0] if chunk is None else drawn
    tokens = np.unique(values).astype(np.int64)
    rows = np.union1d(tokens, drawn)
    mine, all_of = torch.from_numpy(tokens), torch.from_numpy(rows)
    places = torch.from_numpy(np.searchsorted(rows, tokens))
    old_vector, old_context = vector.fetch(mine), context.fetch(all_of)
    # A coin of 0, one in 2^32, takes the slot's own number for a row: with as many rows as slots it is one, if another.
    height = max(len(rows), len(drawn))
    tables = [torch.zeros(height, vector.dim), torch.zeros(height, context.dim)]
    tables[0][places], tables[1][: len(rows)] = old_vector.cpu(), old_context.cpu()
    compact, found = law._replace(keep_probability=law.keep_probability[rows]), (0.0, 0.0, 0, -1)
    room = cpu.make_workspace(compact, height, vector.dim, with_step_curvature=True)
    if chunk is not None:
        slots = np.zeros((len(drawn), 2), np.uint32)
        slots[:, 1] = np.searchsorted(rows, drawn)
        compact = compact._replace(alias_table=slots)
        found = cpu.train_walks(
            cpu.EmbeddingTables(tables[0].numpy(), tables[1].numpy()),
            cpu.RaggedWalks(np.searchsorted(rows, values).astype(np.int32), chunk.starts, chunk.lengths, chunk.ids),
            compact,
            room,
            keys,
            rates,
            every,
        )
    pace = torch.from_numpy(room.step_curvature)
    vector.push(mine, tables[0][places].to(old_vector) - old_vector, pace[0][places])
    context.push(all_of, tables[1][: len(rows)].to(old_context) - old_context, pace[1][: len(rows)])
    return found
