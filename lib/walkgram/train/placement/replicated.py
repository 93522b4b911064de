"""Tables that every process has in full: its threads train them in place, and the processes exchange what they changed."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu
from walkgram.kernels.sgns.params import RaggedWalks, SgnsTables, Workspace, make_workspace
from walkgram.train.data.walks import WalkBatch
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup
from walkgram.train.placement.base import NumberedBatch, Schedule, TableSetup, nonfinite_error
from walkgram.train.replica_sync import ReplicaSync
from walkgram.train.state import StepResult

__all__ = ["Replicated"]


class Replicated:
    """The in and out table, (n, dim) float32 each, on the CPU.

    Memory: the tables, and 4 bytes a row for each thread; with other processes 8 more, 8 more for each thread, and 1 / world
    of the tables.
    """

    device = "cpu"
    can_roll_back = True

    def __init__(self, setup: TableSetup) -> None:
        self.setup = setup
        self.vector = torch.empty((setup.num_rows, setup.config.dim))
        setup.fill_rows(self.vector.numpy(), None)
        self.context = torch.zeros_like(self.vector)
        self.local = threading.local()
        self.workspaces: list[Workspace] = []
        self.sync = ReplicaSync(SINGLE_PROCESS, (self.vector, self.context))

    @property
    def rows(self) -> range:
        """All rows at the first process, none at the others."""
        return range(len(self.vector) if self.sync.group.rank == 0 else 0)

    def bind(self, group: ProcessGroup) -> None:
        """Train with these processes from now on, whose tables are equal. Collective."""
        if not group.all_equal(self.device):
            raise TrainError("some processes have a GPU and some have none: set train.device to cpu or cuda")
        self.sync = ReplicaSync(group, self.trained_tables())

    def batches_per_sync(self, walks: int, batch_walks: int) -> int:
        """Return as many batches as hold about `walks` walks."""
        return walks // batch_walks

    def trained_tables(self) -> tuple[Tensor, Tensor]:
        """Return both tables where they are trained."""
        return self.vector, self.context

    def train(self, batch: NumberedBatch, schedule: Schedule) -> StepResult:
        """Train on a batch; several threads may call this at once."""
        return self.run_kernel(batch.walks, schedule, self.setup.loss_stride)

    def run_kernel(self, walks: WalkBatch, schedule: Schedule, loss_stride: int) -> StepResult:
        """Run the CPU kernel on these walks, in the workspace of this thread."""
        if not hasattr(self.local, "workspace"):
            rows, dim = self.vector.shape
            self.local.workspace = make_workspace(self.setup.params, rows, dim, self.sync.group.world > 1)
            self.workspaces.append(self.local.workspace)
        loss, weight, tokens, wrong = cpu.train_walks(
            SgnsTables(self.vector.numpy(), self.context.numpy()),
            RaggedWalks(walks.values, walks.starts, walks.lengths, walks.walk_ids),
            self.setup.params,
            self.local.workspace,
            schedule.seeds,
            schedule.rates,
            loss_stride,
        )
        if wrong < 0:
            return StepResult(loss, weight, tokens)
        return StepResult(loss, weight, tokens, nonfinite_error(walks.walk_ids[wrong], schedule.rates[0]))

    def measure_loss(self, batches: Iterable[WalkBatch], seeds: tuple[int, int]) -> tuple[float, float]:
        """Return the sum of the losses of walks, and of their weights: the kernel's at a rate of 0."""
        total = weight = 0.0
        for walks in batches:
            result = self.run_kernel(walks, Schedule(seeds, (0.0, 0.0)), 1)
            total, weight = total + result.loss, weight + result.weight
        return total, weight

    def synchronize(self) -> None:
        """Make the tables of all processes equal. Collective."""
        for workspace in self.workspaces:
            self.sync.step_curvature += torch.from_numpy(workspace.step_curvature).to(self.sync.step_curvature.device)
            workspace.step_curvature[:] = 0
        self.sync.synchronize(self.trained_tables())

    def roll_back(self) -> None:
        """Return the tables of all processes to the last synchronisation. Collective."""
        for workspace in self.workspaces:
            workspace.step_curvature[:] = 0
        self.sync.roll_back(self.trained_tables())

    def state_dict(self) -> dict[str, Any]:
        """Return both tables, without a copy."""
        vector, context = self.tables()
        return {"vector": vector, "context": context}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy both tables."""
        self.vector.copy_(state["vector"])
        self.context.copy_(state["context"])
        self.write_back()

    def tables(self) -> tuple[Tensor, Tensor]:
        """Return both tables, in shared memory."""
        return self.vector, self.context

    def write_back(self) -> None:
        """Do nothing: the tables are trained where the caller writes."""
