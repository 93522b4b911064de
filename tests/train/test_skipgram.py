"""Objective `skipgram`: one step against autograd, the schedule, planted communities from walks to vectors."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from oracles import MemoryShard, undirected
from walkgram.config.schema import Skipgram as Options
from walkgram.config.schema import Train
from walkgram.kernels import csr, negatives
from walkgram.kernels.walk import graph as make
from walkgram.kernels.walk import walks as walk_graph
from walkgram.train import loop
from walkgram.train.shards import Batch, Walks
from walkgram.train.skipgram import Skipgram

RAGGED = [(0, [0, 1, 2, 1, 3]), (1, [4]), (2, [2, 2, 0]), (3, [3, 4, 3, 4])]
COUNTS = np.array([2, 2, 3, 3, 3])


def made(ids: list[tuple[int, list[int]]], counts: np.ndarray, **options: float) -> Skipgram:
    config = Train(dim=6, window=2, negatives=3, epochs=2, skipgram=Options(**options))  # type: ignore[arg-type]
    return Skipgram(Walks([MemoryShard([ids])], np.arange(len(counts))), counts, config)


def started(skipgram: Skipgram) -> tuple[Tensor, Tensor]:
    """Tables with some spread, copied into the objective."""
    generator = torch.Generator().manual_seed(1)
    tables = tuple(torch.randn(skipgram.vector.shape, generator=generator) for _ in range(2))
    skipgram.load({"vector": tables[0], "context": tables[1], "taken": 0})
    return tables[0].double().requires_grad_(), tables[1].double().requires_grad_()


def looped(batch: Batch, drawn: list[int], inward: Tensor, outward: Tensor) -> Tensor:
    """The loss of a batch of window 2 and 3 negatives, pair by pair."""
    total = torch.zeros((), dtype=torch.float64)
    for row, length in zip(batch.rows.tolist(), batch.lengths.tolist(), strict=True):
        for i, j in ((i, j) for i in range(length) for j in range(length) if 0 < abs(i - j) <= 2):
            weight = (3 - abs(i - j)) / 2
            total = total - weight * logsigmoid(inward[row[i]] @ outward[row[j]])
            for negative in drawn:
                total = total - weight * 3 / len(drawn) * logsigmoid(-inward[row[i]] @ outward[negative])
    return total


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The negatives of every step."""
    steps: list[list[int]] = []
    draw = negatives.Unigram.draw

    def recording(self: negatives.Unigram, seed: int, step: int, count: int) -> np.ndarray:
        rows = draw(self, seed, step, count)
        steps.append(rows.tolist())
        return rows

    monkeypatch.setattr(negatives.Unigram, "draw", recording)
    return steps


@pytest.mark.parametrize(("progress", "rate"), [(0.0, 0.004), (0.5, 0.002), (0.9, 0.0015)])
def test_a_step_goes_down_the_gradient_of_the_loops(drawn: list[list[int]], progress: float, rate: float) -> None:
    skipgram = made(RAGGED, COUNTS, batch_walks=4, shared_negatives=7, learning_rate=0.004, min_learning_rate=0.0015)
    batch = next(skipgram.batches(0))
    inward, outward = started(skipgram)
    found, weight = skipgram.step(batch, progress)
    loss = looped(batch, drawn[0], inward, outward)
    assert found == pytest.approx(loss.item(), rel=1e-5)
    assert weight == pytest.approx(sum(3 * n - 4 if n > 1 else 0 for n in (5, 1, 3, 4)))
    down = torch.autograd.grad(loss, (inward, outward))
    for table, start, slope in zip(skipgram.vectors(), (inward, outward), down, strict=True):
        torch.testing.assert_close(table.double(), start.detach() - rate * slope, rtol=0, atol=1e-5)


