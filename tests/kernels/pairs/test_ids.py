"""Hashes of ids: against plain Python, in any chunks of a column."""

import numpy as np
import pyarrow as pa
import pytest

from support import oracles
from walkgram.kernels.pairs import ids
from walkgram.stages.pairs.baskets import hash_ids

LONGS = [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
STRINGS = ["", "a", "b", "seven b", "eight by", "nine byte", "ä€😀", "x" * 100, "x" * 101]


def test_hashes_of_longs() -> None:
    hashes = hash_ids(pa.chunked_array([LONGS[:3], LONGS[3:]], pa.int64()))
    assert hashes.tolist() == [oracles.hashed(value) for value in LONGS]


@pytest.mark.parametrize("cut", [0, 2, len(STRINGS)])
def test_hashes_of_strings_in_any_chunks_and_slices(cut: int) -> None:
    padded = pa.array(["before", *STRINGS, "after"])
    column = pa.chunked_array([padded.slice(1, cut), padded.slice(1 + cut, len(STRINGS) - cut)], pa.string())
    assert hash_ids(column).tolist() == [oracles.hashed(value) for value in STRINGS]
    assert len(set(hash_ids(column).tolist())) == len(STRINGS)


def test_sample_keys_depend_on_the_user_the_item_and_the_seed() -> None:
    users, items = hash_ids(pa.chunked_array([["u", "v", "u"]])), hash_ids(pa.chunked_array([[5, 5, 6]]))
    keys = [ids.sample_keys(users, items, seed).tolist() for seed in (0, 7, 2**63 - 1)]
    pairs = list(zip(["u", "v", "u"], [5, 5, 6], strict=True))
    assert keys == [[oracles.lot(*pair, seed) for pair in pairs] for seed in (0, 7, 2**63 - 1)]
    assert all(0 <= key < 2**63 for row in keys for key in row)


def test_partitions_by_hash_preserve_the_order() -> None:
    hashes = np.random.default_rng(3).integers(0, 2**63, 1000).astype(np.uint64)
    order, indptr = ids.partition_by_hash(hashes, 7)
    assert indptr[0] == 0
    assert indptr[-1] == 1000
    for k in range(7):
        assert order[indptr[k] : indptr[k + 1]].tolist() == np.flatnonzero(hashes % np.uint64(7) == k).tolist()
