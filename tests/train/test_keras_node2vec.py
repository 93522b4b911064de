"""Model `keras_node2vec`: merged counts against a Counter, the recipe's start, and its loss."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from support.oracles import MemoryShard, counted_examples, skip_grams
from walkgram.config.train import KerasNode2VecConfig as KerasConfig
from walkgram.config.train import Train
from walkgram.kernels.sgns import negatives
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import build_walk_graph
from walkgram.train.data.walks import WalkDataset
from walkgram.train.models.keras_node2vec import ExampleTable, KerasNode2Vec, build_examples, init_he_normal

Ids = Sequence[tuple[int, Sequence[int]]]
RAGGED: Ids = [(4, [0, 1, 2, 1, 3]), (0, [4]), (9, [2, 2, 0]), (2, [3, 4, 3, 4]), (7, [0, 5])]


def walks(*groups: Ids, n: int = 6) -> WalkDataset:
    return WalkDataset([MemoryShard(groups)], np.arange(n))


def as_counter(examples: ExampleTable) -> Counter[tuple[int, int, int]]:
    columns = (column.astype(int).tolist() for column in examples[:4])
    counter = Counter({(a, b, label): count for a, b, label, count in zip(*columns, strict=True)})
    assert len(counter) == len(examples.src)
    return counter


@pytest.fixture
def negative_calls(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Record the negatives of num_negatives call."""
    calls: list[np.ndarray] = []
    draw = negatives.draw_uniform_negatives

    def recording(*args: Any) -> np.ndarray:
        calls.append(draw(*args))
        return calls[-1]

    monkeypatch.setattr(negatives, "draw_uniform_negatives", recording)
    return calls


@pytest.mark.parametrize("window", [1, 2, 10])
@pytest.mark.parametrize("num_negatives", [0, 1, 4])
def test_merged_examples_are_those_of_a_counter(negative_calls: list[np.ndarray], window: int, num_negatives: int) -> None:
    examples = build_examples(walks(RAGGED), window, num_negatives, 7, False)
    pairs = [pair for _, nodes in RAGGED for pair in skip_grams(nodes, window)]
    against = list(zip(np.repeat([a for a, _ in pairs], num_negatives).tolist(), negative_calls[0].tolist(), strict=True))
    assert as_counter(examples) == counted_examples(pairs, 1) + counted_examples(against, 0)
    assert examples.num_raw == len(pairs) * (1 + num_negatives)
    assert (examples.src < examples.dst).all()


def test_examples_come_in_the_order_of_their_first_appearance() -> None:
    examples = build_examples(walks([(0, [5, 3, 5, 3]), (1, [0, 3])]), 2, 0, 7, False)
    assert examples.src.tolist() == [3, 0]
    assert examples.dst.tolist() == [5, 3]
    assert examples.counts.tolist() == [6, 2]
    assert examples.label.tolist() == [1, 1]


@pytest.mark.parametrize("exclude", [True, False])
def test_examples_do_not_depend_on_the_row_groups(exclude: bool) -> None:
    single = build_examples(walks(RAGGED, n=40), 2, 3, 7, exclude)
    split = build_examples(walks(RAGGED[:1], RAGGED[1:4], RAGGED[4:], n=40), 2, 3, 7, exclude)
    for a, b in zip(single, split, strict=True):
        np.testing.assert_array_equal(a, b)


def test_negatives_may_be_positives_unless_excluded() -> None:
    def overlap(exclude: bool) -> tuple[int, int]:
        examples = build_examples(walks(RAGGED), 2, 20, 7, exclude)
        pairs = [{(a, b) for a, b, label in as_counter(examples) if label == wanted} for wanted in (0, 1)]
        return len(pairs[0] & pairs[1]), len(pairs[0])

    assert overlap(False)[0] > 0
    shared, remaining = overlap(True)
    assert shared == 0
    assert remaining > 0


def test_excluded_negatives_are_drawn_anew_not_left_out() -> None:
    plain, excluded = (build_examples(walks(RAGGED[:1], n=1000), 2, 9, 7, exclude) for exclude in (False, True))
    assert sum(excluded.counts) == sum(plain.counts)
    crowded = build_examples(walks([(0, [0, 1, 2, 3, 4])]), 4, 50, 7, True)
    against = {pair[:2] for pair in as_counter(crowded) if pair[2] == 0}
    assert against == {(a, 5) for a in range(5)}
    assert sum(crowded.counts[crowded.label == 0]) > 400  # of 1,000; the first draws alone give 167


