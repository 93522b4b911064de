"""Training with several processes: who they are, what they agree on, and tables that all of them hold and train at once.

The processes are started by torchrun or by pyspark's TorchDistributor, and find each other by RANK, WORLD_SIZE, MASTER_ADDR
and MASTER_PORT. Every operation is collective: all processes call the same ones in the same order. Where one process fails,
the others get a `TrainError` at their next operation. With one process nothing is exchanged, and no group is needed.
`walkgram.train.sharded` has the tables that no process holds whole.
"""

import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from walkgram.errors import TrainError

__all__ = ["DAMPING", "Peers", "joined", "walks_between"]

BLOCK = 8 << 20  # bytes of rows, or of counts, in one exchange
DAMPING = 0.5  # between the sum, which diverges with 4 processes, and the mean, which falls behind with 8
TOKENS = 4  # a row of the tables, by all processes between two exchanges: 15 cost some quality, 60 much of it
NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
Batch = TypeVar("Batch")


def joined(device: str | torch.device = "cpu", seconds: float = 1800) -> "Peers":
    """Join the processes that the environment names; gloo where `device` is a CPU, nccl where it is a GPU.

    A process alone (no WORLD_SIZE, or 1) joins nothing. A GPU without a number becomes that of LOCAL_RANK. `seconds`: how long
    any operation waits for the others, so more than the longest stretch of training between two. Raises `TrainError` where
    the environment is incomplete, or where the others do not come in time.
    """
    device = torch.device(device)
    world = number(os.environ, "WORLD_SIZE", 1)
    if world == 1:
        return Peers(0, 1, device, seconds)
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        raise TrainError(f"WORLD_SIZE is {world}, but {', '.join(missing)} is not set: start the trainer with torchrun")
    rank = number(os.environ, "RANK", 0)
    if not 0 <= rank < world:
        raise TrainError(f"RANK is {rank}, and must be below WORLD_SIZE, which is {world}")
    if device.type == "cuda":
        device = torch.device("cuda", number(os.environ, "LOCAL_RANK", 0) if device.index is None else device.index)
        torch.cuda.set_device(device)
    if dist.is_initialized():
        raise TrainError("this process is in a torch.distributed group already: leave it first")
    try:
        limit = datetime.timedelta(seconds=seconds)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=limit, rank=rank, world_size=world)
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise TrainError(
            f"process {rank} of {world} could not join the others at {place} within {seconds:g} s ({first_line(error)}): "
            "check that all were started, and that they reach that address"
        ) from None
    peers = Peers(rank, world, device, seconds)
    peers.sum([0.0])  # nobody goes on, or fails, while another is still joining
    return peers


def walks_between(n: int, length: float, world: int) -> int:
    """Walks, of `length` nodes, that each of `world` processes trains between two exchanges of tables of n rows; 1 or more."""
    return max(1, int(TOKENS * n / (length * world)))


def number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A variable of the environment as a whole number. Raises `TrainError` for anything else."""
    value = environment.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise TrainError(f"{name} is {value!r} in the environment, and must be a whole number") from None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, cut."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


class Peers:
    """This process among `world` of them, and what they do together; leaves the group at the end of a `with`."""

    def __init__(self, rank: int, world: int, device: torch.device, seconds: float) -> None:
        self.rank, self.world, self.device, self.seconds = rank, world, device, seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave(failed=kind is not None)

    def leave(self, failed: bool = False) -> None:
        """Leave the group, once all have come to their end; at once where this process has `failed`."""
        if self.world > 1 and dist.is_initialized():
            try:
                if not failed:
                    self.sum([0.0])  # who leaves first would break what the others still exchange
            finally:
                dist.destroy_process_group()

    def call(self, operation: Callable[..., object], *values: object, **options: object) -> None:
        """One operation of torch.distributed. Raises `TrainError` where another process is gone or too late."""
        try:
            operation(*values, **options)
        except RuntimeError as error:
            raise TrainError(
                f"process {self.rank} of {self.world}: another process has failed, or did not answer within "
                f"{self.seconds:g} s ({first_line(error)}): see what the others say"
            ) from None

    def any(self, flag: bool) -> bool:
        """Whether the flag is set at any process."""
        return self.sum([float(flag)])[0] > 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, in double precision and equal at all of them."""
        if self.world == 1:
            return [float(value) for value in values]
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        self.call(dist.all_reduce, total)
        return [float(value) for value in total]

    def together(self, batches: Iterable[Batch]) -> Iterator[Batch | None]:
        """The batches of this process, and None from their end until every process has come to its own.

        All processes take the same number of turns, so each may do collective operations in a turn. One small exchange a turn.
        """
        left = iter(batches)
        while True:
            batch = next(left, None)
            if not self.any(batch is not None):
                return
            yield batch

    def base(self, table: Tensor) -> Tensor:
        """What `combine` keeps of a table (n, dim): a copy of rows rank, rank + world, ...; 1 / world of its bytes."""
        return table[self.rank :: self.world].clone() if self.world > 1 else table[:0]

    def combine(
        self, tables: Sequence[Tensor], touched: Sequence[Tensor], base: Sequence[Tensor] | None, damping: float = DAMPING
    ) -> None:
        """Make tables equal again that were equal after the last call, and were trained by each process since.

        tables: each (n, dim) float32, moved in place; touched: each (n,) bool, the rows that this process may have moved.
        A row that k processes touched moves by the sum of their changes over k^damping: 1 makes it the mean of theirs, 0
        adds them up. Below 1 it takes `base` (of `self.base` before training), which moves along. Rows of one process are
        taken from it, those of none stay. A row flagged but not moved counts in k. The result is the same at all processes,
        bit for bit. Memory: a few BLOCKs. Bytes sent by each: about 8 dim a row that any process touched, and 8 n.
        """
        if base is None and damping != 1:
            raise ValueError("a damping below 1 needs base")
        if self.world == 1:
            return
        for which, (table, flags) in enumerate(zip(tables, touched, strict=True)):
            kept, step = None if base is None or damping == 1 else base[which], BLOCK // 4
            for low in range(0, len(table), step):
                mine = flags[low : low + step].to(self.device, torch.bool)
                counts = mine.to(torch.int32)
                self.call(dist.all_reduce, counts)
                for part in counts.nonzero()[:, 0].split(max(1, BLOCK // (4 * table.shape[1]))):
                    self.merge(table, low + part, mine[part], counts[part], kept, damping)

    def merge(self, table: Tensor, rows: Tensor, mine: Tensor, counts: Tensor, base: Tensor | None, damping: float) -> None:
        """`combine` for a few rows (k,); mine (k,) bool; counts (k,) int32 of the processes that touched each, 1 or more."""
        share = counts.to(table.dtype).pow(-damping)
        values = table[rows] * share[:, None]
        values[~mine] = 0
        if base is not None:  # b + share * sum of (x - b) = sum of share * x + (1 - count * share) * b: one process needs b
            own = rows % self.world == self.rank
            at = rows[own] // self.world
            values[own] += (1 - counts[own] * share[own])[:, None] * base[at]
        self.call(dist.all_reduce, values)
        if base is not None:
            base[at] = values[own]
        table[rows] = values
