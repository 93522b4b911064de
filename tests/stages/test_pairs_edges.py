"""Pair counts and edges against brute force, through Spark, blocks and all."""

import math
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from walkgram.config.counting import Edges, Pmi
from walkgram.lake.blocks import Blocks
from walkgram.stages import edges, pairs, vocabulary

Baskets = dict[int, set[int]]


def random_baskets(users: int, items: int, seed: int) -> Baskets:
    rng = np.random.default_rng(seed)
    return {u: set(rng.choice(items, size=int(rng.integers(1, items)), replace=False).tolist()) for u in range(users)}


def indexed(baskets: Baskets) -> dict[int, int]:
    """Item -> dense index: by falling frequency, ties by rising item."""
    often = Counter(i for basket in baskets.values() for i in basket)
    return {item: at for at, item in enumerate(sorted(often, key=lambda i: (-often[i], i)))}


def brute_force(baskets: Baskets) -> Counter[tuple[int, int]]:
    index = indexed(baskets)
    return Counter(pair for basket in baskets.values() for pair in combinations(sorted(index[i] for i in basket), 2))


def counted(spark: Any, folder: Path, baskets: Baskets, blocks: int, tasks: int) -> tuple[Any, pairs.Plan, int]:
    rows = [(u, i, 1.0, None) for u, basket in baskets.items() for i in basket]
    table = spark.createDataFrame(rows, "user_id long, item_id long, rating float, timestamp timestamp")
    words = vocabulary.vocabulary(table)
    n = words.count()
    store = Blocks(str(folder / "users"), "test")
    work = pairs.baskets(vocabulary.index_items(table, words), blocks, n, store)
    plan = pairs.plan(spark.createDataFrame(work.collect(), work.schema))
    pairs.frequencies(words, n, Blocks(str(folder / "frequency"), "test")).collect()
    spans = plan.ranges(n, tasks)
    return (
        pairs.counts(spark.range(0, len(spans), 1, len(spans)), spans, plan.blocks, n, store, pairs.pairs, pairs.SCHEMA),
        plan,
        n,
    )


@pytest.mark.parametrize("blocks, tasks", [(1, 1), (1, 5), (3, 2), (5, 12)])
def test_counts_equal_brute_force_for_any_blocks_and_tasks(spark: Any, tmp_path: Path, blocks: int, tasks: int) -> None:
    baskets = random_baskets(30, 25, seed=blocks)
    frame, plan, _ = counted(spark, tmp_path, baskets, blocks, tasks)
    rows = frame.collect()
    assert {(r["src"], r["dst"]): r["frequency"] for r in rows} == dict(brute_force(baskets))
    assert len(rows) == len({(r["src"], r["dst"]) for r in rows})
    assert all(r["src"] < r["dst"] and r["support"] == r["frequency"] for r in rows)
    assert plan.users == len(baskets)
    assert plan.increments == sum(len(b) * (len(b) - 1) // 2 for b in baskets.values())


@pytest.mark.parametrize(
    "baskets",
    [
        {0: set(range(40)), 1: {3}, 2: {3, 4}},  # one user with every item
        {u: {0, u + 1} for u in range(20)},  # one item in every basket
        {0: {5}, 1: {6}},  # no pair at all
        {0: {1, 2}},
    ],
)
def test_skewed_baskets_are_counted_exactly(spark: Any, tmp_path: Path, baskets: Baskets) -> None:
    frame, _, _ = counted(spark, tmp_path, baskets, 2, 3)
    assert {(r["src"], r["dst"]): r["frequency"] for r in frame.collect()} == dict(brute_force(baskets))


def test_vocabulary_orders_by_falling_frequency_then_rising_id(spark: Any) -> None:
    rows = [("a", "x"), ("b", "x"), ("a", "z"), ("a", "y"), ("b", "y"), ("a", "B"), ("b", "é")]
    table = spark.createDataFrame(
        [(u, i, 1.0, None) for u, i in rows], "user_id string, item_id string, rating float, timestamp timestamp"
    )
    found = vocabulary.vocabulary(table).orderBy("index").collect()
    assert [tuple(r) for r in found] == [(0, "x", 2), (1, "y", 2), (2, "B", 1), (3, "z", 1), (4, "é", 1)]


def test_edges_are_the_same_from_counts_and_from_the_pairs_table(spark: Any, tmp_path: Path) -> None:
    baskets = random_baskets(40, 20, seed=9)
    frame, plan, n = counted(spark, tmp_path, baskets, 2, 2)
    total = float(sum(len(b) for b in baskets.values()))
    stored, spans = frame.localCheckpoint(), plan.ranges(n, 2)
    store = Blocks(str(tmp_path / "users"), "test")
    often = {pair for pair, f in brute_force(baskets).items() if f >= 3}
    for formula in ("pmi_frequency", "npmi", "shifted", "cosine"):
        options, cuts = (
            Pmi.model_validate({"weight": formula, "shift": 2.0, "smoothing": 0.75}),
            Edges(min_weight=0.2, min_frequency=3),
        )
        weigher = edges.Weigher(Blocks(str(tmp_path / "frequency"), "test"), total, options, cuts)
        tasks = spark.range(0, len(spans), 1, len(spans))
        direct = pairs.counts(tasks, spans, plan.blocks, n, store, weigher, edges.SCHEMA).collect()
        assert sorted(map(tuple, direct)) == sorted(map(tuple, edges.from_pairs(stored, weigher).collect()))
        assert {(r["src"], r["dst"]) for r in direct} <= often
        assert direct
        assert all(r["weight"] >= 0.2 for r in direct)


def test_pmi_of_an_edge_is_the_definition(spark: Any, tmp_path: Path) -> None:
    baskets = {0: {1, 2}, 1: {1, 2}, 2: {1, 3}, 3: {3}}
    frame, _, _ = counted(spark, tmp_path, baskets, 1, 1)
    weigher = edges.Weigher(Blocks(str(tmp_path / "frequency"), "test"), 7.0, Pmi(), Edges())
    found = {(r["src"], r["dst"]): r for r in edges.from_pairs(frame, weigher).collect()}
    index = indexed(baskets)
    edge = found[(index[1], index[2])]  # f(1) = 3, f(2) = 2, f(1, 2) = 2, N = 7
    assert edge["pmi"] == pytest.approx(math.log(2 * 7 / (3 * 2)))
    assert edge["weight"] == pytest.approx(2 * math.log(2 * 7 / (3 * 2)))
