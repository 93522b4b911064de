"""CSR rows, alias tables and membership: against dicts."""

import numpy as np
import pytest

from walkgram.kernels.graph import csr

NUM_COINS = 2.0**32


def build_rows(edges: list[tuple[int, int, float]], low: int, high: int, n: int) -> dict[int, dict[int, float]]:
    """Return the rows of `build_csr` as a dict of dicts; assert their types and order."""
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array([e[2] for e in edges], np.float64), low, high, n)
    assert [array.dtype.name for array in (indptr, indices, weights)] == ["int64", "int32", "float64"]
    assert len(indptr) == high - low + 1
    rows = {}
    for row in range(high - low):
        span = slice(indptr[row], indptr[row + 1])
        assert (np.diff(indices[span]) > 0).all()
        rows[low + row] = dict(zip(indices[span].tolist(), weights[span].tolist(), strict=True))
    return rows


def probabilities(weights: list[float]) -> np.ndarray:
    """Return the probabilities of one row's alias table: a slot keeps its own edge with probability (threshold + 1) / 2^32."""
    threshold, alias = csr.build_alias_table(np.array([0, len(weights)]), np.array(weights, np.float64)).T
    unaliased = (threshold.astype(np.float64) + 1) / NUM_COINS
    return np.asarray((unaliased + np.bincount(alias, 1 - unaliased, len(weights))) / len(weights))


def test_rows_are_sorted_and_duplicates_summed() -> None:
    edges = [(1, 3, 1.0), (0, 2, 2.0), (1, 0, 4.0), (1, 3, 0.5), (2, 2, 7.0)]
    assert build_rows(edges, 0, 4, 4) == {0: {2: 2.0}, 1: {0: 4.0, 3: 1.5}, 2: {2: 7.0}, 3: {}}


def test_a_range_of_rows_may_have_any_column() -> None:
    assert build_rows([(5, 9, 1.0), (4, 0, 2.0), (5, 0, 3.0)], 4, 7, 10) == {4: {0: 2.0}, 5: {0: 3.0, 9: 1.0}, 6: {}}


@pytest.mark.parametrize("seed", range(3))
def test_random_rows_are_those_of_a_dict(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = [(int(rng.integers(3, 20)), int(rng.integers(30)), float(rng.integers(1, 9))) for _ in range(300)]
    expected: dict[int, dict[int, float]] = {row: {} for row in range(3, 20)}
    for a, b, w in edges:
        expected[a][b] = expected[a].get(b, 0.0) + w
    assert build_rows(edges, 3, 20, 30) == expected


def test_no_edges_make_empty_rows() -> None:
    assert build_rows([], 2, 4, 9) == {2: {}, 3: {}}


@pytest.mark.parametrize("edge", [(1, 0), (5, 0), (2, -1), (2, 6)])
def test_an_end_outside_its_range_is_an_error(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"2\.\.4"):
        build_rows([(*edge, 1.0)], 2, 5, 6)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_a_weight_that_is_not_positive_and_finite_is_an_error(weight: float) -> None:
    with pytest.raises(ValueError, match="weights"):
        build_rows([(0, 1, weight)], 0, 2, 2)


ROWS = {
    "one": [3.0],
    "equal": [1.0] * 7,
    "small": [1.0, 2.0, 3.0, 4.0],
    "skewed": [1e-9, 1.0, 1e9, 5.0, 1e9],
    "huge": [1e300, 2e300, 1e300],
    "tiny": [1e-300, 3e-300],
    "huge and tiny": [1e300, 1e-300, 1e300],
    "hub": [1e6, *([1.0] * 5000)],
    "random": np.random.default_rng(5).exponential(size=999).tolist(),
}


@pytest.mark.parametrize("weights", ROWS.values(), ids=ROWS.keys())
def test_an_alias_table_has_the_probabilities_of_the_weights(weights: list[float]) -> None:
    scaled = np.array(weights) / max(weights)
    np.testing.assert_allclose(probabilities(weights), scaled / scaled.sum(), rtol=0, atol=1e-9)


def test_the_alias_table_of_a_row_does_not_depend_on_other_rows() -> None:
    rows = [ROWS["small"], [], ROWS["skewed"], ROWS["one"], []]
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    alias_table = csr.build_alias_table(indptr, np.array([w for r in rows for w in r]))
    for low, high, row in zip(indptr[:-1], indptr[1:], rows, strict=True):
        single = csr.build_alias_table(np.array([0, len(row)]), np.array(row, np.float64))
        assert alias_table[low:high].tolist() == single.tolist()


def test_has_edge_finds_the_members_of_a_row_and_nothing_else() -> None:
    rows = [[2, 5, 9], [], [0], [1, 2, 3, 4, 5, 6, 7], []]
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    indices = np.array([i for r in rows for i in r], np.int32)
    for row, members in enumerate(rows):
        for node in range(-1, 12):
            assert csr.has_edge(indices, indptr[row], indptr[row + 1], node) == (node in members)


def test_indices_beyond_32_bits_are_int64() -> None:
    large = 2**40
    src, dst = np.array([1, 0, 1, 1]), np.array([large - 1, 2**33, 5, large - 1])
    indptr, indices, weights = csr.build_csr(src, dst, np.array([1.0, 2.0, 3.0, 4.0]), 0, 2, large)
    assert (indices.dtype.name, indptr.tolist(), indices.tolist()) == ("int64", [0, 1, 3], [2**33, 5, large - 1])
    assert weights.tolist() == [2.0, 3.0, 5.0]
    assert csr.build_csr(src % 2, src, np.ones(4), 0, 2, 2**31)[1].dtype == np.int32


@pytest.mark.parametrize("n", [1 << 20, (1 << 20) + 1, 1 << 33])
def test_sorting_order_is_stable_for_any_range(n: int) -> None:
    keys = np.random.default_rng(n).integers(0, n, 5000)
    keys[::7] = keys[3]
    assert csr.radix_argsort(keys, n).tolist() == np.argsort(keys, kind="stable").tolist()


def test_the_identity_alias_table_is_that_of_equal_weights() -> None:
    indptr = np.array([0, 3, 3, 4, 9])
    assert csr.identity_alias_table(indptr).tolist() == csr.build_alias_table(indptr, np.full(9, 0.3)).tolist()
