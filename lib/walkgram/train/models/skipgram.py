"""Model `skipgram`: word2vec's skip-gram with negative sampling, streamed over walks, tile by tile.

Its tables lie where `train.placement` says (`walkgram.train.placement`). On a CPU the fused kernel `walkgram.kernels.sgns.cpu`
trains them in place, on a GPU `walkgram.train.models.skipgram_batched` trains batches of walks.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import rng
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.sgns.params import SgnsTables
from walkgram.train.data import warm_start
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup, read_int_variable, walks_per_sync
from walkgram.train.models.base import LoopModel, ModelInputs, TableOutput
from walkgram.train.models.embeddings import embedding_output, read_node_visits, read_vocabulary
from walkgram.train.models.registry import FEATURES, ModelSpec
from walkgram.train.models.skipgram_batched import ReplicatedOnDevice
from walkgram.train.models.skipgram_params import epoch_seeds, init_vectors, make_params
from walkgram.train.placement.base import NumberedBatch, Placement, Schedule, TableSetup
from walkgram.train.placement.replicated import Replicated
from walkgram.train.placement.row_sharded import RowSharded
from walkgram.train.state import StepResult

__all__ = ["MODEL", "Skipgram", "build_skipgram", "choose_device", "count_threads"]

MEASURED_WALKS = 10_000  # up to so many walks the loss is measured on a tile of each, beyond on one walk in LOSS_STRIDE
LOSS_STRIDE = 8
PLACEMENTS: dict[tuple[str, str], Callable[[TableSetup], Placement]] = {
    ("replicated", "cpu"): Replicated,
    ("replicated", "cuda"): ReplicatedOnDevice,
    ("row_sharded", "cpu"): RowSharded,
}


class Skipgram(LoopModel):
    """In and out tables (n, dim) float32; plain steps whose rate falls linearly from learning_rate to min_learning_rate.

    counts (n,) int64: tokens of each row. Memory: that of the placement, 20 bytes a row, and what `WalkDataset` holds.
    """

    def __init__(self, walks: WalkDataset, counts: NDArray[np.int64], config: Train, inputs: ModelInputs | None = None) -> None:
        self.walks, self.config, self.inputs = walks, config, inputs or ModelInputs()
        self.options = config.skipgram
        self.order_seed = rng.derive_seed(config.seed, "order")
        self.num_rows, self.batch_walks = len(counts), self.options.batch_walks
        self.tokens = round(int(counts.sum()) * (1 - walks.validation_share))
        self.group = self.inputs.group
        setup = TableSetup(
            config, make_params(config, counts), self.num_rows, 1 if walks.num_walks <= MEASURED_WALKS else LOSS_STRIDE,
            self.fill_rows, self.group, self.inputs.slots,
        )  # fmt: skip
        self.placement = PLACEMENTS[config.placement, choose_device(config)](setup)
        self.warm_rows: dict[str, int] = {}

    def fill_rows(self, values: NDArray[np.float32], rows: NDArray[np.int64] | None) -> None:
        """Write the first values of rows (k,) of the in table, the first k without `rows`, into (k, dim)."""
        init_vectors(values, rng.derive_seed(self.config.seed, "tables"), self.options.init_norm, rows)

    def bind(self, group: ProcessGroup) -> int:
        """Share the walks and the tables with these processes; return the batches between two synchronisations."""
        self.group = group
        self.walks.rank_slice = group.rank, group.world
        self.placement.bind(group)
        if group.world == 1:
            return 0
        length = self.tokens / max(1.0, self.walks.num_walks * (1 - self.walks.validation_share))
        walks = walks_per_sync(self.num_rows, length, group.world, self.config.sync_tokens)
        self.batch_walks = min(self.batch_walks, walks)
        return self.placement.batches_per_sync(walks, self.batch_walks)

    def synchronize(self) -> None:
        """Make the tables of all processes equal."""
        self.placement.synchronize()

    @property
    def can_roll_back(self) -> bool:
        """Whether the tables can return to the last synchronisation."""
        return self.placement.can_roll_back

    def roll_back(self) -> None:
        """Return the tables of all processes to the last synchronisation."""
        self.placement.roll_back()

    def num_steps(self) -> int:
        """Return the number of batches of an epoch."""
        return self.walks.count_batches(self.batch_walks)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[NumberedBatch]:
        """Yield batches of walks in the order of (seed, epoch)."""
        rank, world = self.walks.rank_slice
        for number, walks in enumerate(self.walks.batches(self.batch_walks, self.order_seed, epoch, skip), skip):
            yield NumberedBatch(epoch, number * world + rank, walks)

    def step(self, batch: NumberedBatch, progress: float, next_progress: float) -> StepResult:
        """Train on a batch."""
        rates = self.learning_rate(progress), self.learning_rate(next_progress)
        return self.placement.train(batch, Schedule(epoch_seeds(self.config.seed, batch.epoch), rates))

    def learning_rate(self, progress: float) -> float:
        """Return the rate when `progress` (0 to 1) of all epochs is done: a line that falls to the least rate."""
        least = min(self.options.min_learning_rate, self.options.learning_rate)
        return max(least, self.options.learning_rate * (1 - progress))

    def validate(self) -> float | None:
        """Return the mean loss of the validation walks, always with the same negatives; None without such walks."""
        if not self.walks.validation_share:
            return None
        seeds = epoch_seeds(self.config.seed, -1)
        total, weight = self.group.sum(self.placement.measure_loss(self.walks.validation_batches(), seeds))
        return total / weight if weight else None

    def state_dict(self) -> dict[str, Any]:
        """Return both tables, or where the placement has written them."""
        return self.placement.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace both tables."""
        self.placement.load_state_dict(state)

    def summarize(self) -> dict[str, int]:
        """Return the number of nodes, and how many rows a warm start has set."""
        return {"nodes": self.num_rows, **self.warm_rows}

    def vectors(self) -> tuple[Tensor, Tensor | None]:
        """Return this process's rows of the in table and the out table, or their mean alone."""
        vector, context = self.placement.tables()
        if self.options.output == "mean":
            return vector.add(context).div_(2), None
        return vector, context

    def outputs(self) -> Iterator[TableOutput]:
        """Yield the embeddings of the rows that this process writes, in the vocabulary's order."""
        rows = self.placement.rows
        if len(rows):
            nodes = self.walks.nodes[rows.start : rows.stop : rows.step]
            vectors, contexts = self.vectors()
            yield embedding_output(self.inputs, nodes, vectors, contexts)

    def start_warm(self) -> None:
        """Fill the tables from the embeddings of an earlier run, where the inputs have some."""
        if self.inputs.previous is None:
            return
        path, read = self.inputs.previous
        vector, context = self.placement.tables()
        arrays = SgnsTables(vector.numpy(), context.numpy())
        ids = read_vocabulary(self.inputs, self.walks.nodes)["item_id"].combine_chunks()
        is_known = warm_start.copy_known_rows(arrays, ids, read(warm_start.EMBEDDING_COLUMNS), path)
        edges = self.inputs.tables.iter_row_groups("edges", ["src", "dst", "weight"])
        means = warm_start.average_neighbours(arrays, is_known, self.walks.nodes, edges)
        self.placement.write_back()
        known = int(is_known.sum())
        self.warm_rows = {"warm rows": known, "rows from neighbours": means, "cold rows": len(is_known) - known - means}
        self.data_key = {name: str(count) for name, count in self.warm_rows.items()}


