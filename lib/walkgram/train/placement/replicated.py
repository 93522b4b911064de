"""What a process has moved of tables that several hold whole and train at once, and the exchange that makes them equal."""

from collections.abc import Sequence

import torch
from torch import Tensor

from walkgram.train.distributed import ProcessGroup

__all__ = ["ReplicaSync"]


class ReplicaSync:
    """Between two exchanges with `peers`, from equal tables (in, out), each (n, dim), on. Alone it notes and does nothing.

    pace: (2, n) float32, of both tables' rows the sum of their steps times their curvatures, here and since the last exchange;
    (2, 0) where there is nobody to exchange with. Memory: 8 n bytes, and 2 / world of a table's.
    """

    def __init__(self, peers: ProcessGroup, tables: Sequence[Tensor]) -> None:
        self.peers = peers
        self.base = [peers.base(table) for table in tables]
        self.pace = torch.zeros(2, len(tables[0]) if peers.world > 1 else 0, device=tables[0].device)

    def combine(self, tables: Sequence[Tensor]) -> None:
        """Make the tables of all processes equal; collective."""
        self.peers.combine(tables, list(self.pace), self.base)
        self.pace.zero_()
