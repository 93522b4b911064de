"""Training with several processes: the process group, collective operations, and tables that every process has in full.

The processes are started by torchrun or by pyspark's TorchDistributor, and find each other by RANK, WORLD_SIZE, MASTER_ADDR
and MASTER_PORT. Every operation is collective: all processes call the same ones in the same order. Where one process fails,
the others get a `TrainError` at their next operation. A single process needs no group and exchanges nothing.
`walkgram.train.placement.row_sharded` has the tables whose rows are spread over the processes.
"""

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from walkgram.errors import TrainError
from walkgram.train.stop_flag import StopFlag

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
# The share of the curvature's bound that the gradients of a row see: tried with 2 to 8 processes on graphs with weak
# communities (a larger share slows rows that have just left the origin) and with hubs (with a smaller share they diverge).
CURVATURE_DAMPING = 0.05
TIMEOUT = 1800.0  # seconds
VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def world_size() -> int:
    """Return the number of processes that were started together, by the environment; 1 where it has none."""
    return read_int_variable(os.environ, "WORLD_SIZE", 1)


def current_group() -> "ProcessGroup":
    """Return the group that this process has joined; a group of one where it has joined none."""
    return ProcessGroup.joined or ProcessGroup()


def init_process_group(timeout: float = TIMEOUT) -> "ProcessGroup":
    """Join the processes that the environment names: gloo between CPUs, nccl between GPUs.

    A single process (no WORLD_SIZE, or 1) joins nothing. A process has the GPU of its LOCAL_RANK. `timeout`: seconds that an
    operation waits for the others, so more than the longest stretch of training between two. Raises `TrainError` where the
    environment is incomplete, or where the others do not join in time.
    """
    world = world_size()
    if world == 1:
        return ProcessGroup(0, 1, timeout)
    missing = [name for name in VARIABLES if not os.environ.get(name)]
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
        limit = datetime.timedelta(seconds=timeout)
        # What init_process_group does without a store; but this one is at hand for the flag, too.
        store, rank, world = next(rendezvous("env://", rank, world, timeout=limit))
        store.set_timeout(limit)
        dist.init_process_group(backend, timeout=limit, rank=rank, world_size=world, store=store)
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise TrainError(
            f"process {rank} of {world} could not join the others at {address} within {timeout:g} s ({first_line(error)}): "
            "check that all were started, and that they reach that address"
        ) from None
    ProcessGroup.joined = group = ProcessGroup(rank, world, timeout, StopFlag(store))
    group.sum([0.0])  # no process continues, or fails, while another is still joining
    return group


def walks_per_sync(n: int, length: float, world: int, tokens: float) -> int:
    """Return the walks, of `length` nodes, that each of `world` processes trains between two exchanges of tables of n rows.

    tokens: how many all processes together train for each row between two exchanges. The result is at least 1.
    """
    return max(1, int(tokens * n / (max(1.0, length) * world)))


def read_int_variable(environment: Mapping[str, str], name: str, default: int) -> int:
    """Return a variable of the environment as an integer. Raises `TrainError` for anything else."""
    value = environment.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise TrainError(f"{name} is {value!r} in the environment, and must be a whole number") from None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, at most 160 characters of it."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


