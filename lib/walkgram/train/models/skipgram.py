"""Objective `skipgram`: word2vec's skip-gram with negative sampling, streamed over walks, tile by tile.

On a CPU the fused kernel (`walkgram.kernels.sgns.cpu`) moves the tables in place, any number of threads at once; on a GPU
batches of walks go through `walkgram.train.models.skipgram_batched`.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import rng
from walkgram.config.train import Skipgram as Options
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.sgns import cpu, negatives, tiles
from walkgram.train.data.walks import WalkBatch, WalkDataset
from walkgram.train.distributed import SINGLE_PROCESS, ProcessGroup, read_int_variable, walks_per_sync
from walkgram.train.models.skipgram_batched import BatchedSkipgram
from walkgram.train.placement.replicated import ReplicaSync
from walkgram.train.state import StepResult

__all__ = [
    "Skipgram",
    "choose_device",
    "epoch_seeds",
    "init_vectors",
    "keep_probabilities",
    "learning_rate_at",
    "loss_stride",
    "make_params",
]

MEASURED_WALKS = 10_000  # up to so many walks the loss is measured on a tile of each, beyond on one walk in LOSS_EVERY
LOSS_EVERY = 8


class Skipgram:
    """In and out tables (n, dim) float32; plain steps whose rate falls linearly from learning_rate to min_learning_rate.

    counts (n,) int64: tokens of each row. Memory: the tables, 20 bytes a row, and 4 a row for each worker;
    with other processes (`join`) 8 more, 8 more for each worker, and 1 / world of the tables.
    """

    def __init__(self, walks: WalkDataset, counts: NDArray[np.int64], config: Train) -> None:
        self.walks, self.config, self.options = walks, config, config.skipgram
        self.vector = torch.empty((len(counts), config.dim))
        init_vectors(self.vector.numpy(), rng.derive_seed(config.seed, "tables"), self.options.init_norm)
        self.context = torch.zeros_like(self.vector)
        self.order_seed = rng.derive_seed(config.seed, "order")
        self.every = loss_stride(walks.total)
        self.law = make_params(config, counts)
        self.own, self.rooms = threading.local(), list[cpu.Workspace]()
        self.size = self.options.batch_walks
        self.tokens = round(int(counts.sum()) * (1 - walks.share))
        self.device = choose_device(config)
        self.accelerated = (
            None if self.device == "cpu" else BatchedSkipgram(self.vector, self.context, self.law, config, self.device)
        )
        self.apart = ReplicaSync(SINGLE_PROCESS, self.tables())

    def join(self, peers: ProcessGroup) -> int:
        """Share the walks with these processes, and the tables, equal now; batches between two exchanges, 0 where alone."""
        if not peers.same(self.device):
            raise TrainError("some processes have a GPU and some have none: set train.device to cpu or cuda")
        self.walks.part = peers.rank, peers.world
        self.apart = ReplicaSync(peers, self.tables())
        if peers.world == 1:
            return 0
        length = self.tokens / max(1.0, self.walks.total * (1 - self.walks.share))
        walks = walks_per_sync(len(self.vector), length, peers.world, self.config.sync_tokens)
        self.size = min(self.size, walks)
        return walks // self.size

    def tables(self) -> tuple[Tensor, Tensor]:
        """The in and out table, where they are trained."""
        return (self.vector, self.context) if self.accelerated is None else (self.accelerated.vector, self.accelerated.context)

    def exchange(self) -> None:
        """Make the tables of all processes equal."""
        for room in self.rooms:
            self.apart.pace += torch.from_numpy(room.step_curvature).to(self.apart.pace.device)
            room.step_curvature[:] = 0
        self.apart.combine(self.tables())

    def steps(self) -> int:
        """Batches of an epoch."""
        return self.walks.count(self.size)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[tuple[int, WalkBatch]]:
        """(epoch, walks) in the order of (seed, epoch)."""
        for chunk in self.walks.batches(self.size, self.order_seed, epoch, skip):
            yield epoch, chunk

    def rate(self, progress: float) -> float:
        """The rate when `progress` (0 to 1) of all epochs is done."""
        return learning_rate_at(self.options, progress)

    def step(self, batch: tuple[int, WalkBatch], progress: float, following: float) -> StepResult:
        """Train on some walks; safe to call from several threads, each with its own batch."""
        epoch, chunk = batch
        rates = self.rate(progress), self.rate(following)
        if self.accelerated is not None:
            return self.accelerated.step(chunk, epoch_seeds(self.config.seed, epoch), rates[0], self.apart.pace)
        return self.run(chunk, epoch, rates, self.vector.numpy(), self.context.numpy(), self.every)

    def run(
        self, chunk: WalkBatch, epoch: int, rates: tuple[float, float], vector: NDArray[np.float32],
        context: NDArray[np.float32], every: int,
    ) -> StepResult:  # fmt: skip
        """The fused kernel on these tables."""
        if not hasattr(self.own, "room"):
            self.own.room = cpu.make_workspace(self.law, len(vector), self.config.dim, self.apart.peers.world > 1)
            self.rooms.append(self.own.room)
        keys = epoch_seeds(self.config.seed, epoch)
        loss, weight, tokens, wrong = cpu.train_walks(
            cpu.EmbeddingTables(vector, context),
            cpu.RaggedWalks(chunk.values, chunk.starts, chunk.lengths, chunk.walk_ids),
            self.law,
            self.own.room,
            keys,
            rates,
            every,
        )
        if wrong < 0:
            return StepResult(loss, weight, tokens)
        reason = f"a vector of walk {chunk.walk_ids[wrong]} is not finite"
        return StepResult(loss, weight, tokens, f"{reason}, rate {rates[0]:.3g}")

    def measure(self) -> float | None:
        """Mean loss of the walks that are kept back, always with the same negatives; None where there are none."""
        self.fetch()
        total = weight = 0.0
        for chunk in self.walks.kept_back() if self.walks.share else ():
            found = self.run(chunk, -1, (0.0, 0.0), self.vector.numpy(), self.context.numpy(), 1)
            total, weight = total + found.loss, weight + found.weight
        total, weight = self.apart.peers.sum([total, weight])
        return total / weight if weight else None

    def state(self) -> dict[str, Any]:
        """Both tables."""
        self.fetch()
        return {"vector": self.vector, "context": self.context}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self.vector.copy_(state["vector"])
        self.context.copy_(state["context"])
        if self.accelerated is not None:
            self.accelerated.load(self.vector, self.context)

    def fetch(self) -> None:
        """Bring the tables from the device, where they are there."""
        if self.accelerated is not None:
            self.accelerated.fetch(self.vector, self.context)

    def counts(self) -> dict[str, int]:
        """Nothing beyond the loop's."""
        return {}

    @property
    def rows(self) -> range:
        """All."""
        return range(len(self.vector))

    def vectors(self) -> tuple[Tensor, Tensor | None]:
        """The in table and the out table, or their mean alone."""
        self.fetch()
        if self.options.output == "mean":
            return self.vector.add(self.context).div_(2), None
        return self.vector, self.context


