"""Training with several processes: who they are, what they agree on, and tables that all of them hold and train at once.

The processes are started by torchrun or by pyspark's TorchDistributor, and find each other by RANK, WORLD_SIZE, MASTER_ADDR
and MASTER_PORT. Every operation is collective: all processes call the same ones in the same order. Where one process fails,
the others get a `TrainError` at their next operation. With one process nothing is exchanged, and no group is needed.
`walkgram.train.placement.row_sharded` has the tables that no process holds whole.
"""

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor

from walkgram.errors import TrainError

__all__ = [
    "SINGLE_PROCESS",
    "ProcessGroup",
    "current_group",
    "delta_scale",
    "init_process_group",
    "read_int_variable",
    "saturation",
    "walks_per_sync",
    "world_size",
]

BLOCK = 8 << 20  # bytes of rows, or of counts, in one exchange
# Of the curvature's bound, what the gradients of a row see of it: tried with 2 to 8 processes on graphs with weak communities
# (more: rows that have just left the origin are held back) and with hubs (less: they diverge).
CURVATURE_DAMPING = 0.05
WAIT = 1800.0  # seconds
NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def world_size() -> int:
    """How many processes were started together, as the environment has it; 1 where it says nothing."""
    return read_int_variable(os.environ, "WORLD_SIZE", 1)


def current_group() -> "ProcessGroup":
    """Those that this process has joined; itself alone where it has joined none."""
    there = dist.is_available() and dist.is_initialized()
    return ProcessGroup(dist.get_rank(), dist.get_world_size()) if there else ProcessGroup()


def init_process_group(seconds: float = WAIT) -> "ProcessGroup":
    """Join the processes that the environment names: gloo between CPUs, nccl between GPUs.

    A process alone (no WORLD_SIZE, or 1) joins nothing. Of a machine's GPUs a process has that of its LOCAL_RANK. `seconds`:
    how long any operation waits for the others, so more than the longest stretch of training between two. Raises `TrainError`
    where the environment is incomplete, or where the others do not come in time.
    """
    world = world_size()
    if world == 1:
        return ProcessGroup(0, 1, seconds)
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        raise TrainError(f"WORLD_SIZE is {world}, but {', '.join(missing)} is not set: start the trainer with torchrun")
    rank = read_int_variable(os.environ, "RANK", 0)
    if not 0 <= rank < world:
        raise TrainError(f"RANK is {rank}, and must be below WORLD_SIZE, which is {world}")
    if dist.is_initialized():
        raise TrainError("this process is in a torch.distributed group already: leave it first")
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(read_int_variable(os.environ, "LOCAL_RANK", 0) % torch.cuda.device_count())
    try:
        dist.init_process_group(backend, timeout=datetime.timedelta(seconds=seconds), rank=rank, world_size=world)
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise TrainError(
            f"process {rank} of {world} could not join the others at {place} within {seconds:g} s ({first_line(error)}): "
            "check that all were started, and that they reach that address"
        ) from None
    peers = ProcessGroup(rank, world, seconds)
    peers.sum([0.0])  # nobody goes on, or fails, while another is still joining
    return peers


def walks_per_sync(n: int, length: float, world: int, tokens: float) -> int:
    """Walks, of `length` nodes, that each of `world` processes trains between two exchanges of tables of n rows; 1 or more.

    tokens: how many all processes take for each row meanwhile.
    """
    return max(1, int(tokens * n / (max(1.0, length) * world)))


def read_int_variable(environment: Mapping[str, str], name: str, default: int) -> int:
    """A variable of the environment as a whole number. Raises `TrainError` for anything else."""
    value = environment.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise TrainError(f"{name} is {value!r} in the environment, and must be a whole number") from None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, cut."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


class ProcessGroup:
    """This process among `world` of them, and what they do together; leaves the group at the end of a `with`."""

    def __init__(self, rank: int = 0, world: int = 1, seconds: float = WAIT) -> None:
        self.rank, self.world, self.seconds = rank, world, seconds

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
        total = torch.tensor(values, dtype=torch.float64)
        self.call(dist.all_reduce, total)
        return [float(value) for value in total]

    def told(self, what: Any = None) -> Any:
        """What process 0 has given, whatever can be pickled, at all of them."""
        found = [what]
        if self.world > 1:
            self.call(dist.broadcast_object_list, found, src=0)
        return found[0]

    def same(self, what: Any) -> bool:
        """Whether it is equal at all processes; what can be pickled and compared."""
        return not self.any(self.told(what) != what)

    def base(self, table: Tensor) -> Tensor:
        """What `combine` keeps of a table (n, dim): a copy of rows rank, rank + world, ...; 1 / world of its bytes."""
        return table[self.rank :: self.world].clone() if self.world > 1 else table[:0]

    def combine(self, tables: Sequence[Tensor], paces: Sequence[Tensor], base: Sequence[Tensor]) -> None:
        """Make tables equal again that were equal after the last call, and were trained by each process since.

        tables: each (n, dim) float32 or bfloat16, moved in place; paces: each (n,) float32, the sum of a row's steps here times
        their curvatures, 0 where it was not moved; base: `self.base` of each table before training, which moves along.
        A row moves by the sum of the processes' changes times its `share`. Rows of one process are taken from it, those of
        none stay. The result is the same at all processes, bit for bit. Memory: a few BLOCKs. Bytes sent by each: about 8 dim
        a row that any process moved, and 24 n.
        """
        if self.world == 1:
            return
        for table, pace, kept in zip(tables, paces, base, strict=True):
            step = BLOCK // 12
            for low in range(0, len(table), step):
                mine = pace[low : low + step].to(table.device)
                sums = torch.stack([(mine > 0).to(mine.dtype), mine, saturation(mine)])
                self.call(dist.all_reduce, sums)
                for part in sums[0].nonzero()[:, 0].split(max(1, BLOCK // (4 * table.shape[1]))):
                    self.merge(table, low + part, mine[part] > 0, sums[0, part], delta_scale(*sums[1:, part]), kept)

    def merge(self, table: Tensor, rows: Tensor, mine: Tensor, counts: Tensor, share: Tensor, base: Tensor) -> None:
        """`combine` for a few rows (k,); mine (k,) bool; counts (k,) of the processes that moved each; share (k,)."""
        values = table[rows].to(torch.float32) * share[:, None]
        values[~mine] = 0
        # b + share * sum of (x - b) = sum of share * x + (1 - count * share) * b: one process needs b
        own = rows % self.world == self.rank
        at = rows[own] // self.world
        values[own] += (1 - counts[own] * share[own])[:, None] * base[at]
        self.call(dist.all_reduce, values)
        base[at] = values[own].to(base.dtype)
        table[rows] = values.to(table.dtype)


def saturation(pace: Tensor) -> Tensor:
    """How much of the way to where it is pulled a row went, for a sum of steps times curvatures: 1 - exp(-pace)."""
    return -torch.expm1(-CURVATURE_DAMPING * pace)


def delta_scale(pace: Tensor, relaxed_: Tensor) -> Tensor:
    """The part of several processes' changes of a row that is taken; pace and relaxed_ (k,), each the sum over them.

    Where the processes' steps had come one after the other, the row had gone 1 - exp(-pace) of its way; each of them alone,
    from the same start, went some of the same way. Rows that moved little get the sum of the changes, hubs their mean.
    """
    return torch.where(relaxed_ > 0, saturation(pace) / relaxed_, 1.0)


SINGLE_PROCESS = ProcessGroup()
