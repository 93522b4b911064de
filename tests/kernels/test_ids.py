"""Hashes of ids: against plain Python, whatever else is in the column."""

import numpy as np
import pyarrow as pa
import pytest

from support import oracles
from walkgram.kernels.pairs import ids
from walkgram.stages.pairs.baskets import hash_ids

LONGS = [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
TEXTS = ["", "a", "b", "seven b", "eight by", "nine byte", "ä€😀", "x" * 100, "x" * 101]


def test_longs() -> None:
    found = hash_ids(pa.chunked_array([LONGS[:3], LONGS[3:]], pa.int64()))
    assert found.tolist() == [oracles.hashed(value) for value in LONGS]


@pytest.mark.parametrize("cut", [0, 2, len(TEXTS)])
def test_texts_in_any_chunks_and_slices(cut: int) -> None:
    whole = pa.array(["before", *TEXTS, "after"])
    column = pa.chunked_array([whole.slice(1, cut), whole.slice(1 + cut, len(TEXTS) - cut)], pa.string())
    assert hash_ids(column).tolist() == [oracles.hashed(value) for value in TEXTS]
    assert len(set(hash_ids(column).tolist())) == len(TEXTS)


def test_lots_depend_on_the_user_the_item_and_the_seed() -> None:
    users, items = hash_ids(pa.chunked_array([["u", "v", "u"]])), hash_ids(pa.chunked_array([[5, 5, 6]]))
    found = [ids.sample_keys(users, items, seed).tolist() for seed in (0, 7, 2**63 - 1)]
    pairs = list(zip(["u", "v", "u"], [5, 5, 6], strict=True))
    assert found == [[oracles.lot(*pair, seed) for pair in pairs] for seed in (0, 7, 2**63 - 1)]
    assert all(0 <= lot < 2**63 for row in found for lot in row)


def test_entries_are_dealt_by_their_hash_in_their_order() -> None:
    hashes = np.random.default_rng(3).integers(0, 2**63, 1000).astype(np.uint64)
    order, ends = ids.partition_by_hash(hashes, 7)
    assert ends[0] == 0
    assert ends[-1] == 1000
    for k in range(7):
        assert order[ends[k] : ends[k + 1]].tolist() == np.flatnonzero(hashes % np.uint64(7) == k).tolist()