def test_every_step_draws_other_negatives_of_the_walks_nodes(drawn: list[list[int]]) -> None:
    skipgram = made(RAGGED, np.array([2, 2, 0, 3, 3]), shared_negatives=64)
    for batch in [*skipgram.batches(0), *skipgram.batches(0), *skipgram.batches(1)]:
        skipgram.step(batch, 0.0)
    assert len({tuple(rows) for rows in drawn}) == 3
    assert {row for rows in drawn for row in rows} == {0, 1, 3, 4}


def test_tables_start_small_and_by_the_seed_alone() -> None:
    first, again = made(RAGGED, COUNTS), made(RAGGED, COUNTS)
    assert torch.equal(first.vector, again.vector)
    assert float(first.vector.abs().max()) <= 0.5 / 6
    assert first.vector.unique().numel() == 30
    assert not first.context.any()


def test_a_walk_of_one_node_changes_nothing_and_weighs_nothing() -> None:
    skipgram = made([(0, [3])], COUNTS, batch_walks=1)
    before = skipgram.vector.clone()
    assert skipgram.step(next(skipgram.batches(0)), 0.0) == (0.0, 0.0)
    assert torch.equal(skipgram.vector, before)
    assert not skipgram.context.any()


def test_walks_of_one_node_each_train_to_a_loss_of_zero() -> None:
    nowhere = loop.Checkpoints("memory:", lambda: None, lambda _: None, {})
    assert [epoch.loss for epoch in loop.train(made([(0, [3]), (1, [0])], COUNTS), 2, nowhere)] == [0.0, 0.0]


def test_without_negatives_only_the_contexts_pull() -> None:
    config = Train(dim=4, window=1, negatives=0)
    skipgram = Skipgram(Walks([MemoryShard([RAGGED])], np.arange(5)), COUNTS, config)
    skipgram.step(next(skipgram.batches(0)), 0.0)
    assert torch.isfinite(skipgram.context).all()
    assert skipgram.context.any()


def planted(groups: int, size: int, seed: int) -> dict[int, dict[int, float]]:
    """Groups with an edge inside at .6 and between at .03, weights of 1 to 3; a ring besides, so that none is alone."""
    rng, n = np.random.default_rng(seed), groups * size
    chance = np.where(np.arange(n)[:, None] // size == np.arange(n) // size, 0.6, 0.03)
    both = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    ring = [(i, (i + 1) % n, 1.0) for i in range(n)]
    return undirected([*((int(a), int(b), float(rng.integers(1, 4))) for a, b in both), *ring])


def test_planted_communities_are_found_from_walks() -> None:
    groups, size, length = 5, 16, 20
    graph, n = planted(groups, size, 3), groups * size
    edges = np.array([(v, x, w) for v, row in graph.items() for x, w in row.items()])
    indptr, indices, weights = csr.build(edges[:, 0].astype(int), edges[:, 1].astype(int), edges[:, 2], 0, n, n)
    csr_rows = make(indptr, indices, weights, True)
    ids = np.arange(10 * n)
    nodes, lengths = walk_graph(csr_rows, ids % n, ids, 7, 0.5, 2.0, length)
    assert (lengths == length).all()
    rows = list(zip(ids.tolist(), nodes.tolist(), strict=True))
    shards = [MemoryShard([rows[:400]]), MemoryShard([rows[400:]])]
    config = Train(dim=16, window=5, epochs=3, negatives=5, skipgram=Options(learning_rate=0.05))
    skipgram = Skipgram(Walks(shards, np.arange(n)), np.bincount(nodes.ravel(), minlength=n), config)
    losses = [e.loss for e in loop.train(skipgram, 3, loop.Checkpoints("memory:", lambda: None, lambda _: None, {}))]
    unit = normalize(skipgram.vectors()[0], dim=1)
    nearest = (unit @ unit.T).fill_diagonal_(-2).topk(10).indices
    assert float(((nearest // size) == torch.arange(n)[:, None] // size).float().mean()) > 0.9
    assert losses[2] < losses[0]
