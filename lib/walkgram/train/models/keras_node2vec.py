"""Model `keras_node2vec`: the published recipe, counted examples over one shared table.

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
from walkgram.kernels.recipe import losses, windows
from walkgram.kernels.sgns import negatives
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.base import LoopModel, ModelInputs, TableOutput
from walkgram.train.models.embeddings import embedding_output, read_node_visits
from walkgram.train.models.registry import ModelSpec
from walkgram.train.state import StepResult

__all__ = ["MODEL", "ExampleTable", "KerasNode2Vec", "build_examples"]

MAX_DRAWS = 64  # of a negative that is no positive; then it is left out
TWO_SIGMA_MASS = 0.9544997361036416  # of a normal within two standard deviations
TRUNCATED_STD = 0.8796256610342398  # standard deviation of a unit normal truncated there


class ExampleTable(NamedTuple):
    """Distinct examples in the order of their first appearance.

    src, dst: (m,) int64 rows, src < dst; label, counts: (m,) float32; num_raw: examples before merging, with those whose ends
    are equal.
    """

    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    label: NDArray[np.float32]
    counts: NDArray[np.float32]
    num_raw: int


def build_examples(walks: WalkDataset, window: int, per_positive: int, seed: int, exclude_positives: bool) -> ExampleTable:
    """Build the distinct examples of all walks, with counts. Memory: 9 bytes for each raw example, and their sort."""
    n, seed = len(walks.nodes), rng.derive_seed(seed, "negatives")
    codes, drawn = [], []
    for batch in walks.padded_batches():
        target, context = windows.list_window_pairs(batch.rows, batch.lengths, window)
        codes.append(encode_pairs(target, context, n))
        draw = NegativeDraw(batch.walk_ids, target, count_pairs_per_walk(batch.lengths, window), per_positive, seed, n)
        drawn.append(draw_negative_codes(draw, 0))
    positives = np.setdiff1d(np.concatenate(codes), [-1]) if exclude_positives and codes else None
    examples: list[NDArray[np.int64]] = []
    for batch, positive, negative in zip(walks.padded_batches(), codes, drawn, strict=True):
        if positives is not None:
            target, _ = windows.list_window_pairs(batch.rows, batch.lengths, window)
            draw = NegativeDraw(batch.walk_ids, target, count_pairs_per_walk(batch.lengths, window), per_positive, seed, n)
            negative = redraw_positives(negative, draw, positives)
        both = np.concatenate([positive[:, None] * 2 + 1, np.where(negative < 0, -1, negative * 2)], axis=1)
        examples.append(both.reshape(-1))
    return count_examples(np.concatenate(examples) if examples else np.empty(0, np.int64), n)


def count_pairs_per_walk(lengths: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Return (walks,) int64: the pairs of each walk."""
    places = np.arange(int(lengths.max(initial=0)))[None, :]
    reach = np.minimum(places, window) + np.minimum(lengths[:, None] - 1 - places, window)
    return np.asarray(np.where(places < lengths[:, None], reach, 0).sum(axis=1), np.int64)


