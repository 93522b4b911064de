"""Edges: the k heaviest of each node, the stored configuration, and the diagnostics of the cuts."""

from typing import Any

import numpy as np
import pytest

from support import pair_oracles as brute
from walkgram.config.pairs import Pairs
from walkgram.errors import ConfigError
from walkgram.stages.pairs import edges


def test_the_k_heaviest_edges_of_either_end_stay_with_their_ties(spark: Any) -> None:
    rng = np.random.default_rng(6)
    weights = {(x, y): float(rng.integers(1, 5)) for x in range(9) for y in range(9) if x != y and rng.random() < 0.7}
    for directed in (True, False):
        all_edges = {pair: brute.Edge(1, 0.0, w) for pair, w in weights.items() if directed or pair[0] < pair[1]}
        table = spark.createDataFrame([(*pair, e.weight) for pair, e in all_edges.items()], "src long, dst long, weight double")
        expected = brute.top_k_per_node(all_edges, 2, directed)
        rows = edges.top_k_per_node(table.coalesce(1), 2, directed).collect()
        assert sorted((r["src"], r["dst"], r["weight"]) for r in rows) == sorted((*p, e.weight) for p, e in expected.items())
        assert len(all_edges) / 4 < len(expected) < len(all_edges)


def test_counts_of_another_configuration_are_refused() -> None:
    stored = {"baskets": Pairs(max_items_per_user=3, tasks=4).model_dump(), "pairs": Pairs(min_frequency=2).model_dump()}
    edges.check_counting(Pairs(max_items_per_user=3, min_frequency=2, tasks=9, blocks=2, counter_columns=5), stored)
    message = (
        r"pairs\.max_items_per_user = 0, but table baskets was counted with 3: run the job baskets \(walkgram baskets\) again"
    )
    with pytest.raises(ConfigError, match=message):
        edges.check_counting(Pairs(min_frequency=2), stored)
    message = r"pairs\.min_frequency = 1, but table pairs was counted with 2: run the job pairs \(walkgram pairs\) again"
    with pytest.raises(ConfigError, match=message):
        edges.check_counting(Pairs(max_items_per_user=3), stored)


def test_the_diagnostics_name_the_largest_weight_and_frequency() -> None:
    assert "the heaviest pair weighs 2.5, the most frequent has 7 users" in edges.filter_diagnostics(
        {"max_weight": 2.5, "max_frequency": 7}
    )
    assert "no pair has a weight above 0" in edges.filter_diagnostics({"max_weight": 0.0, "max_frequency": 7})