class ProcessGroup:
    """This process among `world` of them, and their collective operations. The end of a `with` block leaves the group.

    stop_flag: what one process sets for all of them between two operations; None for a single process.
    """

    joined: ClassVar["ProcessGroup | None"] = None

    def __init__(self, rank: int = 0, world: int = 1, timeout: float = TIMEOUT, stop_flag: StopFlag | None = None) -> None:
        self.rank, self.world = rank, world
        self.timeout, self.stop_flag = timeout, stop_flag

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave(has_failed=kind is not None)

    def leave(self, has_failed: bool = False) -> None:
        """Leave the group when all processes do; at once where this process has failed."""
        if self.world > 1 and dist.is_initialized():
            try:
                if not has_failed:
                    self.sum([0.0])  # a process that leaves early would break the exchanges of the others
            finally:
                ProcessGroup.joined = None
                dist.destroy_process_group()

    def call(self, operation: Callable[..., object], *values: object, **options: object) -> None:
        """Run one operation of torch.distributed. Raises `TrainError` where another process is gone or late."""
        try:
            operation(*values, **options)
        except RuntimeError as error:
            raise TrainError(
                f"process {self.rank} of {self.world}: another process has failed, or did not answer within "
                f"{self.timeout:g} s ({first_line(error)}): read the messages of the others"
            ) from None

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set at any process."""
        return self.sum([float(flag)])[0] > 0

    def share_stop(self, is_requested: bool) -> bool:
        """Return whether any process has requested a stop, as far as is known here; set the flag where this one does.

        No collective operation: a process may call it between any two of them.
        """
        return is_requested if self.stop_flag is None else self.stop_flag.share(is_requested)

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all processes, in double precision and equal at all of them."""
        if self.world == 1:
            return [float(value) for value in values]
        total = torch.tensor(values, dtype=torch.float64)
        self.call(dist.all_reduce, total)
        return [float(value) for value in total]

    def broadcast(self, value: Any = None) -> Any:
        """Return the value that process 0 gives, at all processes. It must be picklable."""
        values = [value]
        if self.world > 1:
            self.call(dist.broadcast_object_list, values, src=0)
        return values[0]

    def all_equal(self, value: Any) -> bool:
        """Return whether a value, picklable and comparable, is equal at all processes."""
        return not self.any(self.broadcast(value) != value)

    def shadow_copy(self, table: Tensor) -> Tensor:
        """Copy rows rank, rank + world, ... of a table (n, dim), for `sync_replicas`: 1 / world of its bytes."""
        return table[self.rank :: self.world].clone() if self.world > 1 else table[:0]

    def sync_replicas(self, tables: Sequence[Tensor], curvatures: Sequence[Tensor], shadows: Sequence[Tensor]) -> None:
        """Make tables equal again that were equal after the last call, and were trained by each process since.

        tables: each (n, dim) float32 or bfloat16, changed in place; curvatures: each (n,) float32, the sum of a row's step
        sizes here times their curvatures, 0 where it did not move; shadows: `shadow_copy` of each table after the last call,
        updated. A row moves by the sum of the processes' changes times its `delta_scale`. A row that one process changed takes
        that change, a row that none changed stays. The result is equal at all processes, bit for bit. Memory: a few BLOCKs.
        Each process sends about 8 dim bytes for every row that any of them moved, and 24 n.
        """
        if self.world == 1:
            return
        for table, curvature, shadow in zip(tables, curvatures, shadows, strict=True):
            size = BLOCK // 12
            for low in range(0, len(table), size):
                local = curvature[low : low + size].to(table.device)
                sums = torch.stack([(local > 0).to(local.dtype), local, saturation(local)])
                self.call(dist.all_reduce, sums)
                for part in sums[0].nonzero()[:, 0].split(max(1, BLOCK // (4 * table.shape[1]))):
                    scale = delta_scale(*sums[1:, part])
                    self.merge_rows(table, low + part, local[part] > 0, sums[0, part], scale, shadow)

    def merge_rows(self, table: Tensor, rows: Tensor, is_local: Tensor, counts: Tensor, scale: Tensor, shadow: Tensor) -> None:
        """Merge rows (k,) for `sync_replicas`; is_local (k,) bool; counts (k,): processes that moved a row; scale (k,)."""
        values = table[rows].to(torch.float32) * scale[:, None]
        values[~is_local] = 0
        # b + scale * sum of (x - b) = sum of scale * x + (1 - count * scale) * b: one process needs b
        is_owner = rows % self.world == self.rank
        places = rows[is_owner] // self.world
        values[is_owner] += (1 - counts[is_owner] * scale[is_owner])[:, None] * shadow[places]
        self.call(dist.all_reduce, values)
        shadow[places] = values[is_owner].to(shadow.dtype)
        table[rows] = values.to(table.dtype)


def saturation(step_curvature: Tensor) -> Tensor:
    """Return how much of the way to its optimum a row went, for a sum of step sizes times curvatures: 1 - exp(-sum)."""
    return -torch.expm1(-CURVATURE_DAMPING * step_curvature)


def delta_scale(step_curvature: Tensor, saturations: Tensor) -> Tensor:
    """Return the factor of the processes' changes of a row; both arguments (k,), sums over the processes.

    Had the processes stepped one after the other, the row had gone 1 - exp(-step_curvature) of its way; each of them alone,
    from the same start, repeated a part of it. Rows that moved little take the sum of the changes, hubs their mean.
    """
    return torch.where(saturations > 0, saturation(step_curvature) / saturations, 1.0)


SINGLE_PROCESS = ProcessGroup()