def build_skipgram(inputs: ModelInputs, config: Train) -> Skipgram:
    """Build the model from walks and their node visits; of a warm start, from earlier embeddings and the edges too."""
    nodes, counts = read_node_visits(inputs)
    walks = WalkDataset(inputs.tables.list_shards("walks"), nodes, config.validation_walks, config.seed)
    model = Skipgram(walks, counts, config, inputs)
    model.start_warm()
    return model


def choose_device(config: Train) -> str:
    """Return where the tables lie: "cpu" or "cuda". Raises `TrainError` where there is no such device."""
    if config.placement == "row_sharded":
        return "cpu"
    processes = read_int_variable(os.environ, "LOCAL_WORLD_SIZE", 1)  # torchrun's, on this machine
    has_cuda = torch.cuda.is_available() and torch.cuda.device_count() >= processes
    if config.device == "cuda" and not has_cuda:
        raise TrainError(
            "train.device = cuda: torch finds no CUDA device here, or too few for its processes; use train.device = cpu"
        )
    return "cuda" if has_cuda and not config.deterministic and config.device != "cpu" else "cpu"


def count_threads(config: Train) -> int:
    """Return the number of threads that train in this process."""
    if config.deterministic or config.placement == "row_sharded" or choose_device(config) != "cpu":
        return 1  # one thread drives a GPU, and processes that exchange rows at every step take turns
    return config.workers or max(1, (os.cpu_count() or 1) // read_int_variable(os.environ, "LOCAL_WORLD_SIZE", 1))  # torchrun's


def list_inputs(config: Train) -> tuple[str, ...]:
    """Return the input tables; a warm start gives new items the mean of their neighbours, so it reads the edges."""
    return ("vocabulary", "walks", "node_visits", *(["edges"] if config.warm_start else []))


MODEL = ModelSpec(
    name="skipgram",
    section="skipgram",
    reads=list_inputs,
    writes=lambda _: ("embeddings",),
    supports=frozenset(FEATURES),
    count_threads=count_threads,
    build=build_skipgram,
)
