"""Tables that several processes train in full: how they become equal, and how they return to where they last were."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from walkgram.train.distributed import BLOCK, ProcessGroup

__all__ = ["ReplicaSync"]


class ReplicaSync:
    """Synchronisation of tables, each (n, dim), that several processes train in full; nothing for a single process.

    step_curvature: (number of tables, n) float32: the sum of each row's step sizes times their curvatures, at this process
    since the last synchronisation; no columns for a single process. Memory: 8 n bytes, and 2 / world of a table.
    """

    def __init__(self, group: ProcessGroup, tables: Sequence[Tensor]) -> None:
        self.group = group
        self.shadows = [group.shadow_copy(table) for table in tables]
        n = len(tables[0]) if group.world > 1 else 0
        self.step_curvature = torch.zeros(len(tables), n, device=tables[0].device)

    def synchronize(self, tables: Sequence[Tensor]) -> None:
        """Make the tables of all processes equal. Collective."""
        self.group.sync_replicas(tables, list(self.step_curvature), self.shadows)
        self.step_curvature.zero_()

    def roll_back(self, tables: Sequence[Tensor]) -> None:
        """Give the tables of all processes the values that they had after the last synchronisation. Collective.

        The shadows of all processes together are those values, so nothing else is kept for this. Each process receives the
        tables once, in BLOCKs of float32, which holds a bfloat16 exactly.
        """
        self.step_curvature.zero_()
        if self.group.world == 1:
            return
        for table, shadow in zip(tables, self.shadows, strict=True):
            size = max(1, BLOCK // (4 * table.shape[1]))
            for rank in range(self.group.world):
                if rank == self.group.rank:
                    table[rank :: self.group.world] = shadow
                for rows in table[rank :: self.group.world].split(size):
                    values = rows.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
                    self.group.call(dist.broadcast, values, src=rank)
                    rows.copy_(values)
