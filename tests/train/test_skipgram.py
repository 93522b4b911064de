"""Model `skipgram`: the rate, the first tables, its vectors, the validation loss, vectors of planted communities."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from support.models import MemorySlot, get_replicated
from support.oracles import MemoryShard, undirected
from walkgram.config.train import SkipgramConfig, Train
from walkgram.kernels.graph import csr
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import build_walk_graph
from walkgram.train import loop
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models import skipgram_params
from walkgram.train.models.skipgram import Skipgram

RAGGED = [(0, [0, 1, 2, 1, 3]), (1, [4]), (2, [2, 2, 0]), (3, [3, 4, 3, 4])]
COUNTS = np.array([2, 2, 3, 3, 3])


def make_model(ids: list[tuple[int, list[int]]], counts: np.ndarray, **options: Any) -> Skipgram:
    config = Train(dim=6, window=2, negatives=3, epochs=2, skipgram=SkipgramConfig(**options))
    return Skipgram(WalkDataset([MemoryShard([ids])], np.arange(len(counts))), counts, config)


@pytest.mark.parametrize(("progress", "rate"), [(0.0, 0.004), (0.5, 0.002), (0.9, 0.0015), (1.0, 0.0015)])
def test_the_rate_falls_linearly_to_its_least(progress: float, rate: float) -> None:
    assert make_model(RAGGED, COUNTS, learning_rate=0.004, min_learning_rate=0.0015).learning_rate(progress) == pytest.approx(
        rate
    )


def test_a_least_rate_above_the_first_is_no_rise() -> None:
    assert {make_model(RAGGED, COUNTS, learning_rate=1e-5).learning_rate(progress) for progress in (0.0, 0.5, 1.0)} == {1e-5}


def test_tables_start_with_the_length_asked_for_and_by_the_seed_alone() -> None:
    counts = np.full(500, 2)
    config = Train(dim=48, seed=3, skipgram=SkipgramConfig(init_norm=0.7))
    first, again = (Skipgram(WalkDataset([MemoryShard([])], np.arange(500)), counts, config) for _ in range(2))
    assert torch.equal(get_replicated(first).vector, get_replicated(again).vector)
    assert float(get_replicated(first).vector.norm(dim=1).square().mean() ** 0.5) == pytest.approx(0.7, rel=0.01)
    assert np.unique(get_replicated(first).vector.numpy()).size > 23_000
    assert not get_replicated(first).context.any()
    fewer = Skipgram(WalkDataset([MemoryShard([])], np.arange(9)), np.full(9, 2), config)
    assert torch.equal(get_replicated(fewer).vector, get_replicated(first).vector[:9])


def test_a_batch_says_its_tokens_and_two_epochs_draw_other_negatives() -> None:
    one, other = make_model(RAGGED, COUNTS), make_model(RAGGED, COUNTS)
    result = one.step(next(one.batches(0)), 0.0, 0.5)
    assert result.tokens == one.tokens == 13
    assert not result.error
    other.step(next(other.batches(0))._replace(epoch=1), 0.0, 0.5)
    assert not torch.equal(get_replicated(one).vector, get_replicated(other).vector)


def test_walks_of_one_node_each_train_to_a_loss_of_zero() -> None:
    lonely = make_model([(0, [3]), (1, [0])], COUNTS)
    before = get_replicated(lonely).vector.clone()
    assert [epoch.loss for epoch in loop.run_loop(lonely, loop.TrainPlan(2), MemorySlot().checkpoints())] == [0.0, 0.0]
    assert torch.equal(get_replicated(lonely).vector, before)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(
    "walk", [[0, 1] * 40, [0, *[x for leaf in range(1, 40) for x in (leaf, 0)]], [0] * 80], ids=["two", "star", "one"]
)
def test_no_usual_rate_diverges(rate: float, walk: list[int]) -> None:
    counts = np.bincount(walk, minlength=40) + 1
    trained = make_model([(i, walk) for i in range(64)], counts, learning_rate=rate, batch_walks=8)
    epochs = loop.run_loop(trained, loop.TrainPlan(6), MemorySlot().checkpoints())
    assert all(np.isfinite(epoch.loss) for epoch in epochs)
    assert epochs[-1].loss <= epochs[0].loss * 1.05
    assert all(
        float(table.norm(dim=1).max()) < 30 for table in (get_replicated(trained).vector, get_replicated(trained).context)
    )


def test_the_mean_of_both_tables_may_be_written_alone() -> None:
    both, mean = make_model(RAGGED, COUNTS), make_model(RAGGED, COUNTS, output="mean")
    for model in (both, mean):
        loop.run_loop(model, loop.TrainPlan(2), MemorySlot().checkpoints())
    vector, context = both.vectors()
    assert context is not None
    assert torch.equal(mean.vectors()[0], (vector + context) / 2)
    assert mean.vectors()[1] is None
    assert torch.equal(get_replicated(mean).vector, vector)


def test_the_probability_to_keep_a_token_is_that_of_word2vec() -> None:
    counts = np.array([900, 90, 10])
    probabilities = skipgram_params.keep_probabilities(counts, 1e-3)
    assert probabilities.tolist() == pytest.approx([(1e-3 / f) ** 0.5 + 1e-3 / f for f in (0.9, 0.09, 0.01)], rel=1e-6)
    assert skipgram_params.keep_probabilities(counts, 0.0).tolist() == [1, 1, 1]


def test_the_validation_loss_repeats_itself_and_falls() -> None:
    rows = [(i, [i % 5, (i + 1) % 5, (i + 2) % 5, i % 5]) for i in range(400)]
    walks = WalkDataset([MemoryShard([rows[:150], rows[150:]])], np.arange(5), validation_walks=100, seed=7)
    trained = Skipgram(
        walks, np.full(5, 320), Train(dim=8, window=1, validation_walks=100, skipgram=SkipgramConfig(batch_walks=16))
    )
    before = trained.validate()
    assert trained.validate() == before
    epochs = loop.run_loop(trained, loop.TrainPlan(3), MemorySlot().checkpoints())
    losses = [epoch.validation_loss for epoch in epochs]
    assert before is not None
    assert all(loss is not None and loss < before for loss in losses)
    assert losses[-1] == trained.validate()


def draw_communities(groups: int, size: int, seed: int) -> dict[int, dict[int, float]]:
    """Draw communities: edge probability .6 inside and .03 between, weights 1 to 3; a ring besides connects every node."""
    rng, n = np.random.default_rng(seed), groups * size
    chance = np.where(np.arange(n)[:, None] // size == np.arange(n) // size, 0.6, 0.03)
    both = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    ring = [(i, (i + 1) % n, 1.0) for i in range(n)]
    return undirected([*((int(a), int(b), float(rng.integers(1, 4))) for a, b in both), *ring])


@pytest.mark.parametrize("workers", [1, 2])
def test_planted_communities_are_found_from_walks(workers: int) -> None:
    groups, size, length = 5, 16, 20
    graph, n = draw_communities(groups, size, 3), groups * size
    edges = np.array([(v, x, w) for v, row in graph.items() for x, w in row.items()])
    indptr, indices, weights = csr.build_csr(edges[:, 0].astype(int), edges[:, 1].astype(int), edges[:, 2], 0, n, n)
    csr_rows = build_walk_graph(indptr, indices, weights, True)
    ids = np.arange(10 * n)
    nodes, lengths = sample_walks(csr_rows, ids % n, ids, make_walk_params(0.5, 2.0, length, 7))
    assert (lengths == length).all()
    rows = list(zip(ids.tolist(), nodes.tolist(), strict=True))
    shards = [MemoryShard([rows[:400]]), MemoryShard([rows[400:]])]
    config = Train(dim=16, window=5, epochs=3, negatives=5, skipgram=SkipgramConfig(learning_rate=0.05, batch_walks=16))
    model = Skipgram(WalkDataset(shards, np.arange(n)), np.bincount(nodes.ravel(), minlength=n), config)
    losses = [e.loss for e in loop.run_loop(model, loop.TrainPlan(3, workers), MemorySlot().checkpoints())]
    unit = normalize(model.vectors()[0], dim=1)
    nearest = (unit @ unit.T).fill_diagonal_(-2).topk(10).indices
    assert float(((nearest // size) == torch.arange(n)[:, None] // size).float().mean()) > 0.9
    assert losses[2] < losses[0]