def choose_device(config: Train) -> str:
    """Where the tables lie: "cpu" or "cuda". Raises `TrainError` where there is no such device."""
    processes = read_int_variable(os.environ, "LOCAL_WORLD_SIZE", 1)  # torchrun's, on this machine
    there = torch.cuda.is_available() and torch.cuda.device_count() >= processes
    if config.device == "cuda" and not there:
        raise TrainError(
            "train.device = cuda: torch finds no CUDA device here, or too few for its processes; use train.device = cpu"
        )
    return "cuda" if there and not config.deterministic and config.device != "cpu" else "cpu"


def make_params(config: Train, counts: NDArray[np.int64]) -> cpu.SgnsParams:
    """What the kernel is told; counts (n,) int64. Memory: 12 bytes a row."""
    options = config.skipgram
    slots = negatives.build_unigram_table(counts, options.ns_exponent).alias_table
    weights = tiles.compute_window_weights(config.window, options.dynamic_window)
    keep = keep_probabilities(counts, options.subsample)
    return cpu.make_sgns_params(weights, options.tile, options.shared_negatives, config.negatives, slots, keep)


def learning_rate_at(options: Options, progress: float) -> float:
    """The rate when `progress` (0 to 1) of all epochs is done: a line that falls to its least."""
    low = min(options.min_learning_rate, options.learning_rate)
    return max(low, options.learning_rate * (1 - progress))


def epoch_seeds(seed: int, epoch: int) -> tuple[int, int]:
    """Seeds of an epoch's negatives and of its subsampling."""
    return rng.derive_seed(seed, f"negatives {epoch}"), rng.derive_seed(seed, f"subsampling {epoch}")


def loss_stride(walks: int) -> int:
    """Of how many walks the loss is measured on one, where there are so many."""
    return 1 if walks <= MEASURED_WALKS else LOSS_EVERY


def init_vectors(vector: NDArray[np.float32], seed: int, norm: float, rows: NDArray[np.int64] | None = None) -> None:
    """Fill (n, dim) with uniform numbers whose rows have a root mean square length of `norm`, by the seed and row alone.

    rows (n,) int64: which of the table's these are; without them, the first n.
    word2vec's 0.3 / sqrt(dim) is an eighth of the default: one epoch over a large graph then goes by leaving the origin.
    """
    reach = norm * (3 / vector.shape[1]) ** 0.5
    rng.fill_uniform(vector, seed, reach, rows)


def keep_probabilities(counts: NDArray[np.int64], t: float) -> NDArray[np.float32]:
    """(n,) float32: the probability that a token stays (word2vec.c: sqrt(t/f) + t/f, f the row's share of all tokens)."""
    if not t:
        return np.ones(len(counts), np.float32)
    share = np.maximum(counts, 1) / max(1, int(counts.sum()))
    return np.minimum(1.0, np.sqrt(t / share) + t / share).astype(np.float32)
