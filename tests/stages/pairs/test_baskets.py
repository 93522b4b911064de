"""Users' lists: ranges of items, the sample of max_items_per_user, and sums beyond 64 bits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from walkgram.config.pairs import Pairs, Pmi
from walkgram.errors import LakeError
from walkgram.stages.pairs import baskets, edges

Block = dict[str, np.ndarray]


class MemoryBlocks:
    """Blocks in memory."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def open(self, number: int) -> Mapping[str, np.ndarray]:
        return self.blocks[number]


@pytest.mark.parametrize("n", [1, 2, 99, 100, 101, 137, 5000])
def test_item_bounds_are_single_items_then_ranges(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baskets, "SINGLE_ITEMS", 100)
    monkeypatch.setattr(baskets, "ITEM_RANGES", 9)
    bounds = baskets.item_bounds(n)
    assert bounds[0] == 0
    assert bounds[-1] == n
    assert (np.diff(bounds) > 0).all()
    assert bounds[: min(n, 100)].tolist() == list(range(min(n, 100)))
    assert len(bounds) <= min(n, 100) + 9 + 1


def test_the_normalizer_is_exact_for_sums_above_2_to_the_63() -> None:
    s = np.array([2**62 + 1, 2**62 + 2, 2**62 + 3, 5], np.int64)
    users = np.array([7, 3 * 2**30], np.int64)
    totals: Any = MemoryBlocks({"f": s, "s": s}, {"work": np.zeros((2, 4)), "users": users, "sum": baskets.split_int64(s)})
    assert edges.compute_pmi_normalizer(Pmi(normalizer="interactions"), False, totals) == float(3 * 2**62 + 11)
    assert edges.compute_pmi_normalizer(Pmi(normalizer="interactions"), True, totals) == float(3 * 2**62 + 11) / 2**30
    assert edges.compute_pmi_normalizer(Pmi(normalizer="users"), True, totals) == 3.0


def test_ids_of_more_than_2_gib_of_text_are_encoded() -> None:
    """33 copies of one long id, and another id: 2.1 GiB as one array, 64 MiB as chunks."""
    repeated, other = (pa.array([letter * 2**26]) for letter in "xy")
    ids = pa.chunked_array([*[repeated] * 33, other])
    table = pa.table({"user_id": ids, "index": pa.array(np.arange(34, dtype=np.int32)), "time": np.arange(34) * 10})
    users, items, times = baskets.select_entries(table, Pairs(mode="sequence"))
    assert users.tolist() == [0] * 33 + [1]
    assert items.tolist() == list(range(34))
    assert times is not None
    assert times.tolist() == [10 * k for k in range(34)]


def test_the_sample_of_a_user_selects_items_and_times_alike() -> None:
    text = {"user_id": ["b", "a", "b", "b", "a"], "time": [50, 40, 30, 20, 10], "draw": [5, -5, 3, -(2**60), 8]}
    table = pa.table({**text, "index": pa.array([0, 1, 2, 3, 4], pa.int32())})
    users, items, times = baskets.select_entries(table, Pairs(mode="sequence", max_items_per_user=2))
    assert (users.tolist(), items.tolist()) == ([1, 0, 0, 1], [1, 2, 3, 4])
    assert times is not None
    assert times.tolist() == [40, 30, 20, 10]


def test_an_item_that_is_not_in_the_vocabulary_is_an_error() -> None:
    table = pa.table({"user_id": [1, 1], "item_id": [5, 6]})
    words = pa.table({"item_id": [5], "index": [0]})
    with pytest.raises(
        LakeError, match=r"not in table vocabulary: run the job interactions \(walkgram interactions\) with --force"
    ):
        baskets.hash_and_index(table, words, Pairs())