def encode_pairs(a: NDArray[np.int64], b: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return one number for each unordered pair; -1 where the ends are equal."""
    return np.where(a == b, -1, np.minimum(a, b) * n + np.maximum(a, b))


class NegativeDraw(NamedTuple):
    """The draw of negatives for the pairs of some walks.

    walk_ids, num_pairs (walks,) int64; target (pairs,) int64; per_positive: negatives of a pair; n: rows to draw from.
    """

    walk_ids: NDArray[np.int64]
    target: NDArray[np.int64]
    num_pairs: NDArray[np.int64]
    per_positive: int
    seed: int
    n: int


def draw_negative_codes(draw: NegativeDraw, attempt: int) -> NDArray[np.int64]:
    """Return (pairs, per_positive) int64 codes of negatives, a function of the seed, the walk and the attempt."""
    walk_ids, target, num_pairs, per_positive, seed, n = draw
    nodes = negatives.draw_uniform_negatives(seed, walk_ids, num_pairs, per_positive, n, attempt)
    return encode_pairs(np.repeat(target, per_positive), nodes, n).reshape(len(target), per_positive)


def redraw_positives(negative: NDArray[np.int64], draw: NegativeDraw, positives: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw again every negative that is a positive; after MAX_DRAWS draws it is left out (-1)."""
    for attempt in range(1, MAX_DRAWS):
        is_positive = np.isin(negative, positives)
        if not is_positive.any():
            return negative
        negative = np.where(is_positive, draw_negative_codes(draw, attempt), negative)
    return np.where(np.isin(negative, positives), -1, negative)


def count_examples(examples: NDArray[np.int64], n: int) -> ExampleTable:
    """Merge equal examples, each code * 2 + label; numbers below 0 are left out."""
    valid = examples[examples >= 0]
    distinct, first, counts = np.unique(valid, return_index=True, return_counts=True)
    order = np.argsort(first)
    code, label = distinct[order] // 2, (distinct[order] % 2).astype(np.float32)
    return ExampleTable(code // n, code % n, label, counts[order].astype(np.float32), len(examples))


class KerasNode2Vec(LoopModel):
    """The published recipe: one table (n, dim), dense Adam, batches from a shuffle buffer."""

    no_batch_remedy = "make more walks, or lower train.keras_node2vec.batch_size"

    def __init__(self, walks: WalkDataset, config: Train, inputs: ModelInputs | None = None) -> None:
        self.nodes, self.inputs = walks.nodes, inputs or ModelInputs()
        self.recipe = config.keras_node2vec
        self.order_seed = rng.derive_seed(config.seed, "order")
        examples = build_examples(walks, config.window, config.negatives, config.seed, self.recipe.exclude_positives)
        self.num_raw = examples.num_raw
        self.src, self.dst, self.label, self.counts = (torch.from_numpy(column) for column in examples[:4])
        self.table = torch.nn.Parameter(init_he_normal(len(walks.nodes), config.dim, config.seed))
        self.tokens = self.num_steps() * self.recipe.batch_size
        # Keras's epsilon, not torch's.
        self.optimiser = torch.optim.Adam([self.table], lr=self.recipe.learning_rate, eps=1e-7)

    def num_steps(self) -> int:
        """Return the number of full batches of an epoch."""
        return len(self.src) // self.recipe.batch_size

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Tensor]:
        """Yield example numbers, batch_size at a time, without the first `skip` batches; the last partial batch is dropped."""
        order = torch.from_numpy(
            rng.draw_buffered_permutation(self.order_seed, epoch, len(self.src), self.recipe.shuffle_buffer)
        )
        for step in range(skip, self.num_steps()):
            yield order[step * self.recipe.batch_size : (step + 1) * self.recipe.batch_size]

    def learning_rate(self, progress: float) -> float:
        """Return Adam's rate."""
        return self.recipe.learning_rate

    def step(self, batch: Tensor, progress: float, next_progress: float) -> StepResult:
        """Take one step of Adam; the loss counts as one batch."""
        self.optimiser.zero_grad()
        logits = (self.table[self.src[batch]] * self.table[self.dst[batch]]).sum(dim=1)
        data_loss = losses.weighted_bce(logits, self.label[batch], self.counts[batch])
        loss = data_loss + self.recipe.l2 * (self.table**2).sum()
        loss.backward()
        self.optimiser.step()
        return StepResult(float(loss.detach()), 1.0, len(batch))

    def state_dict(self) -> dict[str, Any]:
        """Return the table and Adam's moments."""
        return {"table": self.table.detach(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the table and Adam's moments."""
        with torch.no_grad():
            self.table.copy_(state["table"])
        self.optimiser.load_state_dict(dict(state["optimiser"]))

    def summarize(self) -> dict[str, int]:
        """Return the number of nodes, and of examples before and after merging."""
        return {"nodes": len(self.nodes), "raw examples": self.num_raw, "distinct examples": len(self.src)}

    def vectors(self) -> tuple[Tensor, None]:
        """Return the table; there are no context vectors."""
        return self.table.detach(), None

    def outputs(self) -> Iterator[TableOutput]:
        """Yield the embeddings of all nodes."""
        yield embedding_output(self.inputs, self.nodes, *self.vectors())


def init_he_normal(rows: int, dim: int, seed: int) -> Tensor:
    """Return (rows, dim) float32: normal, truncated at two standard deviations, then of standard deviation sqrt(2 / rows).

    Keras's he_normal on an embedding, whose fan-in is the rows.
    """
    uniform = torch.from_numpy(rng.draw_unit_matrix(rng.derive_seed(seed, "tables"), rows, dim, 0))
    unit: Tensor = torch.erfinv((2 * uniform - 1) * TWO_SIGMA_MASS) * 2**0.5
    unit *= (2 / rows) ** 0.5 / TRUNCATED_STD
    return unit.float()


def build_keras_node2vec(inputs: ModelInputs, config: Train) -> KerasNode2Vec:
    """Build the model from walks and their nodes."""
    nodes, _ = read_node_visits(inputs)
    return KerasNode2Vec(WalkDataset(inputs.tables.list_shards("walks"), nodes, seed=config.seed), config, inputs)


MODEL = ModelSpec(
    name="keras_node2vec",
    section="keras_node2vec",
    reads=lambda _: ("vocabulary", "walks", "node_visits"),
    writes=lambda _: ("embeddings",),
    build=build_keras_node2vec,
)
