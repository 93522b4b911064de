"""Objective `examples`: the published recipe, counted examples over one shared table.

Keras code example "Graph representation learning with node2vec" (Jadon 2021): skip-grams of every walk with negatives
drawn uniformly, equal examples merged into one with a count, logistic loss on dot products, Adam.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from walkgram import rng
from walkgram.config.train import Train
from walkgram.errors import TrainError
from walkgram.kernels.recipe import losses, windows
from walkgram.kernels.sgns import negatives
from walkgram.train.data.walks import WalkDataset
from walkgram.train.distributed import ProcessGroup
from walkgram.train.state import StepResult

__all__ = ["ExampleTable", "KerasNode2Vec", "build_examples"]

REDRAWS = 64  # attempts at a negative that is no positive; then it is left out
TWO_SIGMA = 0.9544997361036416  # mass of a normal within two standard deviations
SHRINK = 0.8796256610342398  # standard deviation of a unit normal cut there


class ExampleTable(NamedTuple):
    """Distinct examples in the order of their first appearance.

    src, dst: (m,) int64 rows, src < dst; label, times: (m,) float32; raw: how many there were before
    merging, those with equal ends included.
    """

    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    label: NDArray[np.float32]
    times: NDArray[np.float32]
    raw: int


def build_examples(walks: WalkDataset, window: int, per_positive: int, seed: int, exclude_positives: bool) -> ExampleTable:
    """The distinct examples of all walks, with counts. Memory: 9 bytes a raw example, and the sort of them."""
    n, seed = len(walks.nodes), rng.derive_seed(seed, "negatives")
    positives, drawn = [], []
    for batch in walks.in_order():
        target, context = windows.list_window_pairs(batch.rows, batch.lengths, window)
        each = count_pairs_per_walk(batch.lengths, window)
        positives.append(encode_pairs(target, context, n))
        drawn.append(draw_negative_codes(batch.walk_ids, target, each, per_positive, seed, n, 0))
    sought = np.setdiff1d(np.concatenate(positives), [-1]) if exclude_positives and positives else None
    merged: list[NDArray[np.int64]] = []
    for batch, positive, negative in zip(walks.in_order(), positives, drawn, strict=True):
        if sought is not None:
            negative = redraw_positives(negative, batch, sought, window, per_positive, seed, n)
        both = np.concatenate([positive[:, None] * 2 + 1, np.where(negative < 0, -1, negative * 2)], axis=1)
        merged.append(both.reshape(-1))
    return count_examples(np.concatenate(merged) if merged else np.empty(0, np.int64), n)


def count_pairs_per_walk(lengths: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """(walks,) int64: pairs of each walk."""
    places = np.arange(int(lengths.max(initial=0)))[None, :]
    reach = np.minimum(places, window) + np.minimum(lengths[:, None] - 1 - places, window)
    return np.asarray(np.where(places < lengths[:, None], reach, 0).sum(axis=1), np.int64)


def encode_pairs(a: NDArray[np.int64], b: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """One number for each unordered pair; -1 where the ends are equal."""
    return np.where(a == b, -1, np.minimum(a, b) * n + np.maximum(a, b))


def draw_negative_codes(
    walk_ids: NDArray[np.int64],
    target: NDArray[np.int64],
    each: NDArray[np.int64],
    per_positive: int,
    seed: int,
    n: int,
    attempt: int,
) -> NDArray[np.int64]:
    """(pairs, per_positive) int64 codes of negatives."""
    nodes = negatives.draw_uniform_negatives(seed, walk_ids, each, per_positive, n, attempt)
    return encode_pairs(np.repeat(target, per_positive), nodes, n).reshape(len(target), per_positive)


def redraw_positives(
    negative: NDArray[np.int64],
    batch: Any,
    sought: NDArray[np.int64],
    window: int,
    per_positive: int,
    seed: int,
    n: int,
) -> NDArray[np.int64]:
    """Negatives none of which is a positive: those that are get fresh draws; after REDRAWS attempts they are left out."""
    target, _ = windows.list_window_pairs(batch.rows, batch.lengths, window)
    each = count_pairs_per_walk(batch.lengths, window)
    for attempt in range(1, REDRAWS):
        wrong = np.isin(negative, sought)
        if not wrong.any():
            return negative
        negative = np.where(wrong, draw_negative_codes(batch.walk_ids, target, each, per_positive, seed, n, attempt), negative)
    return np.where(np.isin(negative, sought), -1, negative)


def count_examples(examples: NDArray[np.int64], n: int) -> ExampleTable:
    """Merge equal examples (code * 2 + label; below 0: left out)."""
    valid = examples[examples >= 0]
    distinct, first, times = np.unique(valid, return_index=True, return_counts=True)
    order = np.argsort(first)
    code, label = distinct[order] // 2, (distinct[order] % 2).astype(np.float32)
    return ExampleTable(code // n, code % n, label, times[order].astype(np.float32), len(examples))


class KerasNode2Vec:
    """The recipe as an `Objective`: one table (n, dim), dense Adam, batches from a shuffle buffer."""

    def __init__(self, walks: WalkDataset, config: Train) -> None:
        self.config, self.recipe = config, config.keras_node2vec
        self.order_seed = rng.derive_seed(config.seed, "order")
        self.merged = build_examples(walks, config.window, config.negatives, config.seed, self.recipe.exclude_positives)
        self.src, self.dst, self.label, self.times = (torch.from_numpy(a) for a in self.merged[:4])
        self.table = torch.nn.Parameter(init_he_normal(len(walks.nodes), config.dim, config.seed))
        self.tokens = self.steps() * self.recipe.batch_size
        # Keras's epsilon, not torch's.
        self.optimiser = torch.optim.Adam([self.table], lr=self.recipe.learning_rate, eps=1e-7)

    def join(self, peers: ProcessGroup) -> int:
        """Raises `TrainError` where there are others: Adam's moments are of one process."""
        if peers.world > 1:
            raise TrainError(f"train.model = keras_node2vec trains in one process: these are {peers.world}")
        return 0

    def exchange(self) -> None:
        """There is nobody to exchange with."""

    def steps(self) -> int:
        """Whole batches of an epoch."""
        return len(self.src) // self.recipe.batch_size

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Tensor]:
        """Example numbers, batch_size at a time, the first `skip` batches left out; the last partial batch is dropped."""
        order = torch.from_numpy(
            rng.draw_buffered_permutation(self.order_seed, epoch, len(self.src), self.recipe.shuffle_buffer)
        )
        for step in range(skip, self.steps()):
            yield order[step * self.recipe.batch_size : (step + 1) * self.recipe.batch_size]

    def rate(self, progress: float) -> float:
        """Adam's."""
        return self.recipe.learning_rate

    def measure(self) -> None:
        """Nothing is held out."""

    def step(self, batch: Tensor, progress: float, following: float) -> StepResult:
        """One step of Adam; the loss counts as one batch."""
        self.optimiser.zero_grad()
        logits = (self.table[self.src[batch]] * self.table[self.dst[batch]]).sum(dim=1)
        data = losses.weighted_bce(logits, self.label[batch], self.times[batch])
        loss = data + self.recipe.l2 * (self.table**2).sum()
        loss.backward()
        self.optimiser.step()
        return StepResult(float(loss.detach()), 1.0, len(batch))

    def state(self) -> dict[str, Any]:
        """The table and Adam's moments."""
        return {"table": self.table.detach(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        with torch.no_grad():
            self.table.copy_(state["table"])
        self.optimiser.load_state_dict(dict(state["optimiser"]))

    def counts(self) -> dict[str, int]:
        """Examples before and after merging."""
        return {"raw examples": self.merged.raw, "distinct examples": len(self.src)}

    @property
    def rows(self) -> range:
        """All."""
        return range(len(self.table))

    def vectors(self) -> tuple[Tensor, None]:
        """The shared table; there is no other."""
        return self.table.detach(), None


def init_he_normal(rows: int, dim: int, seed: int) -> Tensor:
    """(rows, dim) float32: normal, cut at two standard deviations, of standard deviation sqrt(2 / rows) after the cut.

    Keras's he_normal on an embedding, whose fan-in is the rows.
    """
    uniform = torch.from_numpy(rng.draw_unit_matrix(rng.derive_seed(seed, "tables"), rows, dim, 0))
    unit: Tensor = torch.erfinv((2 * uniform - 1) * TWO_SIGMA) * 2**0.5
    unit *= (2 / rows) ** 0.5 / SHRINK
    return unit.float()