def test_where_every_pair_is_positive_no_negative_is_left() -> None:
    examples = build_examples(walks([(0, list(range(60)))], n=60), 60, 1, 7, True)
    assert examples.label.tolist() == [1] * (60 * 59 // 2)


def test_a_negative_equal_to_its_target_is_dropped_whether_or_not_another_walk_repeats_a_node() -> None:
    alone, beside = (build_examples(walks(ids), 1, 200, 7, True) for ids in ([(0, [0, 1])], [(0, [0, 1]), (1, [5, 5])]))
    first_counts = [{key: c for key, c in as_counter(m).items() if key[2] == 0 and key[1] != 5} for m in (alone, beside)]
    assert first_counts[0] == first_counts[1]


def test_negatives_do_not_follow_the_walks_of_the_same_seed(negative_calls: list[np.ndarray]) -> None:
    """On a complete graph the walk's next node and the negative are both uniform, and must be so independently."""
    n, length = 200, 30
    row = np.array([[x for x in range(n) if x != v] for v in range(n)], np.int32)
    graph = build_walk_graph(np.arange(n + 1) * (n - 1), row.ravel(), np.ones(n * (n - 1)), True)
    nodes, _ = sample_walks(graph, np.arange(n), np.arange(n), make_walk_params(1.0, 1.0, length, 7))
    build_examples(walks([(i, nodes[i].tolist()) for i in range(n)], n=n), 1, 1, 7, False)
    negative = negative_calls[0].reshape(n, 2 * (length - 1))[:, 1:length]
    near = np.abs(negative - nodes[:, 1:]) <= 1
    assert near.mean() < 5 * 3 / n


@pytest.mark.parametrize(("groups", "count"), [([], 0), ([[(0, [1])]], 0), ([[(0, [1, 1])]], 0), ([[(0, [1, 2])]], 1)])
def test_walks_without_pairs_make_no_example(groups: list[Ids], count: int) -> None:
    assert len(build_examples(walks(*groups), 3, 0, 7, False).src) == count


def test_he_normal_has_the_published_spread_and_is_cut_at_two_standard_deviations() -> None:
    table = init_he_normal(1000, 200, 7).double()
    sigma = (2 / 1000) ** 0.5
    assert table.dtype == torch.float64
    assert init_he_normal(3, 2, 7).dtype == torch.float32
    assert float(table.std()) == pytest.approx(sigma, rel=0.01)
    assert abs(float(table.mean())) < sigma / 100
    uncut = sigma / stats.truncnorm(-2, 2).std()
    assert float(table.abs().max()) == pytest.approx(2 * uncut, rel=1e-3)
    assert stats.kstest(table.flatten().numpy() / uncut, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3
    assert not torch.equal(init_he_normal(5, 5, 7), init_he_normal(5, 5, 8))


def make_model(size: int, l2: float = 1e-2) -> KerasNode2Vec:
    recipe = KerasConfig(batch_size=size, shuffle_buffer=8, l2=l2)
    return KerasNode2Vec(walks(RAGGED), Train(dim=3, window=2, negatives=3, keras_node2vec=recipe))


def test_an_epoch_gives_whole_batches_of_distinct_examples() -> None:
    model = make_model(4)
    epochs = [torch.cat(list(model.batches(epoch))).tolist() for epoch in (0, 1)]
    assert len(model.src) % 4 != 0
    for order in epochs:
        assert len(order) == 4 * model.num_steps() == len(model.src) // 4 * 4
        assert len(set(order)) == len(order)
    assert epochs[0] != epochs[1]


def test_a_step_is_adams_on_the_mean_of_counted_losses_and_the_tables_squares() -> None:
    model = make_model(5)
    table = model.table.detach().double().clone().requires_grad_()
    batch = next(model.batches(0))
    rows = [(int(model.src[i]), int(model.dst[i]), float(model.label[i]), float(model.counts[i])) for i in batch]
    terms = [c * torch.nn.functional.softplus((1 - 2 * y) * (table[a] @ table[b])) for a, b, y, c in rows]
    loss = torch.stack(terms).sum() / 5 + 1e-2 * (table**2).sum()
    (gradient,) = torch.autograd.grad(loss, [table])
    stepped = table - 1e-3 * gradient / (gradient.abs() + 1e-7)  # Adam's first step
    assert model.step(batch, 0.0, 0.0)[0] == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(model.vectors()[0].double(), stepped.detach(), rtol=0, atol=1e-6)


def test_planted_groups_come_to_lie_together() -> None:
    rng = np.random.default_rng(1)
    ids = [(i, (i % 4 * 5 + rng.integers(0, 5, 10)).tolist()) for i in range(200)]
    recipe = KerasConfig(batch_size=32, learning_rate=1e-2)
    model = KerasNode2Vec(walks(ids, n=20), Train(dim=8, window=3, negatives=4, keras_node2vec=recipe))
    for batch in (batch for epoch in range(60) for batch in model.batches(epoch)):
        model.step(batch, 0.0, 0.0)
    unit = torch.nn.functional.normalize(model.vectors()[0], dim=1)
    nearest = (unit @ unit.T).fill_diagonal_(-2).topk(4).indices
    assert ((nearest // 5) == torch.arange(20)[:, None] // 5).float().mean() > 0.95
