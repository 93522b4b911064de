"""A table whose rows are spread over the processes; each of them gathers rows from their owners and adds changes to them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from walkgram.errors import TrainError
from walkgram.train.distributed import ProcessGroup, delta_scale, saturation

__all__ = ["RowShardedEmbedding"]

INIT_ROWS = 1 << 16  # rows whose first values are computed at a time


class RowRequest(NamedTuple):
    """A request of rows to their owners.

    order: that of the requested rows by owner; sizes: how many go to each owner; wanted (k,) int64: the rows that all processes
    request of this one; wanted_sizes: how many of them each process requests.
    """

    order: Tensor
    sizes: list[int]
    wanted: Tensor
    wanted_sizes: list[int]


class RowShardedEmbedding:
    """A table (n, dim) float32 of which process i owns rows i, i + world, ...: 4 n dim / world bytes at each.

    init_rows(rows): the first values (k, dim) of rows (k,) int64; zeros without it. Every call is collective.
    """

    def __init__(self, n: int, dim: int, group: ProcessGroup, init_rows: Callable[[Tensor], Tensor] | None = None) -> None:
        self.n, self.dim, self.group = n, dim, group
        rows = torch.arange(group.rank, n, group.world)
        self.local = torch.zeros(len(rows), dim)
        if init_rows is not None:
            for low in range(0, len(rows), INIT_ROWS):
                self.local[low : low + INIT_ROWS] = init_rows(rows[low : low + INIT_ROWS]).to(self.local)

    def gather_rows(self, rows: Tensor) -> Tensor:
        """Return (k, dim): the rows (k,) int64, distinct, of any owners. Bytes received: 4 dim + 8 for each row."""
        request = self.request_rows(rows)
        out = torch.empty(len(rows), self.dim, device=self.local.device)
        values = self.local[request.wanted // self.group.world]
        out[request.order] = self.exchange(values, request.wanted_sizes, request.sizes)
        return out

    def scatter_add(self, rows: Tensor, changes: Tensor, step_curvature: Tensor) -> None:
        """Add changes (k, dim) to rows (k,) int64, distinct here; step_curvature (k,) float32 as in `sync_replicas`.

        A row that several processes change moves by the sum of the changes, in the order of the processes, times `delta_scale`.
        """
        request = self.request_rows(rows)
        received, curvature = (
            self.exchange(values.to(self.local)[request.order], request.sizes, request.wanted_sizes)
            for values in (changes, step_curvature)
        )
        distinct, inverse = request.wanted.unique(return_inverse=True)
        sums = torch.zeros(2, len(distinct)).index_add_(1, inverse, torch.stack([curvature, saturation(curvature)]))
        received *= delta_scale(*sums)[inverse, None]
        places = (request.wanted // self.group.world).split(request.wanted_sizes)
        for place, change in zip(places, received.split(request.wanted_sizes), strict=True):
            self.local[place] += change  # distinct within a process: no two of these meet

    def request_rows(self, rows: Tensor) -> RowRequest:
        """Send each owner the numbers of the rows (k,) int64 that this process needs of it."""
        rows = rows.to(self.local.device)
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.n:
            raise TrainError(f"rows {int(rows.min())} to {int(rows.max())} of a table of {self.n}")
        owner = rows % self.group.world
        order = torch.argsort(owner, stable=True)
        counts = torch.bincount(owner, minlength=self.group.world)
        ones = [1] * self.group.world
        sizes, wanted_sizes = counts.tolist(), self.exchange(counts, ones, ones).tolist()
        return RowRequest(order, sizes, self.exchange(rows[order], sizes, wanted_sizes), wanted_sizes)

    def exchange(self, values: Tensor, sizes: list[int], received_sizes: list[int]) -> Tensor:
        """Send the first sizes[0] rows to process 0, the next ones to 1, and so on; return what came, in the same order."""
        if self.group.world == 1:
            return values
        out = values.new_empty((sum(received_sizes), *values.shape[1:]))
        self.group.call(dist.all_to_all_single, out, values.contiguous(), received_sizes, sizes)
        return out
